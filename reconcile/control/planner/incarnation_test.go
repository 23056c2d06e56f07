package planner

import (
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

// Another replica, or whoever may claim, has accepted another incarnation of a port. The leader takes the old one off its node.
func TestAnIncarnationAcceptedByOthersReplacesTheOld(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.settle()
	old := *s.cache().Accepted(fixture.Port("web-1"))
	now := old
	now.UID = "99999999-0000-4000-8000-000000000000"
	for k := range s.cache().Owned(old.UID) {
		cl, _ := s.cache().Claim(k)
		cl.Owner = now.UID
		s.record(k, cl)
	}
	s.record(etcdschema.AcceptedKey(fixture.Port("web-1")), now)
	s.settle()
	s.check()
	for k := range s.cache().Node("h1").Items {
		if k.UID == old.UID {
			t.Errorf("%v is still on its node", k)
		}
	}
	if s.cache().Item("h1", desired.Key{Kind: desired.KindPort, UID: now.UID}) == nil {
		t.Error("the new incarnation is not on the node")
	}
}
