package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/etcdschema"
	"weft/model"
)

// listingStore counts the keys that are listed.
type listingStore struct {
	store
	listed atomic.Int64
}

func (l *listingStore) List(ctx context.Context, p etcdschema.Prefix) ([]etcdschema.Item, int64, error) {
	items, revision, err := l.store.List(ctx, p)
	l.listed.Add(int64(len(items)))
	return items, revision, err
}

// TestOfAllProjectsOnlyTheKindIsRead: to list the networks of all projects, no ports are read. The networks come in the order of their
// keys, each with its own status.
func TestOfAllProjectsOnlyTheKindIsRead(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	projects := []string{"a-b", "a", "c"} // in the order of the keys: "-" is before "/"
	for _, project := range projects {
		txn := etcdschema.NewTxn()
		network := model.ID{Project: project, Kind: model.KindNetwork, Name: "blue"}
		txn.Put(etcdschema.Intent(network), []byte(`{"spec": {"type": "vlan", "physicalNetwork": "p"}}`))
		txn.Put(etcdschema.StatusKey(network), etcdschema.Status{UID: "uid-" + project})
		for i := range 40 {
			txn.Put(etcdschema.Intent(model.ID{Project: project, Kind: model.KindPort, Name: fmt.Sprint(i)}), []byte(`{"spec": {"network": "blue"}}`))
		}
		if _, ok, err := client.Commit(t.Context(), txn); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	st := &listingStore{store: client}
	entries, missing, err := load(t.Context(), st, selection{kind: model.KindNetwork, all: true}, asItIs)
	if err != nil || len(missing) > 0 {
		t.Fatal(missing, err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.ID.Project+" "+e.Status.UID)
	}
	if diff := cmp.Diff([]string{"a-b uid-a-b", "a uid-a", "c uid-c"}, got); diff != "" {
		t.Error(diff)
	}
	if n := st.listed.Load(); n != 6 {
		t.Errorf("%d keys were listed for three networks and their statuses", n)
	}
}

// TestManyObjectsAreDecodedWithTheirOwnStatus: several goroutines share the work, and each object gets its own status.
func TestManyObjectsAreDecodedWithTheirOwnStatus(t *testing.T) {
	t.Parallel()
	n := 3*partLength + 7
	items, states := make([]etcdschema.Item, n), make([]etcdschema.Item, n)
	for i := range n {
		id := model.ID{Project: "alpha", Kind: model.KindPort, Name: fmt.Sprintf("p%d", i)}
		items[i] = etcdschema.Item{Key: etcdschema.Intent(id), Value: []byte(`{"spec": {"network": "blue"}}`), ModRevision: int64(i)}
		states[i] = etcdschema.Item{Key: etcdschema.StatusKey(id), Value: []byte(fmt.Sprintf(`{"uid": "u%d"}`, i))}
	}
	for i, e := range joined(model.KindPort, items, states, asItIs) {
		name := fmt.Sprintf("p%d", i)
		if e.ID.Name != name || e.Invalid != nil || e.Object.Metadata.Name != name || e.Revision != int64(i) || e.Status.UID != fmt.Sprintf("u%d", i) {
			t.Fatalf("entry %d is %+v", i, e)
		}
	}
}
