package planner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/pace"
)

// fanout is a network on a router with a guest on each of many hosts. All of these hosts get its neighbours.
func fanout(t fataler, hosts int) *sim {
	s := routedRegion(t)
	s.put(fixture.Internet, largeExternal(190, 0))
	for i := range hosts {
		name := fmt.Sprintf("n%03d", i)
		s.put(model.HostID(name), fixture.HostSpec)
		s.feature(name, fixture.AllFeatures()...)
		s.put(fixture.Port("p"+name), fmt.Sprintf(`{"spec":{"network":"green","host":%q}}`, name))
	}
	s.settle()
	s.check()
	return s
}

// setsSince counts the sets that a transaction has written since the revision.
func (s *sim) setsSince(revision int64) (n int) {
	for k, e := range s.cache().Entries() {
		if _, item, _, ok := etcdschema.ParseDesired(k); ok && item.Kind == desired.KindNeighbors && e.ModRevision > revision {
			n++
		}
	}
	return n
}

// A new port with several addresses changes one set on each node, because its addresses are in the same one.
func TestAPortChangesOneSetOfEachNode(t *testing.T) {
	t.Parallel()
	const hosts = 5
	s := fanout(t, hosts)
	onBlue := `{"spec":{"network":"blue","host":"n000"}}`
	for i := range 300 {
		s.put(fixture.Port(fmt.Sprint("p", i)), onBlue)
	}
	s.settle()
	for i := range 10 {
		before, port := s.rev, fixture.Port(fmt.Sprint("one-more-", i))
		s.put(port, onBlue)
		s.settle()
		if got := len(s.cache().Accepted(port).Allocated.Addresses); got != 2 {
			t.Fatalf("the port has %d addresses", got)
		}
		if n := s.setsSince(before); n != hosts {
			t.Errorf("%d sets are written on %d hosts", n, hosts)
		}
	}
	s.check()
}

// What does not fit a transaction is not evaluated in vain. Each evaluation of a new port makes a uid.
func TestWhatDoesNotFitIsNotEvaluated(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.settle()
	const ports = 60
	uids, transactions := s.uids, s.transactions
	for i := range ports {
		s.put(fixture.Port(fmt.Sprint("p", i)), fixture.PortOnH1)
	}
	s.settle()
	s.check()
	if n := s.transactions - transactions; n < 4 {
		t.Fatalf("%d transactions: nothing had to wait for the next one", n)
	}
	if n := s.uids - uids; n != ports {
		t.Errorf("%d evaluations of %d ports", n, ports)
	}
}

// A new port is on its host after the next transaction, however many hosts still have to get the neighbours of the one before.
func TestAPortDoesNotWaitForSets(t *testing.T) {
	t.Parallel()
	s := fanout(t, 120)
	s.now = s.now.Add(time.Second) // the sets may be written again
	onGreen := `{"spec":{"network":"green","host":"n000"}}`
	s.put(fixture.Port("first"), onGreen)
	s.transact()
	if !fixture.Placed(s.cache(), "n000", "first") {
		t.Fatal("the first port was not placed by the first transaction")
	}
	s.transact()
	told := s.setsSince(s.rev - 1)
	if told == 0 || s.planner.Queue.Empty() {
		t.Fatalf("%d hosts are told by one transaction: there is nothing to wait for", told)
	}
	s.put(fixture.Port("second"), onGreen)
	before := s.rev
	s.transact()
	if n := s.setsSince(before); n > 0 || !fixture.Placed(s.cache(), "n000", "second") {
		t.Errorf("the next transaction told %d hosts of others; the second port is placed: %v", n, fixture.Placed(s.cache(), "n000", "second"))
	}
	s.settle()
	s.check()
}

// An endless stream of ports does not block what hosts are told. It is late, but it comes.
func TestSetsHaveAShare(t *testing.T) {
	t.Parallel()
	s := fanout(t, 120)
	transactions, told := 4*laterShare, 0
	for i := range transactions {
		s.put(fixture.Port(fmt.Sprint("new", i)), `{"spec":{"network":"green","host":"n000"}}`)
		s.now = s.now.Add(2 * pace.Interval)
		s.planner.Ripen(s.now)
		before := s.rev
		s.transact()
		if s.setsSince(before) > 0 {
			told++
		}
	}
	if told < 3 || told > transactions/laterShare+1 {
		t.Errorf("%d of %d transactions told hosts who is on the network, expected one of %d", told, transactions, laterShare)
	}
	s.settle()
	s.check()
}

