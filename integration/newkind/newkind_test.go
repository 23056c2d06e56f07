package newkind

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/hostnet/fake"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/openvswitch"
	"weft/reconcile/control"
	"weft/reconcile/engine"
)

const node = "h1"

// region is an etcd with a controller, and one host in memory with its reconciler. All of them know the new kind.
type region struct {
	t       *testing.T
	client  *etcdschema.Client
	host    *fake.Host
	changed chan struct{} // something in etcd has changed
}

func newRegion(t *testing.T) *region {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	etcd, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(etcd.Close)
	client, err := etcdschema.Open(ctx, etcdschema.Config{Endpoints: etcd.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	r := &region{t: t, client: client, host: fake.New(kindLamp), changed: make(chan struct{}, 1)}
	r.run()
	return r
}

// run starts the daemons. They end before the etcd.
func (r *region) run() {
	quiet := slog.New(slog.DiscardHandler)
	controller, err := control.New(control.Config{Client: r.client, Name: "c1", Logger: quiet, Kinds: controllerKinds()})
	if err != nil {
		r.t.Fatal(err)
	}
	var drivers []engine.Driver
	for _, d := range r.host.Drivers() {
		drivers = append(drivers, d)
	}
	reconciler, err := engine.New(engine.Config{Node: node, Features: desired.Features(), Drivers: drivers, Store: r.client, Logger: quiet,
		Kinds: hostKinds(), Backends: map[model.Driver]compile.Backend{model.DriverOVS: openvswitch.Backend{}},
		Follow: func(seen etcdschema.Seen) engine.Source {
			return r.client.NewFollower(etcdschema.FollowerConfig{Prefixes: []etcdschema.Prefix{etcdschema.NodeDesired(node)}, Seen: seen})
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	daemons, ctx := errgroup.WithContext(ctx)
	daemons.Go(func() error { return controller.Run(ctx) })
	daemons.Go(func() error { return reconciler.Run(ctx) })
	daemons.Go(func() error {
		return r.client.Follow(ctx, []etcdschema.Prefix{etcdschema.AllPrefix()}, func(etcdschema.Batch) error {
			select {
			case r.changed <- struct{}{}:
			default:
			}
			return nil
		})
	})
	r.t.Cleanup(func() {
		cancel()
		if err := daemons.Wait(); err != nil {
			r.t.Errorf("a daemon ended with %v", err)
		}
	})
}

func beacon(name string) model.ID { return model.ID{Project: "alpha", Kind: kindBeacon, Name: name} }

// declare writes an intent as somebody with etcdctl does. With an empty text it deletes the intent.
func (r *region) declare(id model.ID, text string) {
	r.t.Helper()
	tx := etcdschema.NewTxn()
	if text == "" {
		tx.Delete(etcdschema.Intent(id))
	} else {
		tx.Put(etcdschema.Intent(id), []byte(text))
	}
	if _, _, err := r.client.Commit(r.t.Context(), tx); err != nil {
		r.t.Fatal(err)
	}
}

// status reads an object's status; the zero Status when there is none.
func (r *region) status(id model.ID) (s etcdschema.Status) {
	item, ok, err := r.client.Get(r.t.Context(), etcdschema.StatusKey(id))
	if err != nil {
		r.t.Fatal(err)
	}
	if !ok {
		return s
	}
	s, err = etcdschema.Decode[etcdschema.Status](item.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// await waits until the condition holds. Everything that can change it also changes etcd: a host reports what it has done.
func (r *region) await(what string, holds func() bool) {
	r.t.Helper()
	limit := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-r.changed:
		case <-limit:
			r.t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// color is that of the lamp in a socket; empty when there is no lamp.
func (r *region) color(socket string) string {
	l, _ := r.host.Objects()[object.Key{Kind: kindLamp, Name: socket}].(*lamp)
	if l == nil {
		return ""
	}
	return l.color
}

// A kind that only this package knows goes the whole way: it is validated, claimed, placed, compiled, programmed, reported, changed,
// repaired and removed.
func TestANewKindGoesFromIntentToTheHost(t *testing.T) {
	t.Parallel()
	r := newRegion(t)
	r.declare(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "alpha"}, "spec: {}")
	r.declare(model.ID{Project: model.ClusterProject, Kind: model.KindHost, Name: node}, "spec: {driver: ovs, bridge: br-int}")
	r.declare(beacon("north"), "spec: {host: h1, channel: 7, color: red}")
	programmed := func(s etcdschema.Status) bool { return s.Nodes[node].Programmed }
	r.await("the host has no such device yet, and says so", func() bool {
		s := r.status(beacon("north"))
		return s.Phase == etcdschema.PhaseAccepted && s.Nodes[node].Reason == "Pending: waits for device lamp7"
	})
	r.host.Plug("lamp7")
	r.await("the lamp is lit", func() bool { return programmed(r.status(beacon("north"))) && r.color("lamp7") == "red" })

	r.declare(beacon("south"), "spec: {host: h1, channel: 7}")
	r.await("its channel is taken", func() bool {
		s := r.status(beacon("south"))
		return s.Phase == etcdschema.PhaseInvalid && slices.ContainsFunc(s.Reasons, func(x etcdschema.Reason) bool { return x.Field == "spec.channel" })
	})
	r.declare(beacon("north"), "spec: {host: h1, channel: 700}")
	r.await("no such channel", func() bool { return r.status(beacon("north")).Phase == etcdschema.PhaseInvalid })
	if r.color("lamp7") != "red" {
		t.Error("the accepted spec is not in force any more")
	}
	r.declare(beacon("north"), "spec: {host: h1, channel: 7, color: green}")
	r.await("another color", func() bool { return r.color("lamp7") == "green" && programmed(r.status(beacon("north"))) })

	r.host.Damage(object.Key{Kind: kindLamp, Name: "lamp7"})
	r.await("it is repaired", func() bool { return r.color("lamp7") == "green" })

	r.declare(beacon("north"), "")
	r.await("the lamp is out, and the channel is free for the other", func() bool {
		return r.status(beacon("north")).Phase == "" && r.status(beacon("south")).Phase == etcdschema.PhaseAccepted
	})
	r.await("it has the other's color", func() bool { return programmed(r.status(beacon("south"))) && r.color("lamp7") == "" })
}
