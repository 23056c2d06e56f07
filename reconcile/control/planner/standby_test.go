package planner

import (
	"slices"
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/internal/fixture"
)

// A replica that does not lead takes everything in and queues nothing. When it leads, it writes a record again that was deleted by mistake
// before that.
func TestAStandbyQueuesNothing(t *testing.T) {
	t.Parallel()
	leader := routedRegion(t)
	leader.put(fixture.Port("web-1"), fixture.PortOnH1)
	leader.settle()
	var events []etcdschema.Event
	for k, e := range leader.cache().Entries() {
		events = append(events, etcdschema.Event{Item: etcdschema.Item{Key: k, Value: e.Data, ModRevision: e.ModRevision, CreateRevision: e.CreateRevision}})
	}
	slices.SortFunc(events, func(a, b etcdschema.Event) int { return int(a.ModRevision - b.ModRevision) })
	record := etcdschema.AcceptedKey(fixture.Port("web-1"))
	deleted := etcdschema.Event{Item: etcdschema.Item{Key: record, ModRevision: leader.rev + 1}, Deleted: true}
	standby := newSim(t)
	standby.rev, standby.uids = leader.rev+1, leader.uids
	for _, e := range append(events, deleted) {
		standby.planner.Absorb(e, nil)
	}
	if n := standby.planner.Queue.Len(); n != 0 || standby.planner.StatusesWait() || len(standby.planner.Foreign) != 0 {
		t.Errorf("%d work items wait, statuses wait: %v, %d changes of node configs are noted", n, standby.planner.StatusesWait(), len(standby.planner.Foreign))
	}
	standby.planner.EnqueueAll()
	standby.settle()
	standby.check()
	want := leader.snapshot()
	for k, v := range standby.snapshot() {
		if want[k] != v {
			t.Errorf("%s is %q, expected %q", k, v, want[k])
		}
		delete(want, k)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// A report settles what waits for it on a standby too, so that what waits does not grow.
func TestAStandbyKeepsNothingThatWaits(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.settle()
	data, err := etcdschema.Encode(etcdschema.NodeReport{ProcessedRevision: s.rev})
	if err != nil {
		t.Fatal(err)
	}
	s.planner.Absorb(etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.ActualNode("h1"), Value: data, ModRevision: s.rev + 1, CreateRevision: s.rev + 1}}, nil)
	s.cache().Node("h1").SettleWaiting(func(uid string) { t.Errorf("%s still waits", uid) })
}
