package planner

import (
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// TestHostsKnowTheMACPrefix: a host's item has a prefix that is not the default one, also when it changes. A preview without a
// prefix sees no change in this.
func TestHostsKnowTheMACPrefix(t *testing.T) {
	t.Parallel()
	told := func(s *sim) model.MAC {
		h, ok := fixture.ItemOn[*desired.Host](s.cache(), "h1", fixture.HostH1)
		if !ok {
			t.Fatal("h1 has no node config")
		}
		return h.MACPrefix
	}
	first, second := newSim(t), newSim(t)
	first.putAll(fixture.RegionIntent())
	first.settle()
	if m := told(first); !m.IsZero() {
		t.Errorf("the default prefix is told as %s", m)
	}
	second.inherit(first, func(etcdschema.Key) bool { return true })
	second.planner.settings.MACPrefix = [3]byte{0x52, 0x54, 1}
	second.planner.EnqueueAll()
	second.settle()
	if m := told(second); m != (model.MAC{0x52, 0x54, 1}) {
		t.Errorf("the prefix is told as %s", m)
	}
	pv, err := PreviewOn(second.cache(), kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.HostH1, fixture.HostSpec)}, nil)
	if err != nil || pv.Changes() {
		t.Errorf("a preview of what is there already: %+v, %v", pv, err)
	}
}
