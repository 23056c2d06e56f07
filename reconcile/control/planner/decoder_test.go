package planner

import (
	"reflect"
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// A replica starts with records that were decoded while etcd was still being read. They are those that the cache would decode itself.
func TestPreparedItemsAreWhatTheCacheDecodes(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Port("bad"), `{"spec":{"network":7}}`)
	s.event(etcdschema.ParseKey("intent/alpha/volume/x"), []byte(`{}`))
	s.settle()
	kinds := kind.AllKinds().Cached()
	d := cache.NewDecoder(kinds)
	alone := cache.New(kinds)
	prepared := 0
	for k, e := range s.cache().Entries() {
		got := d.Prepare(etcdschema.Item{Key: k, Value: e.Data, ModRevision: e.ModRevision, CreateRevision: e.CreateRevision})
		alone.Load([]etcdschema.Item{{Key: k, Value: e.Data, ModRevision: e.ModRevision, CreateRevision: e.CreateRevision}}, 1)
		_, item, head, ok := etcdschema.ParseDesired(k)
		if many := item.Kind == desired.KindNeighbors || item.Kind == desired.KindNetwork; ok && !head && many && got == nil {
			continue // the cache decodes it once for all nodes
		}
		if own := alone.Entry(k); own != nil && !reflect.DeepEqual(got, own.Value) {
			t.Errorf("%s is prepared as %+v, and decoded as %+v", k, got, own.Value)
		}
		if got != nil {
			prepared++
		}
	}
	if prepared < 20 {
		t.Errorf("only %d records are prepared", prepared)
	}
}
