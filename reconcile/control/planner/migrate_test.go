package planner

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// hears writes a node's report that the port's guest has announced itself there.
func (s *sim) hears(node string, id model.ID, number int64) {
	uid := s.cache().Accepted(id).UID
	s.record(etcdschema.ActualBucket(node, etcdschema.Bucket(uid)), etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{
		uid: {ID: id.Project + "/" + id.Name, State: desired.StateStandby, Activated: number},
	}})
}

func (s *sim) number(id model.ID) int64 {
	if m := s.cache().Accepted(id).Migration; m != nil {
		return m.Number
	}
	return 0
}

// move is a simulated region with a port on h1 that migrates to h2.
type move struct {
	*sim
	t      *testing.T
	port   model.ID
	number int64
}

func newMove(t *testing.T) *move {
	t.Helper()
	m := &move{sim: newSim(t), t: t, port: fixture.Port("a")}
	m.putAll(fixture.RegionIntent())
	for _, h := range []string{"h1", "h2", "h3"} {
		m.put(model.HostID(h), fixture.HostSpec)
		m.feature(h, desired.Features()...)
	}
	m.put(m.port, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2"}}`)
	m.on("about to move", "active", "standby", "h1")
	m.number = m.sim.number(m.port)
	return m
}

// on checks the port's state on each host, and the host in its status.
func (m *move) on(what, h1, h2, host string) {
	m.t.Helper()
	m.settle()
	m.check()
	for node, want := range map[string]string{"h1": h1, "h2": h2, "h3": ""} {
		item := m.item(node, desired.KindPort, m.port)
		if want == "" && item != "" || want != "" && !strings.Contains(item, fmt.Sprintf(`"state":%q`, want)) {
			m.t.Errorf("%s: on %s %q, expected %q", what, node, item, want)
		}
	}
	status, _ := m.planner.StatusFor(etcdschema.StatusKey(m.port))
	if status.Host != host || status.Phase != etcdschema.PhaseAccepted {
		m.t.Errorf("%s: status %+v, expected it on %s", what, status, host)
	}
}

// arrive has the guest announce itself on h2. This must be one transaction.
func (m *move) arrive() {
	m.t.Helper()
	before := m.transactions
	m.hears("h2", m.port, m.number)
	m.on("arrived", "standby", "active", "h2")
	if m.transactions != before+1 {
		m.t.Errorf("arriving took %d transactions, expected one", m.transactions-before)
	}
}

// replica is another control plane with the given part of etcd.
func (m *move) replica(knows func(etcdschema.Key) bool) *sim {
	other := newSim(m.t)
	other.rev, other.uids = m.rev, m.uids
	other.inherit(m.sim, knows)
	return other
}

func TestGuestArrives(t *testing.T) {
	t.Parallel()
	m := newMove(t)
	if !strings.Contains(m.item("h2", desired.KindPort, m.port), fmt.Sprintf(`"migration":%d`, m.number)) {
		t.Errorf("h2 is not told whom to wait for: %s", m.item("h2", desired.KindPort, m.port))
	}
	m.put(m.port, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2","hostname":"renamed"}}`)
	m.on("changed while it moves", "active", "standby", "h1")
	m.hears("h1", m.port, m.number)
	m.hears("h3", m.port, m.number)
	m.hears("h2", m.port, m.number-1)
	m.on("heard elsewhere, and for another move", "active", "standby", "h1")
	m.arrive()
	before := m.transactions
	m.hears("h2", m.port, 0)
	m.hears("h1", m.port, m.number)
	m.hears("h2", m.port, m.number)
	m.on("said again, and forgotten", "standby", "active", "h2")
	if m.transactions != before {
		t.Errorf("saying it again took %d transactions", m.transactions-before)
	}
}

// TestReplicasKnowOfArrivals: an arrival that was reported while nobody led is carried out. One that was carried out is known.
func TestReplicasKnowOfArrivals(t *testing.T) {
	t.Parallel()
	m := newMove(t)
	later := m.replica(func(etcdschema.Key) bool { return true })
	later.hears("h2", m.port, m.number)
	later.planner.Queue = newWorkQueue(later.planner.Queue.kinds, later.cache()) // nobody led when it was reported
	later.planner.EnqueueAll()
	later.settle()
	if !strings.Contains(later.item("h2", desired.KindPort, m.port), `"state":"active"`) || !strings.Contains(later.item("h1", desired.KindPort, m.port), `"state":"standby"`) {
		t.Errorf("heard while nobody led: %s on h1, %s on h2", later.item("h1", desired.KindPort, m.port), later.item("h2", desired.KindPort, m.port))
	}
	m.arrive()
	other := m.replica(func(k etcdschema.Key) bool { return cache.Area(k) != "actual" })
	other.planner.EnqueueAll()
	other.settle()
	if now := other.cache().Accepted(m.port).Migration; now == nil || !now.Activated || other.writes != 0 {
		t.Errorf("another replica makes %d writes and of the move %+v", other.writes, now)
	}
}

// TestIntentAfterArrival: an intent that says where the guest is changes nothing there. A later migration is another one.
func TestIntentAfterArrival(t *testing.T) {
	t.Parallel()
	m := newMove(t)
	m.put(m.port, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2","hostname":"renamed"}}`)
	m.on("changed while it moves", "active", "standby", "h1")
	m.arrive()
	there := m.item("h2", desired.KindPort, m.port)
	m.put(m.port, `{"spec":{"network":"blue","host":"h2","hostname":"renamed"}}`)
	m.on("said by the intent too", "", "active", "h2")
	if now := m.item("h2", desired.KindPort, m.port); now != there {
		t.Errorf("the intent that says so changed the item on h2:\n%s\n%s", there, now)
	}
	m.put(m.port, `{"spec":{"network":"blue","host":"h1"}}`)
	m.on("back", "active", "", "h1")
	m.hears("h2", m.port, m.number)
	m.put(m.port, `{"spec":{"network":"blue","host":"h1","migrateTo":"h2"}}`)
	m.on("a later move, and what was heard during the first", "active", "standby", "h1")
	if now := m.sim.number(m.port); now <= m.number {
		t.Errorf("the later move has number %d, the first had %d", now, m.number)
	}
}

func TestArrivalTakesTheFloatingAddressAlong(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	id, f := fixture.Port("web-2"), fixture.Floating("web")
	s.put(id, `{"spec":{"network":"green","host":"h1","migrateTo":"h2"}}`)
	s.put(f, `{"spec":{"network":"operator/internet","port":"web-2"}}`)
	s.settle()
	if s.item("h1", desired.KindFloatingIP, f) == "" {
		t.Fatalf("the floating address is not on h1: %+v", s.condition(f))
	}
	before := s.transactions
	s.hears("h2", id, s.number(id))
	s.settle()
	s.check()
	if s.item("h1", desired.KindFloatingIP, f) != "" || s.item("h2", desired.KindFloatingIP, f) == "" {
		t.Errorf("the floating address did not follow: %+v", s.condition(f))
	}
	if s.transactions != before+1 {
		t.Errorf("it took %d transactions, expected one", s.transactions-before)
	}
}
