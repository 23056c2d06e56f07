package etcdschema

import (
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"weft/etcdschema/etcdserver"
)

func TestPagesFollowTheBytesOfTheLastOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		size        int64
		keys, value int
		want        int64
	}{
		{"small values grow step by step", 1000, 1000, 100, 5000},
		{"and up to the bound", 15000, 15000, 100, pageKeys},
		{"as many as fit in the bytes", 5000, 5000, 2000 - 10, pageBytes * 5000 / (5000*2000 + 1)},
		{"large values shrink", 1000, 1000, 1<<20 - 10, 15},
		{"the largest come one by one", 10, 1, 32 << 20, 1},
	} {
		kvs := make([]*mvccpb.KeyValue, c.keys)
		for i := range kvs {
			kvs[i] = &mvccpb.KeyValue{Key: make([]byte, 10), Value: make([]byte, 0)}
		}
		value := make([]byte, c.value)
		for _, kv := range kvs {
			kv.Value = value
		}
		if got := nextPage(c.size, kvs); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A list is complete, in order and at one revision, however it was divided into pages.
func TestAListOfManyPagesIsWhole(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	var want []string
	for i := 0; i < 7*pageFirst; i += MaxTxnOps {
		commit(t, c, func(tx *Txn) {
			for j := range MaxTxnOps {
				path := fmt.Sprintf("event/%05d", i+j)
				tx.Put(ParseKey(path), []byte("x"))
				want = append(want, path)
			}
		})
	}
	if n, err := c.Count(testContext(t), Prefix{"event/"}); err != nil || n != len(want) {
		t.Errorf("counted %d keys of %d: %v", n, len(want), err)
	}
	items, revision, err := c.List(testContext(t), Prefix{"event/"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range items {
		got = append(got, it.Key.String())
		if it.ModRevision > revision {
			t.Errorf("%s is of revision %d, the list of %d", it.Key, it.ModRevision, revision)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d keys, want %d", len(got), len(want))
	}
}

// A list of everything is read in parts, one for each area. Nothing is lost between them, whatever keys there are.
func TestAListOfEverythingIsWhole(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	areas := []string{"0", "accepted", "actual", "actual0", "claim", "desired", "election", "event", "intent", "live", "order", "status", "~"}
	var want []string
	for i := 0; i < pageFirst; i += MaxTxnOps / 2 {
		for _, area := range areas {
			commit(t, c, func(tx *Txn) {
				for j := range MaxTxnOps / 2 {
					path := fmt.Sprintf("%s/%05d", area, i+j)
					tx.Put(ParseKey(path), []byte("x"))
					want = append(want, path)
				}
			})
		}
	}
	slices.Sort(want)
	items, revision, err := c.List(testContext(t), AllPrefix())
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(items))
	for i, it := range items {
		got[i] = it.Key.String()
	}
	if !slices.Equal(got, want) || revision != items[len(items)-1].ModRevision {
		t.Errorf("%d keys at revision %d, want %d", len(got), revision, len(want))
	}
}
