//go:build integration

package attack

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
	"weft/reconcile/compile/openvswitch"
)

// driven are the kinds of objects of the drivers, in the order of their dependencies.
var driven = []object.Kind{object.KindBridge, object.KindUplink, object.KindOVSPort, object.KindMeter, object.KindFlowSet, object.KindTagFilter,
	object.KindPortSecurity, object.KindPortSecurityElements, object.KindPortSecurityUplink, object.KindLinuxBridge, object.KindVLANDevice, object.KindBridgePort}

// backends are the backends by the driver that a host names.
func backends() map[model.Driver]compile.Backend {
	return map[model.Driver]compile.Backend{model.DriverOVS: openvswitch.Backend{}, model.DriverBridge: linuxbridge.Backend{}}
}

// converge compiles and applies until the switch is as desired. It needs several passes, because OVS numbers its ports only when they
// exist.
func (st *stage) converge(t *testing.T) {
	t.Helper()
	for range 6 {
		objects, missing := st.compile(t)
		if st.apply(t, objects) == 0 && missing == "" {
			// Until the revalidators have run, the datapath's cached flows are those of the old tables.
			st.revalidate(t, "revalidator/wait")
			return
		}
	}
	_, missing := st.compile(t)
	t.Fatalf("the switch is not as desired after six rounds: %s", missing)
}

// compile lists the driver's objects of the whole node config, and the reasons why items are pending or refused.
func (st *stage) compile(t *testing.T) (objects []object.Object, missing string) {
	t.Helper()
	if err := st.driver.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	st.facts = &object.Facts{Links: st.links}
	if st.switches != nil {
		st.switches.Facts(st.facts)
	}
	for _, k := range st.config.Keys() {
		u := compile.Compile(compile.Input{Backends: backends(), Config: st.config, Facts: st.facts}, k)
		missing += u.Pending + u.Refused
		for _, o := range u.Objects {
			if slices.Contains(driven, o.Key().Kind) {
				objects = append(objects, o)
			}
		}
	}
	return objects, missing
}

// apply applies the difference, removals last, and returns the number of changes.
func (st *stage) apply(t *testing.T, objects []object.Object) (changed int) {
	t.Helper()
	if err := st.driver.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, batch := range st.difference(t, objects) {
		changed += len(batch)
		if len(batch) == 0 {
			continue
		}
		if err := errors.Join(st.driver.Apply(t.Context(), batch)...); err != nil {
			t.Fatal(err)
		}
	}
	// The datapath's cache follows by itself a little later. The test does not want to wait for that.
	st.revalidate(t, "revalidator/purge")
	return changed
}

// revalidate makes Open vSwitch, if there is one, revalidate the datapath's cached flows.
func (st *stage) revalidate(t *testing.T, command string) {
	t.Helper()
	if st.host == nil {
		return
	}
	if out, err := st.host.AppCtl(t.Context(), command); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// difference sorts the changes into batches: one for each kind, and then one for removals.
func (st *stage) difference(t *testing.T, objects []object.Object) [][]object.Change {
	t.Helper()
	ours, err := st.driver.Ours(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wanted, observed := map[object.Key]object.Object{}, map[object.Key]object.Object{}
	for _, o := range objects {
		wanted[o.Key()] = o
	}
	found, err := st.driver.Observe(t.Context(), slices.Concat(ours, slices.Collect(maps.Keys(wanted))))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range found {
		observed[o.Key()] = o
	}
	batches := make([][]object.Change, len(driven)+1)
	for k, o := range wanted {
		i := slices.Index(driven, k.Kind)
		if have := observed[k]; have == nil {
			batches[i] = append(batches[i], object.Change{Op: object.Create, Desired: o})
		} else if len(o.Diff(have)) > 0 {
			batches[i] = append(batches[i], object.Change{Op: object.Update, Desired: o, Observed: have})
		}
	}
	for k, o := range observed {
		if wanted[k] == nil {
			batches[len(driven)] = append(batches[len(driven)], object.Change{Op: object.Delete, Observed: o})
		}
	}
	return batches
}