// A replica that takes over first does what people have asked for meanwhile, and only then compares the rest. In the end it has
// compared everything.
func TestATakeoverServesWhatIsAskedFirst(t *testing.T) {
	t.Parallel()
	first := fanout(t, 60)
	for i := range 600 {
		first.put(fixture.Port(fmt.Sprintf("p%03d", i)), fixture.PortOnH1)
	}
	first.settle()
	next := newSim(t)
	next.uids = first.uids
	next.inherit(first, func(etcdschema.Key) bool { return true })
	next.planner.Idle()
	next.put(fixture.Port("waited"), fixture.PortOnH1)
	next.remove(fixture.Port("p007"))
	damaged := etcdschema.DesiredKey("n003", desired.Key{Kind: desired.KindPort, UID: first.cache().Accepted(fixture.Port("pn003")).UID})
	next.cache().Set(damaged, nil)
	next.planner.Idle()
	next.planner.EnqueueAll()
	next.put(fixture.Port("asked"), fixture.PortOnH1)
	next.transact()
	for name, want := range map[string]bool{"waited": true, "asked": true, "p007": false} {
		if c := next.cache(); (c.Accepted(fixture.Port(name)) != nil) != want || want && !fixture.Placed(c, "h1", name) {
			t.Errorf("after the first transaction %s is accepted: %v", name, !want)
		}
	}
	statuses := next.planner.NextStatuses()
	for _, name := range []string{"waited", "asked", "p007"} {
		if i := slices.Index(statuses, etcdschema.StatusKey(fixture.Port(name))); i < 0 || i > 2*comparedPart {
			t.Errorf("the status of %s is number %d that is looked at", name, i)
		}
	}
	if next.cache().Entry(damaged) != nil {
		t.Error("everything was compared before what was asked for")
	}
	next.settle()
	next.check()
	if next.cache().Entry(damaged) == nil {
		t.Error("a node config that lacks a port was not compared")
	}
	for id := range next.cache().AllAccepted() {
		if next.planner.conditions[id] == nil {
			t.Errorf("%s was not looked at", id)
		}
		k := etcdschema.StatusKey(id)
		_, news := next.planner.status[k]
		if _, compared := next.planner.compared[k]; news == compared {
			t.Errorf("the status of %s is to be looked at: %v as news, %v as compared", id, news, compared)
		}
	}
}

// A work item that waits in a later class is moved forward by a change, and is taken out once.
func TestAUnitIsBroughtForward(t *testing.T) {
	t.Parallel()
	c := cache.New(kind.AllKinds().Cached())
	kinds := kind.AllKinds()
	q := newWorkQueue(&kinds, c)
	p := func(i int) cache.Work { return cache.Work{Kind: cache.WorkObject, ID: fixture.Port(fmt.Sprint(i))} }
	for i := range 10 {
		q.addLater(p(i))
	}
	q.Add(p(7))
	q.addLater(p(7))
	q.comparing = true
	q.Add(p(7))
	q.Add(p(11))
	q.comparing = false
	if q.Len() != 11 || q.turn() != classAsked {
		t.Fatalf("%d work items, the turn is %d's", q.Len(), q.first())
	}
	if u, ok := q.next(classAsked); !ok || u != p(7) {
		t.Fatalf("%v came first", u)
	}
	if q.turn() != classRest {
		t.Fatal("there is more that somebody asked for")
	}
	for u, ok := q.next(classRest); ok; u, ok = q.next(classRest) {
		if u == p(7) {
			t.Error("it came twice")
		}
	}
	if !q.Empty() {
		t.Errorf("%d are left", q.Len())
	}
}

// A flood leaves no memory behind in the queue and in the statuses.
func TestTheQueueGivesItsRoomBack(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for i := range 1000 {
		id := model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: fmt.Sprint("p", i)}
		s.put(id, `{"spec":{}}`)
	}
	queue, status := roomOf(s.planner.Queue.piles[classAsked].dirty), roomOf(s.planner.status)
	s.settle()
	for _, k := range s.planner.NextStatuses() {
		s.planner.DropStatus(k)
	}
	for s.planner.StatusesWait() {
		for _, k := range s.planner.NextStatuses() {
			s.planner.DropStatus(k)
		}
	}
	s.planner.NextStatuses()
	if roomOf(s.planner.Queue.piles[classAsked].dirty) == queue || roomOf(s.planner.status) == status {
		t.Error("an emptied map is kept")
	}
}

// Sets that change all the time do not fill etcd. Beyond a burst they keep to a rate, and what somebody has changed does not wait
// for them.
func TestSetsKeepToTheirRate(t *testing.T) {
	t.Parallel()
	s := fanout(t, 20)
	s.planner.sets.Wrote(cache.Work{Kind: cache.WorkHead, Node: "other"}, pace.Burst+pace.Rate, s.now)
	s.put(fixture.Port("new"), `{"spec":{"network":"green","host":"n000"}}`)
	before := s.rev
	for range 3 {
		s.transact()
	}
	if n := s.setsSince(before); n != 0 || s.rev == before {
		t.Errorf("over the rate: %d sets were written, and the port's own node config at revision %d after %d", n, s.rev, before)
	}
	at, waits := s.planner.sets.Next()
	if paid := s.now.Add(time.Second); !waits || at.Before(paid.Add(-50*time.Millisecond)) || at.After(paid.Add(50*time.Millisecond)) {
		t.Errorf("sets wait (%v) until %v, expected %v", waits, at, paid)
	}
	s.now = at
	s.planner.Ripen(s.now)
	s.transact()
	if n := s.setsSince(before); n == 0 {
		t.Error("the rate allows it again, and no set was written")
	}
	s.settle()
	s.check()
}

// What depends on a change right after a takeover does not wait until everything has been compared.
func TestWhoFollowsDoesNotWaitForTheRest(t *testing.T) {
	t.Parallel()
	first := routedRegion(t)
	first.put(fixture.Port("web-1"), fixture.PortOnH1)
	first.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	for i := range 3 * laterWork {
		first.put(fixture.Port(fmt.Sprintf("other-%d", i)), fixture.PortOnH1)
	}
	first.settle()
	s := newSim(t)
	s.inherit(first, func(etcdschema.Key) bool { return true })
	s.planner.EnqueueAll()
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h2"}}`)
	s.transact()
	s.transact()
	f := desired.Key{Kind: desired.KindFloatingIP, UID: s.cache().Accepted(fixture.Floating("web")).UID}
	if s.cache().Node("h1").Items[f] != nil {
		t.Errorf("the floating address is where its guest has gone from, and %d work items wait", s.planner.Queue.Len())
	}
	if s.planner.Queue.Len() < laterWork {
		t.Errorf("%d work items wait: there was nothing to wait for", s.planner.Queue.Len())
	}
}
