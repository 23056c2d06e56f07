package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// startEtcd runs an embedded etcd for the test and returns a client of it.
func startEtcd(t *testing.T) *etcdschema.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := etcdschema.StartEmbedded(ctx, etcdschema.EmbeddedConfig{Dir: t.TempDir()})
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

// racingStore lets somebody else write a key just before each of our transactions, n times.
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

// TestApplyRace: somebody else's write of one object is neither lost nor does it keep the other objects from being
// written.
func TestApplyRace(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	objs := ports(3)
	st := &racingStore{store: client, key: etcdschema.Intent(objs[1].Object.ID()), times: 1}
	var out bytes.Buffer
	err := apply(t.Context(), st, objs, nil, &out)
	if err == nil || !strings.Contains(err.Error(), "Port alpha/p1: somebody else changed it meanwhile") {
		t.Errorf("error %v", err)
	}
	if got, want := out.String(), "Port alpha/p0 created\nPort alpha/p2 created\n"; got != want {
		t.Errorf("said %q, expected %q", got, want)
	}
	item, _, err := client.Get(t.Context(), st.key)
	if err != nil || string(item.Value) != `{"spec": {"network": "n0"}}` {
		t.Errorf("the other's write became %s, %v", item.Value, err)
	}
	out.Reset()
	if err := apply(t.Context(), client, objs, nil, &out); err != nil || !strings.Contains(out.String(), "p1 configured") {
		t.Errorf("applied again: %s, %v", out.String(), err)
	}
}

// TestApplyMany: more objects than one transaction holds, with unchanged ones among them.
func TestApplyMany(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	var out bytes.Buffer
	if err := apply(t.Context(), client, ports(130), nil, &out); err != nil {
		t.Fatal(err)
	}
	if err := apply(t.Context(), client, ports(250), nil, &out); err != nil {
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
