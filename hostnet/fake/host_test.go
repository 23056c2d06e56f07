package fake

import (
	"context"
	"errors"
	"strings"
	"testing"

	"weft/hostnet/object"
)

func apply(t *testing.T, h *Host, changes ...object.Change) []error {
	t.Helper()
	var errs []error
	for _, c := range changes {
		for _, d := range h.Drivers() {
			if d.has(c.Key()) {
				errs = append(errs, d.Apply(context.Background(), []object.Change{c})...)
			}
		}
	}
	return errs
}

func create(o object.Object) object.Change { return object.Change{Op: object.Create, Desired: o} }
func remove(o object.Object) object.Change { return object.Change{Op: object.Delete, Observed: o} }

func TestImpossibleOrdersAreRefused(t *testing.T) {
	t.Parallel()
	bridge := &object.Bridge{OwnerUID: "h", Name: "br-int"}
	port := &object.OVSPort{OwnerUID: "p", Bridge: "br-int", Device: "tap1"}
	for want, changes := range map[string][]object.Change{
		"no bridge":       {create(port)},
		"already exists":  {create(bridge), create(bridge)},
		"does not exist":  {remove(bridge)},
		"still holds":     {create(bridge), create(port), remove(bridge)},
		"no port of":      {create(bridge), create(&object.FlowSet{Bridge: "br-int", Flows: []object.Flow{{Match: object.Match{InPort: 9}}}})},
		"not there yet":   {create(&object.DHCPBinding{Device: "tap1"})},
		"makes no netdev": {create(&object.Link{Name: "tap1"})},
		"never created":   {create(bridge), create(&object.OVSPort{Bridge: "br-int", Device: "tap1", Adopted: true})},
		"no netdev":       {create(bridge), create(&object.Uplink{Bridge: "br-int", Device: "eth1"})},
	} {
		h := New()
		errs := apply(t, h, changes...)
		if err := errs[len(errs)-1]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
		if err := errors.Join(errs[:len(errs)-1]...); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestFailuresComeAsOrdered(t *testing.T) {
	t.Parallel()
	h := New()
	bridge := &object.Bridge{OwnerUID: "h", Name: "br-int"}
	boom := errors.New("boom")
	h.FailCall(1, boom)
	h.FailKey(bridge.Key(), boom)
	errs := apply(t, h, create(bridge), create(bridge), create(bridge))
	if !errors.Is(errs[0], boom) || !errors.Is(errs[1], boom) || errs[2] != nil {
		t.Errorf("got %v", errs)
	}
	if w := h.Writes()["ovs"]; w != 1 {
		t.Errorf("%d writes", w)
	}
	if j := h.Journal(); len(j) != 1 || j[0].Key() != bridge.Key() || h.Calls() != 3 {
		t.Errorf("%d calls, and carried out was %v", h.Calls(), j)
	}
}

func TestSilentDamageIsSeenBySyncOnly(t *testing.T) {
	t.Parallel()
	h := New()
	bridge := &object.Bridge{OwnerUID: "h", Name: "br-int"}
	apply(t, h, create(bridge))
	h.AlterSilently(bridge.Key(), nil)
	d := h.Drivers()[0]
	if seen, _ := d.Observe(context.Background(), []object.Key{bridge.Key()}); len(seen) != 1 {
		t.Error("the cache changed without an event")
	}
	if err := d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if seen, _ := d.Observe(context.Background(), []object.Key{bridge.Key()}); len(seen) != 0 {
		t.Error("Sync did not read the host")
	}
}
