package cache

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model/desired"
)

// contents is everything that a rollback must restore.
func (tx *Transaction) contents() string {
	s := fmt.Sprint(tx.Size(), tx.Bytes, slices.Sorted(maps.Keys(tx.nodes)))
	for _, k := range tx.Keys() {
		w := tx.Writes[k]
		s += fmt.Sprint("\n", k, " ", string(w.Data), w.Data == nil, w.Held, w.guard, w.Old == nil)
	}
	for _, k := range slices.SortedFunc(maps.Keys(tx.Requires), etcdschema.Key.Compare) {
		s += fmt.Sprint("\n", k, " ", tx.Requires[k])
	}
	for _, k := range slices.SortedFunc(maps.Keys(tx.cache.entries), etcdschema.Key.Compare) {
		s += fmt.Sprint("\n", k, " ", string(tx.cache.entries[k].Data))
	}
	return s
}

// naiveSize counts what size counts.
func (tx *Transaction) naiveSize() int {
	ops, compares := len(tx.Writes), len(tx.Requires)+1
	for name := range tx.nodes {
		if tx.Writes[etcdschema.HeadKey(name)] == nil {
			ops++
			compares++
		}
	}
	for _, w := range tx.Writes {
		if w.guard {
			compares++
		}
	}
	return max(ops, compares)
}

// A rollback to a mark restores everything as it was at the mark, whatever was written to the same keys before and after it.
func TestARollbackRestoresWhatWasThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := New(Kinds{Items: []ItemKind{{ItemKind: desired.PortKind()}}})
		tx := c.Begin()
		type point struct {
			Mark
			contents string
		}
		marks := []point{{contents: tx.contents()}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			node := rapid.SampledFrom([]string{"h1", "h2", "h3"}).Draw(t, "node")
			uid := rapid.SampledFrom([]string{"u1", "u2"}).Draw(t, "uid")
			k := etcdschema.DesiredKey(node, desired.Key{Kind: desired.KindPort, UID: uid})
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				p := &desired.Port{UID: uid, Name: rapid.StringMatching("[a-c]{1,3}").Draw(t, "name")}
				if _, err := tx.Put(k, p, rapid.Bool().Draw(t, "guard")); err != nil {
					t.Fatal(err)
				}
			case 2:
				tx.Remove(k, rapid.Bool().Draw(t, "guard"))
			case 3:
				tx.Require(etcdschema.ParseKey("intent/alpha/port/" + uid))
			case 4:
				if err := tx.SealHead(node); err != nil {
					t.Fatal(err)
				}
			case 5:
				marks = append(marks, point{tx.Mark(), tx.contents()})
			case 6:
				at := rapid.IntRange(0, len(marks)-1).Draw(t, "mark")
				tx.Rollback(marks[at].Mark)
				if got := tx.contents(); got != marks[at].contents {
					t.Fatalf("rolled back to\n%s\nwant\n%s", got, marks[at].contents)
				}
				marks = marks[:at+1]
			}
			if got, want := tx.Size(), tx.naiveSize(); got != want {
				t.Fatalf("the size is %d, want %d", got, want)
			}
		}
	})
}
