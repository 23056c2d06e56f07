//go:build integration

package limits_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/bridge"
	"weft/hostnet/bridgefilter"
	"weft/hostnet/hostfilter"
	own "weft/hostnet/netlink"
	"weft/hostnet/netns"
	"weft/hostnet/nft"
	"weft/hostnet/object"
	"weft/hostnet/ovs"
	"weft/hostnet/ovs/ovstest"
	"weft/hostnet/portsecurity"
	"weft/hostnet/routing"
	"weft/hostnet/rtnl"
	"weft/hostnet/tagfilter"
	"weft/integration/limits"
	"weft/integration/timescale"
	"weft/model/desired"
	"weft/reconcile/engine"
	"weft/reconcile/plan"
)

// kernelHost is a network namespace with the NICs and guests' devices that a host needs, and the drivers.
type kernelHost struct {
	t        *testing.T
	want     limits.Host
	inside   func(func() error) error
	switches *ovstest.Host // nil: none
	dir      string        // of the routers' namespaces
	drivers  []engine.Driver
	closers  []func() error
}

// roundTrip writes everything that is desired, makes other drivers read it, and removes it.
func (k *kernelHost) roundTrip() {
	k.t.Helper()
	k.dir = filepath.Join(k.t.TempDir(), "netns")
	k.t.Cleanup(k.dismantle)
	k.plug()
	k.open()
	k.complete(k.converge())
	k.close()
	k.open() // as a new process
	if p := k.plan(k.sync()); !p.Empty() {
		k.t.Errorf("what was written is read otherwise:\n%.3000s", p)
	}
	k.want.Config = desired.NewNodeConfig()
	k.converge()
	k.close()
	k.open()
	if p := k.plan(k.sync()); !p.Empty() {
		k.t.Errorf("what was removed is there:\n%.3000s", p)
	}
}

// within runs a function on a thread in the host's namespace.
func (k *kernelHost) within(f func() error) {
	k.t.Helper()
	if err := k.inside(f); err != nil {
		k.t.Fatal(err)
	}
}

// plug makes the devices that others make on a host. None of them has carrier.
func (k *kernelHost) plug() {
	k.t.Helper()
	var names []string
	for _, up := range k.want.Config.Host().Uplinks {
		names = append(names, up.Interface)
	}
	for p := range k.want.Config.Ports() {
		names = append(names, limits.GuestDevices(p)...)
	}
	k.within(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer h.Close()
		for i, name := range names {
			attributes := netlink.NewLinkAttrs()
			attributes.Name = name
			if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: fmt.Sprint("far", i)}); err != nil {
				return fmt.Errorf("make device %q: %w", name, err)
			}
		}
		return nil
	})
}

// open opens the drivers as weftd does.
func (k *kernelHost) open() {
	k.t.Helper()
	k.t.Cleanup(k.close)
	k.within(func() error {
		directory, err := netns.OpenDirectory(k.dir)
		if err != nil {
			return err
		}
		k.closers = append(k.closers, directory.Close)
		links, err := own.OpenLinks(slog.Default())
		if err != nil {
			return err
		}
		k.closers = append(k.closers, links.Close)
		if k.switches != nil {
			vswitch := ovs.New(ovs.Config{Links: links, RunDir: k.switches.RunDir, DatapathType: "netdev"})
			k.drivers, k.closers = append(k.drivers, vswitch), append(k.closers, func() error { vswitch.Close(); return nil })
		}
		netdevs, err1 := rtnl.New(rtnl.Config{Links: links})
		inside, err2 := routing.New(routing.Config{Directory: directory})
		nat, err3 := nft.New(nft.Config{Namespaces: nft.InDirectory(directory)})
		tags, err4 := tagfilter.New(tagfilter.Config{Links: links})
		filter, err5 := hostfilter.New(hostfilter.Config{})
		bridges, err6 := bridge.New(bridge.Config{Links: links})
		guards, err7 := portsecurity.New(portsecurity.Config{})
		groups, err8 := bridgefilter.New(bridgefilter.Config{})
		if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
			return err
		}
		k.drivers = append(k.drivers, netdevs, inside, nat, tags, filter, bridges)
		k.closers = append(k.closers, netdevs.Close, inside.Close, nat.Close, tags.Close, filter.Close, bridges.Close, guards.Close, groups.Close)
		if k.switches == nil { // these drivers need features that the kernel may lack
			k.drivers = append(k.drivers, guards, groups)
		}
		return nil
	})
}

