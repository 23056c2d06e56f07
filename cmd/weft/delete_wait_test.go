package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
)

// TestADeletionReadsNoOtherObjects: before it deletes ports, which nothing protects, it lists nothing, however many ports there are.
func TestADeletionReadsNoOtherObjects(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	seed(t, client)
	var out bytes.Buffer
	if err := apply(t.Context(), client, ports(100), nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	txn := etcdschema.NewTxn()
	for i := range etcdschema.MaxTxnOps {
		txn.Put(etcdschema.AcceptedKey(model.ID{Project: "beta", Kind: model.KindPort, Name: fmt.Sprint(i)}), etcdschema.Accepted{UID: "u"})
	}
	if _, ok, err := client.Commit(t.Context(), txn); err != nil || !ok {
		t.Fatal(ok, err)
	}
	st := &listingStore{store: client}
	var of int
	d := deletion{st: st, ids: idsOf(ports(100)), confirm: func(_, total int) error { of = total; return nil }}
	if err := d.run(t.Context(), &out, &out); err != nil {
		t.Fatal(err)
	}
	if n := st.listed.Load(); n > 0 || of != etcdschema.MaxTxnOps {
		t.Errorf("%d keys were listed; %d objects in all were counted", n, of)
	}
}

// deletionOf waits for n ports. The batch says that all of them are accepted.
func deletionOf(n int) (u *unfinished, all etcdschema.Batch) {
	u = &unfinished{left: map[model.ID]int{}, total: n, show: terminal.NewProgress(nil, "deleted", n)}
	for i, id := range idsOf(ports(n)) {
		u.left[id] = i
		all.Events = append(all.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.AcceptedKey(id)}})
	}
	return u, all
}

// TestWhatIsGoneIsSaidOnce: what is not there at first counts as gone, and later what is deleted. Each is said once, in the order in
// which the objects were named.
func TestWhatIsGoneIsSaidOnce(t *testing.T) {
	t.Parallel()
	u, all := deletionOf(5)
	ids := idsOf(ports(5))
	deleted := func(places ...int) (b etcdschema.Batch) {
		for _, i := range places {
			b.Events = append(b.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.AcceptedKey(ids[i])}, Deleted: true})
		}
		return b
	}
	other := etcdschema.AcceptedKey(model.ID{Project: "beta", Kind: model.KindPort, Name: "web"})
	for i, step := range []struct {
		batch etcdschema.Batch
		gone  []int
	}{
		{etcdschema.Batch{Events: append(all.Events[1:4:4], etcdschema.Event{Item: etcdschema.Item{Key: other}})}, []int{0, 4}},
		{etcdschema.Batch{}, nil},
		{deleted(3, 1), []int{1, 3}},
		{deleted(3), nil},
		{etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: other}, Deleted: true}}}, nil},
		{etcdschema.Batch{Events: all.Events[2:3]}, nil},
		{deleted(2), []int{2}},
	} {
		var out bytes.Buffer
		moved := u.take(step.batch, &out)
		var want strings.Builder
		for _, place := range step.gone {
			fmt.Fprintf(&want, "%s deleted\n", ids[place])
		}
		if out.String() != want.String() || moved != (len(step.gone) > 0) {
			t.Errorf("step %d: moved %v, said %q, expected %q", i, moved, &out, &want)
		}
	}
	if len(u.left) > 0 {
		t.Errorf("%d are left", len(u.left))
	}
}

// TestABatchCostsWhatIsInIt: batches without a deletion cost the same however many objects are waited for.
func TestABatchCostsWhatIsInIt(t *testing.T) {
	cost := func(n int) time.Duration {
		u, all := deletionOf(n)
		u.take(all, nil)
		least := time.Hour
		for range 5 {
			start := time.Now()
			for range 10000 {
				u.take(etcdschema.Batch{}, nil)
			}
			least = min(least, time.Since(start))
		}
		return least
	}
	if few, many := cost(10), cost(10000); many > 20*few+10*time.Millisecond {
		t.Errorf("%s when 10 objects are waited for, %s when 10,000 are", few, many)
	}
}
