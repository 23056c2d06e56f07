package limits_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/integration/limits"
	"weft/integration/timescale"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control"
)

// TestControllersWriteIt: objects of each kind at their limits. The controllers write all of it to etcd, whose transactions are bounded,
// and nothing stays pending.
func TestControllersWriteIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(time.Minute))
	defer cancel()
	e, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	client, err := etcdschema.Open(ctx, etcdschema.Config{Endpoints: e.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	objects := limits.MostIntent(t, model.DriverOVS, model.MaxRouterNetworks)
	declare(ctx, t, client, objects)
	run(t, client)
	statuses := map[string]etcdschema.Status{}
	done := errors.New("all of it is accepted")
	err = client.Follow(ctx, []etcdschema.Prefix{etcdschema.AllPrefix()}, func(b etcdschema.Batch) error {
		for _, ev := range b.Events {
			if s, err := etcdschema.Decode[etcdschema.Status](ev.Value); err == nil && strings.HasPrefix(ev.Key.String(), "status/") {
				statuses[ev.Key.String()] = s
			}
		}
		if len(lacking(objects, statuses)) > 0 {
			return nil
		}
		return done
	})
	if !errors.Is(err, done) {
		t.Fatalf("%v:\n%s", err, strings.Join(lacking(objects, statuses), "\n"))
	}
}

// lacking lists the objects that are not accepted, or that are in no host's node config although they should be.
func lacking(objects []model.Object, statuses map[string]etcdschema.Status) (out []string) {
	for _, o := range objects {
		s := statuses[etcdschema.StatusKey(o.ID()).String()]
		placed := o.Kind != model.KindPort && o.Kind != model.KindRouter && o.Kind != model.KindFloatingIP || len(s.Nodes) > 0
		if s.Phase != etcdschema.PhaseAccepted || !placed {
			out = append(out, fmt.Sprintf("%s is %q on %v: %v", o.ID(), s.Phase, s.Nodes, s.Reasons))
		}
	}
	return out
}

// declare writes the intent, and reports that both hosts have all features.
func declare(ctx context.Context, t *testing.T, client *etcdschema.Client, objects []model.Object) {
	t.Helper()
	put := func(k etcdschema.Key, v any) {
		txn := etcdschema.NewTxn()
		txn.Put(k, v)
		if _, ok, err := client.Commit(ctx, txn); err != nil || !ok {
			t.Fatalf("%s: %v, %v", k, ok, err)
		}
	}
	for _, o := range objects {
		put(etcdschema.Intent(o.ID()), o)
		if o.Kind == model.KindHost {
			put(etcdschema.ActualNode(o.Metadata.Name), etcdschema.NodeReport{Features: desired.Features()})
		}
	}
}

// run runs a controller until the test ends.
func run(t *testing.T, client *etcdschema.Client) {
	t.Helper()
	c, err := control.New(control.Config{Client: client, Name: "c1", SessionTTL: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