// close closes the drivers, the last first. Nothing on the host changes.
func (k *kernelHost) close() {
	for _, f := range slices.Backward(k.closers) {
		if err := f(); err != nil {
			k.t.Error(err)
		}
	}
	k.drivers, k.closers = nil, nil
}

// dismantle removes the routers' namespaces, after the drivers are closed.
func (k *kernelHost) dismantle() {
	directory, err := netns.OpenDirectory(k.dir)
	if err == nil {
		err = errors.Join(directory.Dismantle(""), directory.Close())
	}
	if err != nil {
		k.t.Error(err)
	}
}

// sync makes all drivers read the host, and compiles the desired objects.
func (k *kernelHost) sync() map[object.Key]object.Object {
	k.t.Helper()
	f := &object.Facts{Links: map[string]object.LinkFacts{}}
	k.within(func() error {
		for _, d := range k.drivers {
			if err := d.Sync(k.t.Context()); err != nil {
				return fmt.Errorf("driver %s: %w", d.Name(), err)
			}
			if knows, is := d.(engine.Facts); is {
				knows.Facts(f)
			}
		}
		return nil
	})
	desired := map[object.Key]object.Object{}
	for _, u := range limits.Compile(k.want.Config, f) {
		if u.Refused != "" {
			k.t.Fatalf("%v is refused: %s", u.Key, u.Refused)
		}
		for _, o := range u.Objects {
			if !slices.Contains(inProcess, o.Key().Kind) {
				desired[o.Key()] = o
			}
		}
	}
	return desired
}

// plan compares the desired objects with those that the drivers observe.
func (k *kernelHost) plan(desired map[object.Key]object.Object) plan.Plan {
	k.t.Helper()
	observed := map[object.Key]object.Object{}
	ours := map[object.Key]bool{}
	k.within(func() error {
		for _, d := range k.drivers {
			own, err := d.Ours(k.t.Context())
			if err != nil {
				return err
			}
			for _, key := range own {
				ours[key] = true
			}
			for key := range desired {
				if slices.Contains(d.Kinds(), key.Kind) && !ours[key] {
					own = append(own, key)
				}
			}
			found, err := d.Observe(k.t.Context(), own)
			if err != nil {
				return err
			}
			for _, o := range found {
				observed[o.Key()] = o
			}
		}
		return nil
	})
	return plan.Diff(desired, observed, func(key object.Key) bool { return ours[key] }, nil)
}

// converge applies plans until there is nothing left to do, because applying makes new facts appear. It returns what was desired at the
// end.
func (k *kernelHost) converge() map[object.Key]object.Object {
	k.t.Helper()
	const rounds = 8
	for range rounds {
		desired := k.sync()
		p := k.plan(desired)
		if p.Empty() {
			return desired
		}
		for _, stage := range p.Stages() {
			k.apply(stage)
		}
	}
	k.t.Fatalf("after %d rounds there is still something to do:\n%.3000s", rounds, k.plan(k.sync()))
	return nil
}

// complete says whether the desired objects include all that a host has in the end, besides those whose names depend on numbers that Open vSwitch
// gives its ports.
func (k *kernelHost) complete(desired map[object.Key]object.Object) {
	k.t.Helper()
	for _, o := range k.want.Objects() {
		numbered := o.Key().Kind == object.KindFlowSet || o.Key().Kind == object.KindMeter
		if key := o.Key(); desired[key] == nil && !slices.Contains(inProcess, key.Kind) && !numbered {
			k.t.Errorf("%s was not made", key)
		}
	}
}

func (k *kernelHost) apply(stage []plan.Step) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), timescale.Bound(time.Minute))
	defer cancel()
	k.within(func() error {
		var errs []error
		for _, d := range k.drivers {
			var changes []object.Change
			for _, s := range stage {
				if slices.Contains(d.Kinds(), s.Change.Key().Kind) {
					changes = append(changes, s.Change)
				}
			}
			if len(changes) == 0 {
				continue
			}
			// No subscription runs, so read what other drivers have done since.
			if err := d.Sync(ctx); err != nil {
				return fmt.Errorf("driver %s: %w", d.Name(), err)
			}
			errs = append(errs, d.Apply(ctx, changes)...)
		}
		return errors.Join(errs...)
	})
}
