//go:build integration

package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/integration/timescale"
	"weft/model"
	"weft/reconcile/control"
)

// allocator is a control plane in the scenario's own program. It runs the allocation code as a replica does.
type allocator struct {
	stop context.CancelFunc
	work errgroup.Group
}

// allocate start NAME: runs the allocation code beside the controllers, as a second leader, because it has an election of its own.
// allocate stop NAME ends it.
func allocate(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "allocate")
	usage(ts, args, 2, 2, "allocate start|stop name")
	w := of(ts)
	switch {
	case args[0] == "start" && w.allocators[args[1]] == nil:
		c, err := control.New(control.Config{Client: w.testbed.Etcd().Client(), Name: args[1], Election: args[1], Version: "scenario"})
		ts.Check(err)
		ctx, cancel := context.WithCancel(w.testbed.Context())
		a := &allocator{stop: cancel}
		a.work.Go(func() error { return c.Run(ctx) })
		w.allocators[args[1]] = a
		ts.Check(awaitLeading(ctx, c))
	case args[0] == "stop" && w.allocators[args[1]] != nil:
		a := w.allocators[args[1]]
		delete(w.allocators, args[1])
		ts.Check(a.end())
	default:
		ts.Fatalf("allocate: %v is neither start nor stop of one that was started", args)
	}
}

func (a *allocator) end() error {
	a.stop()
	return a.work.Wait()
}

// awaitLeading waits until the controller leads. It polls the controller's health, because nothing else says so.
func awaitLeading(ctx context.Context, c *control.Controller) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(testbed.AwaitTimeout))
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !c.Health().Leader {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the allocator does not lead")
		}
	}
	return nil
}

// unique PORTS NETWORKS: waits until this many ports and networks are accepted. It fails if an address of a network, a MAC, or a segment
// of a physical network is used twice, or is not claimed by its user.
func unique(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "unique")
	usage(ts, args, 2, 2, "unique ports networks")
	ports, networks := number(ts, args[0]), number(ts, args[1])
	b := of(ts).testbed
	ctx, cancel := context.WithTimeout(b.Context(), timescale.Bound(3*time.Minute))
	defer cancel()
	var found *allocations
	start := time.Now()
	prefixes := []etcdschema.Prefix{etcdschema.AcceptedPrefix(), etcdschema.ClaimPrefix(), etcdschema.IntentPrefix()}
	ts.Check(b.Await(ctx, prefixes, func(v *testbed.View) (bool, string) {
		found = readAllocations(v)
		return found.ports == ports && found.networks == networks && found.claimed(), found.String()
	}))
	for _, fault := range found.faults {
		ts.Logf("%s", fault)
	}
	ts.Logf("%s, %v after the question", found, time.Since(start).Round(time.Millisecond))
	if len(found.faults) > 0 {
		ts.Fatalf("%d values are had twice or not claimed", len(found.faults))
	}
	fmt.Fprintln(ts.Stdout(), found)
}

// allocations are the accepted objects, by allocated value.
type allocations struct {
	ports, networks, addresses, unclaimed int
	owners                                map[string]string
	faults                                []string
	view                                  *testbed.View
}

func (a *allocations) String() string {
	return fmt.Sprintf("%d ports with %d addresses, %d networks, %d values without a claim of their own, %d had twice",
		a.ports, a.addresses, a.networks, a.unclaimed, len(a.faults))
}

func (a *allocations) claimed() bool { return a.unclaimed == 0 }

func readAllocations(v *testbed.View) *allocations {
	a := &allocations{owners: map[string]string{}, view: v}
	networks := map[model.ID]string{}
	accepted := map[model.ID]etcdschema.Accepted{}
	for _, item := range v.Items {
		id, ok := etcdschema.ParseID(item.Key)
		if !ok || !etcdschema.AcceptedPrefix().Contains(item.Key) {
			continue
		}
		acc, err := etcdschema.Decode[etcdschema.Accepted](item.Value)
		if err != nil {
			a.faults = append(a.faults, err.Error())
			continue
		}
		accepted[id] = acc
		if id.Kind == model.KindNetwork {
			networks[id] = acc.UID
		}
	}
	for id, acc := range accepted {
		switch spec := acc.Object.Spec.(type) {
		case *model.NetworkSpec:
			a.networks++
			a.has(etcdschema.SegmentClaim(spec.PhysicalNetwork, acc.Allocated.SegmentationID), id, acc.UID)
			for _, server := range acc.Allocated.DHCPServers {
				a.has(etcdschema.AddressClaim(acc.UID, server), id, acc.UID)
			}
		case *model.PortSpec:
			a.ports++
			a.has(etcdschema.MACClaim(acc.Allocated.MAC), id, acc.UID)
			for _, address := range acc.Allocated.Addresses {
				a.addresses++
				a.has(etcdschema.AddressClaim(networks[spec.NetworkID(id.Project)], address), id, acc.UID)
			}
			if len(acc.Allocated.Addresses) != 2 || !families(acc.Allocated.Addresses) {
				a.faults = append(a.faults, fmt.Sprintf("%s has %v, not an address of each family", id, acc.Allocated.Addresses))
			}
		}
	}
	return a
}

func families(addresses []model.Address) bool {
	four := 0
	for _, address := range addresses {
		if parsed, err := netip.ParseAddr(address.String()); err == nil && parsed.Is4() {
			four++
		}
	}
	return four == 1
}

// has records that an object uses the value of the claim key.
func (a *allocations) has(key etcdschema.Key, id model.ID, uid string) {
	if other, twice := a.owners[key.String()]; twice {
		a.faults = append(a.faults, fmt.Sprintf("%s is had by %s and %s", key, other, id))
	}
	a.owners[key.String()] = id.String()
	claim, _, ok := testbed.Lookup[etcdschema.Claim](a.view, key)
	if !ok || claim.Owner != uid || claim.State != etcdschema.ClaimBound {
		a.unclaimed++
	}
}
