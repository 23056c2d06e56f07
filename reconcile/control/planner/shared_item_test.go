package planner

import (
	"fmt"
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// An item that many nodes have with the same content is in memory once: when it was written, and when it was read from etcd.
func TestAnItemOfManyNodesIsHeldOnce(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Port("db-1"), `{"spec":{"network":"green","host":"h2"}}`)
	s.settle()
	check := func(c *cache.Cache) {
		t.Helper()
		for _, kind := range []desired.Kind{desired.KindNeighbors, desired.KindNetwork} {
			held, contents, entries := map[string]bool{}, map[string]bool{}, 0
			for _, n := range c.Nodes() {
				for k, e := range n.Items {
					if k.Kind == kind {
						held[fmt.Sprintf("%s %p %p", k.UID, &e.Data[0], e.Value)] = true
						contents[string(e.Data)] = true
						entries++
					}
				}
			}
			if len(held) != len(contents) || entries <= len(held) {
				t.Errorf("%d entries with %d contents: %v", entries, len(contents), held)
			}
		}
	}
	check(s.cache())
	var items []etcdschema.Item
	for k, e := range s.cache().Entries() {
		items = append(items, etcdschema.Item{Key: k, Value: append([]byte(nil), e.Data...), ModRevision: e.ModRevision, CreateRevision: e.CreateRevision})
	}
	again := cache.New(kind.AllKinds().Cached())
	again.Load(items, s.cache().Revision)
	check(again)
	for k := range again.Entries() {
		if cache.Area(k) == "desired" {
			again.Set(k, nil)
		}
	}
	if n := again.SharedItems(); n != 0 {
		t.Errorf("%d items are kept that no node has", n)
	}
}
