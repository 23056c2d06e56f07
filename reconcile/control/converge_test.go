package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// declaration is one write of intent.
type declaration struct {
	id   model.ID
	spec string
}

// drawRegion draws a region in which explicit values may collide and references may dangle.
func drawRegion(t *rapid.T) map[model.ID]string {
	intent := regionIntent()
	for i := range rapid.IntRange(1, 4).Draw(t, "networks") {
		vlan := rapid.SampledFrom([]string{"", `"segmentationID":150,`, `"segmentationID":151,`}).Draw(t, "vlan")
		subnets := rapid.SampledFrom([]string{
			`{"cidr":"10.0.0.0/24"}`, `{"cidr":"10.0.0.0/24"},{"cidr":"fd00:9::/64"}`, `{"cidr":"10.0.0.0/28"},{"cidr":"10.0.1.0/28"}`,
		}).Draw(t, "subnets")
		id := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: fmt.Sprintf("n%d", i)}
		intent[id] = `{"spec":{"type":"vlan",` + vlan + `"physicalNetwork":"physnet1","subnets":[` + subnets + `]}}`
	}
	for i := range rapid.IntRange(1, 12).Draw(t, "ports") {
		network := fmt.Sprintf("n%d", rapid.IntRange(0, 4).Draw(t, "network"))
		host := rapid.SampledFrom([]string{"", `,"host":"h1"`, `,"host":"h2"`, `,"host":"h1","migrateTo":"h2"`, `,"host":"h3"`}).Draw(t, "host")
		addr := rapid.SampledFrom([]string{"", "", `,"addresses":["10.0.0.9"]`, `,"addresses":["10.0.0.10","10.0.0.11"]`}).Draw(t, "addresses")
		mac := rapid.SampledFrom([]string{"", "", `,"mac":"fa:16:3e:00:00:07"`}).Draw(t, "mac")
		intent[port(fmt.Sprintf("p%02d", i))] = `{"spec":{"network":"` + network + `"` + host + addr + mac + `}}`
	}
	drawRouting(t, intent)
	return intent
}

// drawRouting adds routers that may want the same network or join overlapping networks, and floating addresses that may lead
// nowhere, or to one guest twice.
func drawRouting(t *rapid.T, intent map[model.ID]string) {
	if !rapid.Bool().Draw(t, "routing") {
		return
	}
	intent[model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}] = `{"spec":{}}`
	intent[internet] = internetSpec
	for _, host := range []model.ID{hostH1, hostH2} {
		intent[host] = rapid.SampledFrom([]string{hostSpec, gatewaySpec, gatewaySpec, bridgeSpec}).Draw(t, "host")
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "routers") {
		legs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{`"n0"`, `"n1"`, `"n2"`, `"blue"`}), 1, 2, rapid.ID).Draw(t, "legs")
		external := rapid.SampledFrom([]string{"", `,"externalNetwork":"operator/internet"`, `,"externalNetwork":"operator/internet"`}).Draw(t, "external")
		mode := rapid.SampledFrom([]string{"", "", `,"gateway":"none"`, `,"gateway":"centralized"`, `,"gateway":"centralized"`}).Draw(t, "gateway")
		intent[router(fmt.Sprintf("r%d", i))] = `{"spec":{"networks":[` + strings.Join(legs, ",") + `]` + external + mode + `}}`
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "floating") {
		addr := rapid.SampledFrom([]string{"", "", `,"address":"203.0.113.15"`, `,"address":"2001:db8:ffff::15"`}).Draw(t, "floating address")
		target := fmt.Sprintf(`"p%02d"`, rapid.IntRange(0, 5).Draw(t, "target"))
		to := rapid.SampledFrom([]string{"", `,"port":` + target, `,"port":` + target, `,"portForwards":[{"protocol":"tcp","port":80,"target":` + target + `},{"protocol":"udp","port":"53","target":"p00"}]`}).Draw(t, "to")
		intent[floating(fmt.Sprintf("f%d", i))] = `{"spec":{"network":"operator/internet"` + addr + to + `}}`
	}
}

// independent removes from a region what depends on who comes first.
func independent(intent map[model.ID]string) {
	taken := map[string]bool{}
	for _, d := range ordered(intent) {
		var wants []string
		switch d.id.Kind {
		case model.KindRouter:
			wants = between(d.spec, `"networks":[`, `]`)
		case model.KindFloatingIP:
			wants = between(d.spec, `"port":"p`, `"`)
		}
		explicit := strings.Contains(d.spec, `"address`) || strings.Contains(d.spec, `"mac"`) || strings.Contains(d.spec, `"segmentationID"`)
		clash := slices.ContainsFunc(wants, func(w string) bool { return taken[string(d.id.Kind)+w] })
		if d.id != internet && (explicit || clash) {
			delete(intent, d.id)
			continue
		}
		for _, w := range wants {
			taken[string(d.id.Kind)+w] = true
		}
	}
}

