package ovs

import (
	"slices"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// said writes what a session's BFD says, and what its two ports' bridge has for a carrier.
func (m *memory) said(status map[any]any, carrier string) {
	m.t.Helper()
	m.set(ovsdb.TableInterface, "wb1", ovsdb.Columns{"bfd_status": ovsdb.Map{GoMap: status}})
	m.set(ovsdb.TableInterface, "ethx", ovsdb.Columns{"link_state": carrier})
}

// TestSessionsOfABridge: what a session means is looked at with its bridge's uplink, and forgotten with the session.
func TestSessionsOfABridge(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.must(create(uplinkOf("br-int", "ethx")), create(someSession()))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	down, up := map[any]any{"state": "down"}, map[any]any{"state": "up", "flap_count": "3"}
	look := func(at time.Time, changed bool, again time.Time, want object.SessionFacts) {
		t.Helper()
		r := m.d.database().read()
		devices, next := m.d.sessions.look(r, at)
		p, _ := r.port("wb1")
		if have := m.d.sessions.facts(p); len(devices) == 1 != changed || !next.Equal(again) || have != want {
			t.Errorf("changed %v, again %s, facts %+v; want %v, %s, %+v", devices, next, have, changed, again, want)
		}
	}
	known := object.SessionFacts{Known: true}
	m.said(nil, "up") // the switch has not said anything yet
	look(now, false, time.Time{}, known)
	m.said(down, "down")
	look(now, false, time.Time{}, known)
	m.said(down, "up")
	look(now, false, now.Add(object.SessionConvergence), known)
	m.said(up, "up")
	look(now.Add(time.Second), true, time.Time{}, object.SessionFacts{Known: true, Converged: true, Up: true, Ups: 2})
	m.set(ovsdb.TableInterface, "wb1", ovsdb.Columns{"ofport": -1})
	look(now.Add(2*time.Second), true, time.Time{}, object.SessionFacts{Known: true, Up: true, Ups: 2})
	m.set(ovsdb.TableInterface, "wb1", ovsdb.Columns{"ofport": 9})
	look(now.Add(3*time.Second), true, time.Time{}, object.SessionFacts{Known: true, Converged: true, Up: true, Ups: 2})

	r := m.d.database().read()
	m.d.sessions.base("br-int", true, r) // the switch has run on: what is so stays so
	look(now.Add(4*time.Second), false, time.Time{}, object.SessionFacts{Known: true, Converged: true, Up: true, Ups: 2})
	m.d.sessions.base("br-int", false, r) // the switch has restarted: nothing is known any more
	p, _ := r.port("wb1")
	if have := m.d.sessions.facts(p); have != (object.SessionFacts{Known: true, Ups: 2}) {
		t.Errorf("after a restart of the switch: %+v", have)
	}
	look(now.Add(5*time.Second), false, now.Add(5*time.Second+object.SessionConvergence), object.SessionFacts{Known: true, Ups: 2})
	look(now.Add(5*time.Second+object.SessionConvergence), true, time.Time{}, object.SessionFacts{Known: true, Converged: true, Up: true, Ups: 2})

	other := newConvergence()
	other.base("br-two", false, r)
	if len(other.sessions) != 0 {
		t.Error("a session of another bridge is noted")
	}
	other.base("br-int", true, r)
	if s := other.sessions["wb1"]; s == nil || !s.converged || s.doubted {
		t.Errorf("a program that starts beside a running switch has %+v", s)
	}
	wire, _ := r.port("wq1")
	if have := m.d.sessions.facts(wire); have != (object.SessionFacts{}) {
		t.Errorf("the other end of a session has %+v", have)
	}
	m.must(remove(someSession()))
	if m.d.sessions.look(m.d.database().read(), now); len(m.d.sessions.sessions) != 0 {
		t.Error("a session that is gone is remembered")
	}
}

// TestACarrierEndsASession: every uplink of the bridge must have carrier, and nothing else.
func TestACarrierEndsASession(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.must(create(uplinkOf("br-int", "ethx")), create(uplinkOf("br-int", "ethy")), create(guest("tapx")))
	carrier := func() bool {
		r := m.d.database().read()
		return r.carrier(r.bridges["br-int"])
	}
	if !carrier() {
		t.Error("all uplinks have carrier")
	}
	for _, c := range []struct {
		device string
		state  any
		want   bool
	}{{"tapx", "down", true}, {"ethx", "down", false}, {"ethx", "up", true}, {"ethy", ovsdb.EmptySet(), false},
		{"ethy", "down", false}, {"ethy", "up", true}} {
		m.set(ovsdb.TableInterface, c.device, ovsdb.Columns{"link_state": c.state})
		if carrier() != c.want {
			t.Errorf("%s is %v: carrier %v", c.device, c.state, !c.want)
		}
	}
}

// TestWatchTellsOfSessions: the devices of a session whose meaning changed are told, because other objects depend on it.
func TestWatchTellsOfSessions(t *testing.T) {
	t.Parallel()
	m, l := watched(t)
	m.must(create(uplinkOf("br-int", "ethx")), create(someSession()))
	converged := func() bool {
		var f object.Facts
		m.d.Facts(&f)
		return f.Interfaces["wb1"].Session.Converged
	}
	from := l.seen()
	m.said(map[any]any{"state": "up"}, "up")
	l.await(from, "a session that is up", func(e object.Event) bool { return slices.Contains(e.Devices, "wb1") && converged() })
	from = l.seen()
	m.set(ovsdb.TableInterface, "ethx", ovsdb.Columns{"link_state": "down"})
	l.await(from, "a session without carrier", func(e object.Event) bool { return slices.Contains(e.Devices, "wb1") && !converged() })
}

// TestABridgeMadeAgain has no flows, and its old cache is not used.
func TestABridgeMadeAgain(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	set := flowSet(1, someFlows(1, 1)...)
	m.must(create(set))
	old := m.d.flowCacheOf("br-int")
	m.flows.mu.Lock()
	m.flows.flows["br-int"] = nil
	m.flows.mu.Unlock()
	lose := m.db.MutateRoot(ovsdb.Exclude("bridges", named(old.bridgeUUID)))
	m.somebody(lose)
	if m.observe(set.Key()) != nil {
		t.Error("flows of a bridge that is gone are observed")
	}
	m.must(create(ourBridge()))
	if now := m.d.flowCacheOf("br-int"); now == old || m.observe(set.Key()) != nil {
		t.Error("the new bridge has the old one's flows")
	}
	m.must(create(set))
	same(t, set, m.observe(set.Key()))
	owner := ovsdb.Columns{"external_ids": ovsdb.Map{GoMap: map[any]any{}}}
	m.set(ovsdb.TableBridge, "br-int", owner)
	if err := m.d.Sync(t.Context()); err != nil || m.d.flowCacheOf("br-int") != nil {
		t.Errorf("a bridge that is not ours any more is looked at: %v", err)
	}
}

// TestOddPortsAreNoGuests: a bond, and an interface with another name than its port's.
func TestOddPortsAreNoGuests(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	iface := func(row, name string) ovsdb.Operation {
		ids := ovsdb.Map{GoMap: map[any]any{idInterface: "x"}}
		return ovsdb.Insert(ovsdb.TableInterface, row, ovsdb.Columns{"name": name, "external_ids": ids})
	}
	m.somebody(iface("a", "slave0"), iface("b", "slave1"), iface("c", "other0"),
		ovsdb.Insert(ovsdb.TablePort, "p", ovsdb.Columns{"name": "bond0", "interfaces": named("a", "b")}),
		ovsdb.Insert(ovsdb.TablePort, "q", ovsdb.Columns{"name": "odd0", "interfaces": ovsdb.UUID{GoUUID: "c"}}),
		ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-int"), ovsdb.Include("ports", named("p", "q"))))
	for _, name := range []string{"bond0", "odd0", "slave0", "other0"} {
		if o := m.observe(object.Key{Kind: object.KindOVSPort, Name: name}); o != nil {
			t.Errorf("%s is %+v", name, o)
		}
	}
	var f object.Facts
	m.d.Facts(&f)
	if _, local := f.Interfaces["br-int"]; !local || len(f.Interfaces) != 1 {
		t.Errorf("facts of %v", f.Interfaces)
	}
}
