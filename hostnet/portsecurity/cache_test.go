package portsecurity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

func guestElement(device string) object.PortSecurityElement {
	return object.PortSecurityElement{Set: object.PortSecurityGuests, Interface: device}
}

// table is a cache of a correct table, with two names in its sets and an uplink.
func table() cache {
	v := cache{exists: true, uplinks: map[string]string{"eth0": ""}}
	v.set("tap1", guestElement("tap1"), true)
	v.set("tap1", object.PortSecurityElement{Set: object.PortSecurityMACs, Interface: "tap1", MAC: object.MAC{2}}, true)
	v.set("wfb1", object.PortSecurityElement{Set: object.PortSecurityBridges, Interface: "wfb1"}, true)
	return v
}

// TestWhatChanged: each thing that differs between two caches is reported by its key, once.
func TestWhatChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*cache)
		want   string
	}{
		"nothing":              {func(*cache) {}, ""},
		"the table is gone":    {func(v *cache) { *v = cache{} }, "port-security-elements/tap1 port-security-elements/wfb1 port-security-uplink/eth0 port-security/weft"},
		"the rules are others": {func(v *cache) { v.rules = "one is missing" }, "port-security/weft"},
		"an element goes":      {func(v *cache) { v.set("tap1", guestElement("tap1"), false) }, "port-security-elements/tap1"},
		"an element comes":     {func(v *cache) { v.set("wfb1", guestElement("x"), true) }, "port-security-elements/wfb1"},
		"a name goes":          {func(v *cache) { delete(v.elements, "wfb1") }, "port-security-elements/wfb1"},
		"a name comes":         {func(v *cache) { v.set("tap2", guestElement("tap2"), true) }, "port-security-elements/tap2"},
		"an uplink's chain":    {func(v *cache) { v.uplinks = map[string]string{"eth0": "not ours"} }, "port-security-uplink/eth0"},
		"another uplink":       {func(v *cache) { v.uplinks = map[string]string{"eth1": ""} }, "port-security-uplink/eth0 port-security-uplink/eth1"},
	} {
		before, after := table(), table()
		c.change(&after)
		var got []string
		for _, k := range before.changed(after) {
			got = append(got, k.String())
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, expected %s", name, text, c.want)
		}
	}
	v := table()
	for _, m := range v.list("tap1") {
		v.set("tap1", m, false)
	}
	if _, there := v.elements["tap1"]; there {
		t.Error("a name without elements stays")
	}
}

// TestObserveAndOurs: everything in the table is ours. An uplink's chain is ours too, also without the table.
func TestObserveAndOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cache cache
		want  string
	}{
		"a table": {table(), "port-security-elements/tap1 port-security-elements/wfb1 port-security-uplink/eth0 port-security/weft"},
		"none":    {cache{uplinks: map[string]string{"eth0": "not ours"}}, "port-security-uplink/eth0"},
		"nothing": {cache{}, ""},
	} {
		d := &Driver{cache: c.cache}
		keys, err := d.Ours(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		asked := append(slices.Clone(keys), object.Key{Kind: object.KindPortSecurityElements, Name: "tap9"}, object.Key{Kind: object.KindPortSecurityUplink, Name: "eth9"}, (&object.PortSecurity{}).Key())
		slices.SortFunc(asked, object.Key.Compare)
		found, err := d.Observe(context.Background(), slices.Compact(asked))
		if err != nil {
			t.Fatal(err)
		}
		var ours, seen []string
		for _, k := range keys {
			ours = append(ours, k.String())
		}
		for _, o := range found {
			seen = append(seen, o.Key().String())
		}
		slices.Sort(ours)
		slices.Sort(seen)
		if strings.Join(ours, " ") != c.want || strings.Join(seen, " ") != c.want {
			t.Errorf("%s: ours %v, seen %v, expected %s", name, ours, seen, c.want)
		}
	}
}

// TestElementsWithoutATable: without a table nothing can be added. A removal succeeds.
func TestElementsWithoutATable(t *testing.T) {
	t.Parallel()
	d := &Driver{}
	errs := d.Apply(context.Background(), []object.Change{
		{Op: object.Create, Desired: &object.PortSecurityElements{Name: "tap1", Elements: []object.PortSecurityElement{guestElement("tap1")}}},
		{Op: object.Delete, Observed: &object.PortSecurityElements{Name: "tap2"}},
	})
	if len(errs) != 2 || errs[0] == nil || !strings.Contains(errs[0].Error(), "is not there") || errs[1] != nil {
		t.Errorf("%v", errs)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if errs := d.Apply(ctx, []object.Change{{Op: object.Create, Desired: &object.PortSecurity{}}}); errs[0] == nil {
		t.Error("carried out though nobody waits")
	}
}

// TestDeltaIsAgainstWhatIsThere: a delta is computed from the present elements of the name, not from what the engine saw before.
func TestDeltaIsAgainstWhatIsThere(t *testing.T) {
	t.Parallel()
	d := &Driver{cache: table()}
	x := d.deltaOf(object.Change{Op: object.Update, Desired: &object.PortSecurityElements{Name: "tap1", Elements: []object.PortSecurityElement{guestElement("tap1"), guestElement("new")}}})
	if x.name != "tap1" || !slices.Equal(x.add, []object.PortSecurityElement{guestElement("new")}) || len(x.del) != 1 || x.del[0].Set != object.PortSecurityMACs {
		t.Errorf("%+v", x)
	}
	if x := d.deltaOf(object.Change{Op: object.Delete, Observed: &object.PortSecurityElements{Name: "tap1"}}); len(x.add) != 0 || len(x.del) != 2 {
		t.Errorf("%+v", x)
	}
}

// TestQueueCutsMessages: no message has more elements than the kernel accepts, and none is lost.
func TestQueueCutsMessages(t *testing.T) {
	t.Parallel()
	const maxElements = 500
	d := &Driver{table: &nftables.Table{Name: tableName}}
	var elements []object.PortSecurityElement
	for i := range 2*maxElements + 1 {
		elements = append(elements, guestElement(fmt.Sprint("tap", i)))
	}
	into := map[object.PortSecuritySet][]nftables.SetElement{}
	if err := collect(into, "n", append(elements, object.PortSecurityElement{Set: object.PortSecurityRouters, Interface: "wfv1", MAC: object.MAC{2}})); err != nil {
		t.Fatal(err)
	}
	var sizes []string
	err := d.queue(into, func(s *nftables.Set, e []nftables.SetElement) error {
		sizes = append(sizes, fmt.Sprint(s.Name, " ", s.IsMap, " ", len(e)))
		return nil
	})
	if err != nil || !slices.Equal(sizes, []string{"guests false 500", "guests false 500", "guests false 1", "routers true 1"}) {
		t.Errorf("%v, %v", sizes, err)
	}
	refused := fmt.Errorf("no")
	if err := d.queue(into, func(*nftables.Set, []nftables.SetElement) error { return refused }); err == nil || !strings.Contains(err.Error(), "guests") {
		t.Errorf("a refusal is %v", err)
	}
	if err := collect(into, "n", []object.PortSecurityElement{{Set: object.PortSecurityGuests}}); err == nil {
		t.Error("an element without a device was taken")
	}
}
