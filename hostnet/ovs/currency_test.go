package ovs

import (
	"slices"
	"testing"

	"weft/hostnet/object"
)

// TestWatchFollows: somebody's flows are events, the driver's own are not. A lost monitor makes the cache stale until all is read.
func TestWatchFollows(t *testing.T) {
	t.Parallel()
	m, l := watched(t)
	set := flowSet(1, someFlows(1, 1)...)
	from := l.seen()
	m.must(create(set))
	alien := switchFlow{0xbeef, object.Flow{Table: 20, Priority: 1}}
	m.flows.put("br-int", alien)
	l.await(from, "somebody's flow", about(flowSetKey("br-int", 0xbeef)))
	if slices.ContainsFunc(l.events[from:], about(set.Key())) {
		t.Errorf("the driver's own flows are an event: %v", l.events[from:])
	}
	taken := switchFlow{0xbeef, set.Flows[0]}
	m.flows.put("br-int", taken) // it replaces ours
	l.await(from, "a replaced flow", func(e object.Event) bool { return about(set.Key())(e) && about(flowSetKey("br-int", 0xbeef))(e) })
	if m.observe(set.Key()) != nil {
		t.Error("a flow that somebody has replaced is still ours")
	}

	from = l.seen()
	_, dumps := m.flows.counts()
	m.flows.mu.Lock()
	m.flows.flows["br-int"] = nil // a restart of the switch
	lose := m.flows.lose
	m.flows.lose = make(chan struct{})
	m.flows.mu.Unlock()
	close(lose)
	l.await(from, "resync", m.based)
	if m.observe(flowSetKey("br-int", 0xbeef)) != nil {
		t.Error("the flows were not read again")
	}
	if _, now := m.flows.counts(); now != dumps+1 {
		t.Errorf("the flows were read %d times", now-dumps)
	}
	for i, want := range []int{1, 2} { // a Sync after the Resync need not read them again, the next one does
		if err := m.d.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, now := m.flows.counts(); now != dumps+want {
			t.Errorf("after %d syncs the flows were read %d times, want %d", i+1, now-dumps, want)
		}
	}
}

// TestStaleSaysWhy: what is missing until the cache is current, in the order in which it comes.
func TestStaleSaysWhy(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	v := m.d.flowCacheOf("br-int")
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "bridge br-int: the flow monitor is not in place"},
		{v.setFresh, "bridge br-int: the flow monitor is not in place"},
		{func() { v.setLive(true) }, "bridge br-int: the flows are being read"},
		{v.setFresh, "bridge br-int: nobody tells of the ports' configuration"},
		{func() { v.ports.setLive(true) }, ""},
		{func() { v.takeFresh() }, ""},
		{func() { v.setLive(false) }, "bridge br-int: the flow monitor is not in place"},
		{func() { m.d.db.Close() }, "no connection to ovsdb-server"},
	} {
		if step.do(); m.d.Stale() != step.want {
			t.Errorf("stale: %q, want %q", m.d.Stale(), step.want)
		}
	}
	if err := m.d.Sync(t.Context()); err != nil || m.d.Stale() == "no connection to ovsdb-server" {
		t.Errorf("a Sync connects again: %v, stale %q", err, m.d.Stale())
	}
	if d := New(m.d.cfg); d.Stale() == "" {
		t.Error("a driver without connection is current")
	} else {
		d.Close()
	}
}
