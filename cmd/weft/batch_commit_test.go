package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"weft/etcdschema"
	"weft/model"
)

// countingStore counts reads of one key and transactions on intent, and makes one of these transactions fail.
type countingStore struct {
	store
	asked, commits atomic.Int64
	failAt         int64 // the number of the transaction that fails; 0 for none
}

func (c *countingStore) Get(ctx context.Context, k etcdschema.Key) (etcdschema.Item, bool, error) {
	c.asked.Add(1)
	return c.store.Get(ctx, k)
}

func (c *countingStore) Commit(ctx context.Context, t *etcdschema.Txn) (int64, bool, error) {
	intents := false // it writes intent, not an order to the controllers
	t.Each(func(k etcdschema.Key, _ []byte) { intents = intents || etcdschema.IntentPrefix().Contains(k) })
	if intents {
		if n := c.commits.Add(1); n == c.failAt {
			return 0, false, errors.New("etcd went away")
		}
	}
	return c.store.Commit(ctx, t)
}

func idsOf(objs []model.Located) []model.ID {
	ids := make([]model.ID, len(objs))
	for i, l := range objs {
		ids[i] = l.Object.ID()
	}
	return ids
}

// TestManyObjectsTakeFewTransactions: the requests to etcd do not grow with every object.
func TestManyObjectsTakeFewTransactions(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	st := &countingStore{store: client}
	var out bytes.Buffer
	if err := apply(t.Context(), st, ports(450), nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	if commits, gets := st.commits.Swap(0), st.asked.Swap(0); commits != 5 || gets != 0 {
		t.Errorf("apply of 450 took %d transactions and %d reads of one key", commits, gets)
	}
	twice := append(idsOf(ports(450)), idsOf(ports(2))...)
	if err := (deletion{st: st, ids: twice}).run(t.Context(), &out, &out); err != nil {
		t.Fatal(err)
	}
	if commits, gets := st.commits.Load(), st.asked.Load(); commits != 5 || gets != 0 {
		t.Errorf("deletion of 450 took %d transactions and %d reads of one key", commits, gets)
	}
	if n := strings.Count(out.String(), "is to be deleted\n"); n != 450 {
		t.Errorf("%d are said to be deleted", n)
	}
}

// TestOneRacedObjectDoesNotHoldUpTheOthers: of twenty, nineteen are written together, and one by itself.
func TestOneRacedObjectDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	objs := ports(20) // too few for a mass deletion
	raced := objs[7].Object.ID()
	for _, verb := range []struct {
		name string
		do   func(st store, out *bytes.Buffer) error
		said string
	}{
		{"apply", func(st store, out *bytes.Buffer) error { return apply(t.Context(), st, objs, nil, out, out) }, "created"},
		{"delete", func(st store, out *bytes.Buffer) error {
			return deletion{st: st, ids: idsOf(objs)}.run(t.Context(), out, out)
		}, "is to be deleted"},
	} {
		st := &countingStore{store: &racingStore{store: client, key: etcdschema.Intent(raced), times: 1}}
		var out bytes.Buffer
		if err := verb.do(st, &out); err != nil {
			t.Fatal(verb.name, err)
		}
		if n := st.commits.Load(); n != 3 { // the lost one, the others together, and the raced object
			t.Errorf("%s: %d transactions", verb.name, n)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 20 {
			t.Fatalf("%s: %d lines", verb.name, len(lines))
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, objs[i].Object.ID().String()+" ") || i != 7 && !strings.HasSuffix(line, verb.said) {
				t.Errorf("%s: line %d is %q", verb.name, i, line)
			}
		}
	}
}

// TestALostRaceKeepsTheOrderOfKinds: if an object loses a race, nothing that refers to it is written before it.
func TestALostRaceKeepsTheOrderOfKinds(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	objs := ports(2)
	project := model.Object{APIVersion: model.APIVersion, Kind: model.KindProject, Metadata: model.Metadata{Name: "beta"}, Spec: &model.ProjectSpec{}}
	objs = append(objs, model.Located{Object: project})
	st := &countingStore{store: &racingStore{store: client, key: etcdschema.Intent(project.ID()), times: 1}}
	var out bytes.Buffer
	if err := apply(t.Context(), st, objs, nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	if n := st.commits.Load(); n != 4 { // the lost one, and three objects by themselves
		t.Errorf("%d transactions", n)
	}
}

// TestAFailureTellsWhatWasDone: the output says what was written before etcd failed.
func TestAFailureTellsWhatWasDone(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	var out bytes.Buffer
	st := &countingStore{store: client, failAt: 3}
	if err := apply(t.Context(), st, ports(250), nil, &out, &out); err == nil || !strings.Contains(err.Error(), "went away") {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(out.String(), " created\n"); n != 200 {
		t.Errorf("%d are said to be created", n)
	}
	out.Reset()
	st = &countingStore{store: client, failAt: 2}
	err := deletion{st: st, ids: idsOf(ports(200)), wait: &deletionWait{st: st, follow: client.Follow}}.run(t.Context(), &out, &out)
	if err == nil || !strings.Contains(err.Error(), "went away") {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(out.String(), " is to be deleted\n"); n != 100 {
		t.Errorf("%d are said to be deleted", n)
	}
	items, _, err := client.List(t.Context(), etcdschema.IntentPrefix().OfKind("alpha", model.KindPort))
	if err != nil || len(items) != 100 {
		t.Errorf("%d are left, %v", len(items), err)
	}
}

// TestLargeObjectsAreCutByTheirBytes: a transaction holds fewer objects if they are large.
func TestLargeObjectsAreCutByTheirBytes(t *testing.T) {
	t.Parallel()
	var changes []guarded
	for i := range 10 {
		txn := etcdschema.NewTxn()
		id := model.ID{Project: "alpha", Kind: model.KindPort, Name: fmt.Sprint(i)}
		txn.PutIf(etcdschema.Intent(id), 0, bytes.Repeat([]byte("x"), etcdschema.MaxTxnBytes/3))
		changes = append(changes, guarded{id, 0, txn})
	}
	if n := fitting(changes); n != 2 {
		t.Errorf("%d fit", n)
	}
}
