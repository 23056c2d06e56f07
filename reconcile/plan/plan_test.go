package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/reconcile/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func index(objects ...object.Object) map[object.Key]object.Object {
	m := map[object.Key]object.Object{}
	for _, o := range objects {
		m[o.Key()] = o
	}
	return m
}

func bridge(failMode string) *object.Bridge {
	return &object.Bridge{OwnerUID: "h1", Name: "br-int", DatapathType: "netdev", FailMode: failMode,
		Protocols: object.BridgeProtocols()}
}

func port(device string, tag uint16) *object.OVSPort {
	return &object.OVSPort{OwnerUID: "port-" + device, Bridge: "br-int", Device: device, Tag: tag}
}

func flows(cookie uint64, after ...object.Key) *object.FlowSet {
	return &object.FlowSet{OwnerUID: "n", Bridge: "br-int", Feature: "port", Cookie: cookie, After: after,
		Flows: []object.Flow{{Table: 0, Priority: 100, Match: object.Match{InPort: uint32(cookie)}, Actions: []object.Action{object.Goto{Table: 10}}}}}
}

func link(device string, after ...object.Key) *object.Link {
	return &object.Link{OwnerUID: "port-" + device, Name: device, MTU: 1500, Up: true, After: after}
}

func always(object.Key) bool { return true }
func never(object.Key) bool  { return false }

func TestDiffGolden(t *testing.T) {
	t.Parallel()
	down := link("tap1")
	down.Up = false
	a, b := flows(1), flows(2)
	a.After, b.After = []object.Key{b.Key()}, []object.Key{a.Key()}
	for name, c := range map[string]struct {
		desired, observed map[object.Key]object.Object
		removable         func(object.Key) bool
	}{
		"fresh_host": {index(bridge("secure"), port("tap1", 4095), flows(1), link("tap1", flows(1).Key()),
			&object.DHCPBinding{OwnerUID: "port-tap1", Device: "tap1"}), index(down), never},
		"nothing_to_do":      {index(bridge("secure"), port("tap1", 4095)), index(bridge("secure"), port("tap1", 4095)), always},
		"drift":              {index(bridge("secure"), port("tap1", 4095)), index(bridge("standalone"), port("tap1", 7)), always},
		"make_before_break":  {index(flows(3), flows(4, flows(3).Key())), index(bridge("secure"), port("tap1", 4095), flows(1)), func(k object.Key) bool { return k.Kind != object.KindBridge }},
		"bridge_goes":        {nil, index(bridge("secure"), port("tap1", 4095), flows(1)), always},
		"missing_dependency": {index(port("tap1", 4095), flows(1), link("tap1", flows(1).Key())), index(down), never},
		"cycle":              {index(a, b, flows(3, a.Key()), flows(4)), index(bridge("secure")), never},
		"dependency_removed": {index(port("tap1", 4095)), index(bridge("secure")), always},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plan.Diff(c.desired, c.observed, c.removable, nil)
			js, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", p.String())
			golden(t, name+".json", string(js)+"\n")
		})
	}
}

// TestOnlyChangesNeedTheirDependencies: what is as desired needs nothing else to be looked up, and a dependency that is found later orders
// nothing.
func TestOnlyChangesNeedTheirDependencies(t *testing.T) {
	t.Parallel()
	quiet := plan.Compare(index(port("tap1", 4095), flows(1)), index(port("tap1", 4095), flows(1)), never)
	if needs := quiet.Needs(); len(needs) > 0 || !quiet.Order(nil, nil).Empty() {
		t.Errorf("nothing differs, and %v is needed", needs)
	}
	desired, observed := index(port("tap1", 4095), flows(1), flows(3, flows(4).Key())), index(port("tap1", 7), flows(1))
	changes := plan.Compare(desired, observed, never)
	needs := changes.Needs()
	slices.SortFunc(needs, object.Key.Compare)
	want := []object.Key{bridge("secure").Key(), flows(4).Key()}
	if !slices.Equal(needs, want) {
		t.Fatalf("needs %v, expected %v", needs, want)
	}
	if p := changes.Order(nil, nil); len(p.Steps) > 0 || len(p.Blocked) != 2 {
		t.Errorf("nothing was found, and there is a plan: %s", p)
	}
	all := index(port("tap1", 7), flows(1), flows(4), bridge("secure"))
	if p, whole := changes.Order(index(flows(4), bridge("secure")), nil), plan.Diff(desired, all, never, nil); p.String() != whole.String() || len(p.Steps) != 2 {
		t.Errorf("%s\nexpected\n%s", p, whole)
	}
}