// between lists the items of a list in text.
func between(text, start, end string) []string {
	_, rest, ok := strings.Cut(text, start)
	if !ok {
		return nil
	}
	list, _, _ := strings.Cut(rest, end)
	return strings.Split(list, ",")
}

// routing gives both hosts all features.
func (s *sim) routing() {
	for _, node := range []string{"h1", "h2"} {
		s.feature(node, allFeatures()...)
	}
}

func allFeatures() []desired.Feature {
	all := desired.Features()
	if !slices.Contains(all, desired.FeatureCentral) {
		all = append(all, desired.FeatureCentral)
	}
	return all
}

// ordered gives the declarations in the order of their IDs.
func ordered(intent map[model.ID]string) []declaration {
	var out []declaration
	for _, id := range slices.SortedFunc(maps.Keys(intent), compareIDs) {
		out = append(out, declaration{id, intent[id]})
	}
	return out
}

// shape is everything that must not depend on how intent arrived: phases, placements and explicit values. Chosen values and uids
// are left out.
func (s *sim) shape() map[string]string {
	out := map[string]string{}
	for id := range s.cache().intents {
		cond := s.condition(id)
		var reasons []string
		for _, r := range cond.reasons {
			reasons = append(reasons, r.Field)
		}
		phase, _ := s.planner.outlook(id, &cond)
		out["condition of "+id.String()] = string(phase) + " " + strings.Join(reasons, ",")
		a := s.cache().accepted[id]
		if a == nil {
			continue
		}
		explicit := ""
		if p, ok := a.Object.Spec.(*model.PortSpec); ok {
			explicit = fmt.Sprint(p.Addresses, p.MAC, len(a.Allocated.Addresses))
		}
		out["accepted "+id.String()] = explicit
		k := desired.Key{Kind: itemKind(id.Kind), UID: a.UID}
		for node := range s.cache().placed[k] {
			state := ""
			if p, ok := s.cache().nodes[node].items[k].value.(*desired.Port); ok {
				state = string(p.State)
			}
			out[node+" holds "+id.String()] = state
		}
	}
	return out
}

// Intent that is divided into transactions, written twice, and mixed with garbage that is removed again leads to the same result as
// intent that arrives at once.
func TestArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := ordered(drawRegion(t))
		once := newSim(t)
		once.routing()
		for _, d := range all {
			once.put(d.id, d.spec)
		}
		once.settle()
		once.check()
		split := newSim(t)
		split.routing()
		for _, d := range all {
			split.put(d.id, d.spec)
		}
		for range rapid.IntRange(0, 3*len(all)).Draw(t, "replays") {
			d := rapid.SampledFrom(all).Draw(t, "again")
			if rapid.Bool().Draw(t, "garbage") {
				split.put(d.id, `{"spec":{"no such field":1}}`)
			}
			split.put(d.id, d.spec)
			if rapid.Bool().Draw(t, "transaction") && !split.planner.queue.empty() {
				split.transact()
			}
		}
		split.settle()
		split.check()
		if diff := cmp.Diff(once.shape(), split.shape()); diff != "" {
			t.Fatalf("(-at once +split)\n%s", diff)
		}
	})
}

// Objects whose explicit values do not collide may also be created in any order.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		intent := drawRegion(t)
		independent(intent)
		all := ordered(intent)
		once, shuffled := newSim(t), newSim(t)
		once.routing()
		shuffled.routing()
		for _, d := range all {
			once.put(d.id, d.spec)
		}
		once.settle()
		for _, d := range rapid.Permutation(all).Draw(t, "order") {
			shuffled.put(d.id, d.spec)
			if rapid.Bool().Draw(t, "settle") {
				shuffled.settle()
			}
		}
		shuffled.settle()
		shuffled.check()
		if diff := cmp.Diff(once.shape(), shuffled.shape()); diff != "" {
			t.Fatalf("(-sorted +shuffled)\n%s", diff)
		}
	})
}

// A replica that starts with what another one has written changes nothing. With only accepted objects and claims it computes the
// same node configs.
func TestAFreshLeaderComputesTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := newSim(t)
		for _, d := range ordered(drawRegion(t)) {
			first.put(d.id, d.spec)
		}
		first.routing()
		first.settle()
		second, bare := newSim(t), newSim(t)
		second.inherit(first, func(etcdschema.Key) bool { return true })
		second.planner.enqueueAll()
		second.settle()
		if second.writes != 0 {
			t.Fatalf("a fresh leader wrote %d keys", second.writes)
		}
		bare.inherit(first, func(k etcdschema.Key) bool { return area(k) != "desired" })
		bare.planner.enqueueAll()
		bare.settle()
		bare.check()
		for k, e := range first.cache().entries {
			_, _, head, item := etcdschema.ParseDesired(k)
			if !item || head {
				continue
			}
			if b := bare.cache().entries[k]; b == nil || string(b.data) != string(e.data) {
				t.Fatalf("%s computed again is %v, was %s", k, b, e.data)
			}
		}
	})
}

