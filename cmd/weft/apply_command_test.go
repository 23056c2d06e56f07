package main

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/model"
)

// startEtcd runs an embedded etcd for the test and returns a client of it.
func startEtcd(t *testing.T) *etcdschema.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := etcdschema.Open(ctx, etcdschema.Config{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// racingStore writes a key, as somebody else would, just before each of our transactions, n times.
type racingStore struct {
	store
	key   etcdschema.Key
	times int
}

func (r *racingStore) Commit(ctx context.Context, t *etcdschema.Txn) (int64, bool, error) {
	if r.times > 0 {
		r.times--
		other := etcdschema.NewTxn()
		other.Put(r.key, []byte(fmt.Sprintf(`{"spec": {"network": "n%d"}}`, r.times)))
		if _, _, err := r.store.Commit(ctx, other); err != nil {
			return 0, false, err
		}
	}
	return r.store.Commit(ctx, t)
}

func ports(n int) []model.Located {
	var out []model.Located
	for i := range n {
		out = append(out, model.Located{Object: model.Object{APIVersion: model.APIVersion, Kind: model.KindPort,
			Metadata: model.Metadata{Project: "alpha", Name: fmt.Sprintf("p%d", i)}, Spec: &model.PortSpec{Network: "blue"}}})
	}
	return out
}

func seed(t *testing.T, st store) {
	t.Helper()
	txn := etcdschema.NewTxn()
	txn.Put(etcdschema.Intent(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "alpha"}), []byte("{}"))
	txn.Put(etcdschema.Intent(model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "blue"}),
		[]byte(`{"spec": {"type": "vlan", "physicalNetwork": "p"}}`))
	if _, ok, err := st.Commit(t.Context(), txn); err != nil || !ok {
		t.Fatal(ok, err)
	}
}

// TestApplyRace: after a lost race apply tries again, only for the object that lost it, and says that it overwrote another change.
func TestApplyRace(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	objs := ports(3)
	st := &racingStore{store: client, key: etcdschema.Intent(objs[1].Object.ID()), times: 3}
	var out bytes.Buffer
	if err := apply(t.Context(), st, objs, nil, &out, &out); err != nil {
		t.Errorf("error %v", err)
	}
	want := "Port alpha/p0 created\nPort alpha/p1 configured, over what somebody else made of it meanwhile\nPort alpha/p2 created\n"
	if got := out.String(); got != want {
		t.Errorf("said %q, expected %q", got, want)
	}
	item, _, err := client.Get(t.Context(), st.key)
	if o, wrong := model.DecodeIntent(objs[1].Object.ID(), item.Value); err != nil || wrong != nil || !reflect.DeepEqual(o, objs[1].Object) {
		t.Errorf("it is %s, %v", item.Value, err)
	}
	st.times, st.key = 1000, etcdschema.Intent(ports(5)[4].Object.ID())
	if err := apply(t.Context(), st, ports(5), nil, &out, &out); err == nil || !strings.Contains(err.Error(), "others keep changing it") {
		t.Errorf("error %v", err)
	}
}

// TestTenApplyAndDeleteAtOnce: all who want the same get it, without an error.
func TestTenApplyAndDeleteAtOnce(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	objs := ports(40)
	ids := make([]model.ID, len(objs))
	for i, l := range objs {
		ids[i] = l.Object.ID()
	}
	for _, verb := range []struct {
		name  string
		do    func(out *bytes.Buffer) error
		count string // all together print it exactly once for each object
	}{
		{"apply", func(out *bytes.Buffer) error { return apply(t.Context(), client, objs, nil, out, out) }, "created"},
		{"delete", func(out *bytes.Buffer) error {
			d := deletion{st: client, ids: slices.Clone(ids), ignoreMissing: true}
			return d.run(t.Context(), out, out)
		}, ""},
	} {
		var group sync.WaitGroup
		outs, errs := make([]bytes.Buffer, 10), make([]error, 10)
		for i := range outs {
			group.Go(func() { errs[i] = verb.do(&outs[i]) })
		}
		group.Wait()
		all := ""
		for i := range outs {
			if errs[i] != nil {
				t.Errorf("%s: %v", verb.name, errs[i])
			}
			all += outs[i].String()
		}
		if n := strings.Count(all, verb.count); verb.count != "" && n != len(objs) {
			t.Errorf("%s: %q is said %d times", verb.name, verb.count, n)
		}
		if strings.Contains(all, "over what somebody") {
			t.Errorf("%s: the same is said to be another:\n%s", verb.name, all)
		}
	}
	items, _, err := client.List(t.Context(), etcdschema.IntentPrefix().OfKind("alpha", model.KindPort))
	if err != nil || len(items) != 0 {
		t.Errorf("%d ports are left, %v", len(items), err)
	}
}

// TestApplyMany: more objects than one transaction holds, with unchanged ones among them.
func TestApplyMany(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	var out bytes.Buffer
	if err := apply(t.Context(), client, ports(130), nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	if err := apply(t.Context(), client, ports(250), nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "created"); n != 250 || strings.Count(out.String(), "unchanged") != 130 {
		t.Errorf("%d created", n)
	}
	items, _, err := client.List(t.Context(), etcdschema.IntentPrefix().OfKind("alpha", model.KindPort))
	if err != nil || len(items) != 250 {
		t.Errorf("%d ports, %v", len(items), err)
	}
}