// TestRemembersWhatIsNeeded: what an object depended on when it was desired is removed after it, although the host does not show
// the dependency.
func TestRemembersWhatIsNeeded(t *testing.T) {
	t.Parallel()
	first, second := port("tap1", 1), port("tap2", 1) // by their keys alone the order would be reversed
	observed := index(first, second, bridge("secure"))
	p := plan.Diff(nil, observed, always, func(k object.Key) []object.Key {
		if k == second.Key() {
			return []object.Key{first.Key(), (&object.Namespace{Name: "not there"}).Key()}
		}
		return nil
	})
	var order []object.Key
	for _, stage := range p.Stages() {
		if len(stage) != 1 {
			t.Fatalf("together: %s", p)
		}
		order = append(order, stage[0].Change.Key())
	}
	if want := []object.Key{second.Key(), first.Key(), bridge("").Key()}; !slices.Equal(order, want) {
		t.Errorf("removed in the order %v, expected %v", order, want)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// TestDiffOrder draws random dependency graphs and checks the invariants of the package on every plan.
func TestDiffOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const n = 8
		draw := func(label string) map[object.Key]object.Object {
			m := map[object.Key]object.Object{}
			for i := range n {
				if !rapid.Bool().Draw(t, fmt.Sprintf("%s %d", label, i)) {
					continue
				}
				l := link(fmt.Sprint(i))
				l.MTU = rapid.IntRange(1, 2).Draw(t, "mtu")
				for _, d := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 3).Draw(t, "after") {
					l.After = append(l.After, link(fmt.Sprint(d)).Key())
				}
				m[l.Key()] = l
			}
			return m
		}
		desired, observed := draw("desired"), draw("observed")
		p := plan.Diff(desired, observed, always, nil)
		for range 10 { // the order of a map differs each time
			if p.String() != plan.Diff(desired, observed, always, nil).String() {
				t.Fatal("two plans of the same input differ")
			}
		}
		checkOrder(t, p, desired, observed)
	})
}

func checkOrder(t *rapid.T, p plan.Plan, desired, observed map[object.Key]object.Object) {
	there := map[object.Key]bool{}
	for k := range observed {
		there[k] = true
	}
	broke := false
	for _, stage := range p.Stages() {
		for _, s := range stage {
			k := s.Change.Key()
			if s.Change.Op == object.Delete {
				broke = true
				continue
			}
			if broke {
				t.Fatalf("%s is made after something was removed:\n%s", k, p)
			}
			for _, d := range s.Change.Desired.DependsOn() {
				if !there[d] {
					t.Fatalf("%s comes before %s:\n%s", k, d, p)
				}
			}
		}
		for _, s := range stage {
			there[s.Change.Key()] = s.Change.Op != object.Delete
		}
	}
	blocked := map[object.Key]bool{}
	for _, b := range p.Blocked {
		blocked[b.Key] = true
	}
	for k, o := range desired {
		if !there[k] && !blocked[k] {
			t.Fatalf("%s is neither made nor reported:\n%s", o.Key(), p)
		}
	}
	for k := range observed {
		if _, wanted := desired[k]; !wanted && there[k] {
			t.Fatalf("%s is not removed:\n%s", k, p)
		}
	}
}