// inherit copies the etcd of another planner.
func (s *sim) inherit(from *sim, which func(etcdschema.Key) bool) {
	for _, k := range slices.SortedFunc(maps.Keys(from.cache().entries), compareKeys) {
		if e := from.cache().entries[k]; which(k) {
			s.cache().set(k, &entry{data: e.data, mod: e.mod, born: e.born})
		}
	}
	s.rev, s.uids = from.rev, from.uids // no replica gives out a uid that another has given out
}

// Whatever people do to a region, in whatever order: nothing is claimed twice, every node config matches its head, and a second
// evaluation changes nothing.
func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t)
		s.routing()
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			intent := drawRegion(t)
			for _, d := range ordered(intent) {
				switch rapid.IntRange(0, 5).Draw(t, "what") {
				case 0:
					s.remove(d.id)
				case 1:
					s.remove(d.id)
					s.put(d.id, d.spec)
				default:
					s.put(d.id, d.spec)
				}
			}
			if rapid.Bool().Draw(t, "settle") {
				s.settle()
				s.check()
			}
		}
		s.settle()
		s.check()
		writes, before := s.writes, s.snapshot()
		s.planner.enqueueAll()
		s.settle()
		if s.writes != writes {
			t.Fatalf("a second look wrote %d keys: (-before +after)\n%s", s.writes-writes, cmp.Diff(before, s.snapshot()))
		}
	})
}

// disturb does to a region what people do not do: a weftd is upgraded or downgraded (what it does not support any more stays if it
// is harmless), a guest arrives, keys are deleted or written by hand, a transaction is refused.
func (s *sim) disturb(t *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(t, "disturbance") {
	case 0:
		s.feature(rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "upgraded"), allFeatures()...)
	case 1:
		for _, id := range sortedKeys(s.cache().accepted) {
			if n := s.number(id); n != 0 && rapid.Bool().Draw(t, "arrives") {
				s.hears("h2", id, n)
			}
		}
	case 2:
		if keys := s.keysIn("claim"); len(keys) > 0 {
			s.event(rapid.SampledFrom(keys).Draw(t, "claim gone"), nil)
		}
	case 3:
		if keys := s.keysIn("desired"); len(keys) > 0 {
			value := rapid.SampledFrom([][]byte{nil, []byte(`garbage`)}).Draw(t, "written by hand")
			s.event(rapid.SampledFrom(keys).Draw(t, "item"), value)
		}
	case 4:
		tx, units := s.planner.fill()
		tx.abandon()
		for _, u := range units {
			s.planner.queue.add(u)
		}
	}
}

func sortedKeys(accepted map[model.ID]*etcdschema.Accepted) []model.ID {
	return slices.SortedFunc(maps.Keys(accepted), compareIDs)
}

func (s *sim) keysIn(of string) []etcdschema.Key {
	var keys []etcdschema.Key
	for k := range s.cache().entries {
		if area(k) == of {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// Whatever happens, in whatever order: evaluating change by change gives the same as evaluating everything from nothing, byte by
// byte.
func TestAnyHistoryEqualsAFreshLook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t)
		s.feature("h1", desired.Baseline()...)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			for _, d := range ordered(drawRegion(t)) {
				if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
					s.remove(d.id)
				} else {
					s.put(d.id, d.spec)
				}
				if rapid.IntRange(0, 3).Draw(t, "disturbed") == 0 {
					s.disturb(t)
				}
				if rapid.IntRange(0, 3).Draw(t, "settled") == 0 {
					s.settle()
				}
			}
		}
		s.settle()
		writes := s.writes
		s.planner.enqueueAll()
		s.settle()
		if s.writes != writes {
			t.Fatalf("a second look wrote %d keys", s.writes-writes)
		}
		fresh := newSim(t)
		fresh.inherit(s, func(k etcdschema.Key) bool { return area(k) != "desired" })
		fresh.planner.enqueueAll()
		fresh.settle()
		if diff := cmp.Diff(fresh.configs(), s.configs()); diff != "" {
			t.Fatalf("(-from nothing +change by change)\n%s", diff)
		}
	})
}

// configs are the node configs without the heads, which count writes.
func (s *sim) configs() map[string]string {
	out := s.snapshot()
	maps.DeleteFunc(out, func(k, _ string) bool { return !strings.HasPrefix(k, "desired/") || strings.HasSuffix(k, "/_head") })
	return out
}
