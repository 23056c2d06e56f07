package control

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// hears is a node's report that the guest of the port has announced itself there.
func (s *sim) hears(node string, id model.ID, number int64) {
	uid := s.cache().accepted[id].UID
	s.record(etcdschema.ActualBucket(node, etcdschema.Bucket(uid)), etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{
		uid: {ID: id.Project + "/" + id.Name, State: desired.StateStandby, Arrived: number},
	}})
}

func (s *sim) number(id model.ID) int64 {
	if m := s.cache().accepted[id].Migration; m != nil {
		return m.Number
	}
	return 0
}

func TestGuestArrives(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(regionIntent())
	for _, h := range []string{"h1", "h2", "h3"} {
		s.put(hostID(h), hostSpec)
		s.feature(h, desired.Features()...)
	}
	a := port("a")
	on := func(what, h1, h2, host string) {
		t.Helper()
		s.settle()
		s.check()
		for node, want := range map[string]string{"h1": h1, "h2": h2, "h3": ""} {
			item := s.item(node, desired.KindPort, a)
			if want == "" && item != "" || want != "" && !strings.Contains(item, fmt.Sprintf(`"state":%q`, want)) {
				t.Errorf("%s: on %s %q, expected %q", what, node, item, want)
			}
		}
		status, _ := s.planner.statusFor(etcdschema.StatusKey(a))
		if status.Host != host || status.Phase != etcdschema.PhaseAccepted {
			t.Errorf("%s: status %+v, expected it on %s", what, status, host)
		}
	}
	s.put(a, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2"}}`)
	on("about to move", "active", "standby", "h1")
	number := s.number(a)
	if !strings.Contains(s.item("h2", desired.KindPort, a), fmt.Sprintf(`"migration":%d`, number)) {
		t.Errorf("h2 is not told whom to wait for: %s", s.item("h2", desired.KindPort, a))
	}
	s.put(a, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2","hostname":"renamed"}}`)
	on("changed while it moves", "active", "standby", "h1")
	s.hears("h1", a, number)
	s.hears("h3", a, number)
	s.hears("h2", a, number-1)
	on("heard elsewhere, and for another move", "active", "standby", "h1")
	later := newSim(t)
	later.rev, later.uids = s.rev, s.uids
	later.inherit(s, func(etcdschema.Key) bool { return true })
	later.hears("h2", a, number)
	later.planner.queue = workQueue{} // nobody led when it was heard
	later.planner.wakeAll()
	later.settle()
	if !strings.Contains(later.item("h2", desired.KindPort, a), `"state":"active"`) || !strings.Contains(later.item("h1", desired.KindPort, a), `"state":"standby"`) {
		t.Errorf("heard while nobody led: %s on h1, %s on h2", later.item("h1", desired.KindPort, a), later.item("h2", desired.KindPort, a))
	}
	before := s.rounds
	s.hears("h2", a, number)
	on("arrived", "standby", "active", "h2")
	if s.rounds != before+1 {
		t.Errorf("arriving took %d transactions, expected one", s.rounds-before)
	}
	before = s.rounds
	s.hears("h2", a, 0)
	s.hears("h1", a, number)
	s.hears("h2", a, number)
	on("said again, and forgotten", "standby", "active", "h2")
	if s.rounds != before {
		t.Errorf("saying it again took %d transactions", s.rounds-before)
	}
	other := newSim(t)
	other.rev, other.uids = s.rev, s.uids
	other.inherit(s, func(k etcdschema.Key) bool { return area(k) != "actual" })
	other.planner.wakeAll()
	other.settle()
	if m := other.cache().accepted[a].Migration; m == nil || !m.Arrived || other.writes != 0 {
		t.Errorf("another replica makes %d writes and of the move %+v", other.writes, m)
	}
	there := s.item("h2", desired.KindPort, a)
	s.put(a, `{"spec":{"network":"blue","host":"h2","hostname":"renamed"}}`)
	on("said by the intent too", "", "active", "h2")
	if now := s.item("h2", desired.KindPort, a); now != there {
		t.Errorf("the intent that says so changed the item on h2:\n%s\n%s", there, now)
	}
	s.put(a, `{"spec":{"network":"blue","host":"h1"}}`)
	on("back", "active", "", "h1")
	s.hears("h2", a, number)
	s.put(a, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2"}}`)
	on("a later move, and what was heard during the first", "active", "standby", "h1")
	if s.number(a) <= number {
		t.Errorf("the later move has number %d, the first had %d", s.number(a), number)
	}
}

func TestArrivalTakesTheFloatingAddressAlong(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	id, f := port("web-2"), floating("web")
	s.put(id, `{"spec":{"network":"green","host":"h1","migrateTo":"h2"}}`)
	s.put(f, `{"spec":{"network":"operator/internet","port":"web-2"}}`)
	s.settle()
	if s.item("h1", desired.KindFloatingIP, f) == "" {
		t.Fatalf("the floating address is not on h1: %+v", s.verdict(f))
	}
	before := s.rounds
	s.hears("h2", id, s.number(id))
	s.settle()
	s.check()
	if s.item("h1", desired.KindFloatingIP, f) != "" || s.item("h2", desired.KindFloatingIP, f) == "" {
		t.Errorf("the floating address did not follow: %+v", s.verdict(f))
	}
	if s.rounds != before+1 {
		t.Errorf("it took %d transactions, expected one", s.rounds-before)
	}
}
