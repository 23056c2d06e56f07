package ovs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// counts are how often the flow tables in memory were asked to change and to tell.
func (f *memoryFlows) counts() (tries, dumps int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tries, f.dumps
}

// held lists the flows with a cookie as the switch has them.
func (f *memoryFlows) held(bridge string, cookie uint64) (texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.flows[bridge] {
		if s.Cookie == cookie {
			texts = append(texts, s.Flow.String())
		}
	}
	slices.Sort(texts)
	return texts
}

// watched is a memory with our bridge, whose flows and ports are followed.
func watched(t *testing.T) (*memory, *eventLog) {
	t.Helper()
	m, l := withBridge(t), newEventLog(t)
	l.follow(m.d)
	l.await(0, "resync", m.based)
	<-m.flows.hears
	return m, l
}

// based accepts the event after which the bridge's flows have been read and are followed.
func (m *memory) based(e object.Event) bool {
	return e.Resync && m.d.flowCacheOf("br-int").stale() == ""
}

// TestFlowSetsLive: a set is made, changed in the order additions, removals, and removed with what its flows have learned.
func TestFlowSetsLive(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *memory{
		"alone": withBridge, "watched": func(t *testing.T) *memory { m, _ := watched(t); return m },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			first, other := flowSet(1, someFlows(1, 3)...), flowSet(2, someFlows(2, 1)...)
			then := flowSet(1, append(someFlows(1, 2), object.Flow{Table: 10, Priority: 7})...)
			then.Flows[1].Actions = []object.Action{object.Goto{Table: 30}}
			m.must(create(first), create(other))
			same(t, first, m.observe(first.Key()))
			m.must(object.Change{Op: object.Update, Desired: then, Observed: m.observe(first.Key())})
			same(t, then, m.observe(first.Key()))
			last := m.flows.bundles[len(m.flows.bundles)-1]
			if len(last) != 3 || last[0].op != modAdd || last[1].op != modAdd || last[2].op != modDelete || last[2].flow.Priority != 102 {
				t.Errorf("the bundle is %+v", last)
			}
			if held := m.flows.held("br-int", first.Cookie); len(held) != 3 || !strings.Contains(strings.Join(held, "\n"), "priority=101 in_port=1,dl_type=0x86dd → goto:30") {
				t.Errorf("the switch has %q", held)
			}
			tries, _ := m.flows.counts()
			m.must(object.Change{Op: object.Update, Desired: then, Observed: m.observe(first.Key())})
			if now, _ := m.flows.counts(); now != tries {
				t.Error("a bundle was sent although nothing differs")
			}
			m.flows.put("br-int", switchFlow{first.Cookie, object.Flow{Table: object.LearnedTable, Priority: 100}})
			same(t, then, m.observe(first.Key())) // learned state is not part of the set
			m.must(remove(m.observe(first.Key())))
			if o, held := m.observe(first.Key()), m.flows.held("br-int", first.Cookie); o != nil || len(held) > 0 {
				t.Errorf("after its removal there is %v, and the switch has %q", o, held)
			}
			same(t, other, m.observe(other.Key()))
		})
	}
}

// TestAlienFlowsAreOurs: a flow of somebody else in our tables is a set of its own, which can be removed. In a higher table it stays.
func TestAlienFlowsAreOurs(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	const alien = 0xbeef
	low, high := object.Flow{Table: object.LastTable, Priority: 9}, object.Flow{Table: object.LastTable + 1, Priority: 9}
	learned := object.Flow{Table: object.LearnedTable, Priority: 3}
	for _, f := range []object.Flow{low, high, learned} {
		m.flows.put("br-int", switchFlow{alien, f})
	}
	m.flows.put("br-int", switchFlow{0xcafe, high})
	m.flows.put("br-int", switchFlow{object.CookieOwner | 5, object.Flow{Table: object.LearnedTable, Priority: 4}})
	if err := m.d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, state := flowSetKey("br-int", alien), flowSetKey("br-int", object.CookieOwner|5)
	all, alone := m.ours(k, state, flowSetKey("br-int", 0xcafe), flowSetKey("br-none", alien), object.Key{Kind: object.KindFlowSet, Name: "br-int/x"})
	if !slices.Equal(alone, []string{k.String()}) || !slices.Contains(all, k.String()) || slices.Contains(all, state.String()) {
		t.Errorf("ours are %v, and when asked alone %v", all, alone)
	}
	m.must(remove(m.observe(k)))
	if held := m.flows.held("br-int", alien); m.observe(k) != nil || len(held) != 0 {
		t.Errorf("the switch has %q", held)
	}
}

// TestFlowSetsThatCannotBe are refused before anything is sent.
func TestFlowSetsThatCannotBe(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	foreign, nowhere := flowSet(1, someFlows(1, 1)...), flowSet(2, someFlows(1, 1)...)
	foreign.Cookie, nowhere.Bridge = 0x58<<56|1, "br-none"
	with := func(f object.Flow) *object.FlowSet { return flowSet(3, someFlows(1, 1)[0], f) }
	for want, set := range map[string]*object.FlowSet{
		"the cookie is not one of ours":                foreign,
		"bridge br-none is not there or not ours":      nowhere,
		"tables above 99 are not ours":                 with(object.Flow{Table: 100}),
		"an alien match is only read, never written":   with(object.Flow{Match: object.Match{Alien: "tun_id=5"}}),
		"match: nw_src: 10.0.0.1/8 is not a canonical": with(object.Flow{Match: object.Match{EthType: etherIPv4, IPSrc: prefixOf("10.0.0.1/8")}}),
		"action meter:4: a meter must be the first":    with(object.Flow{Actions: []object.Action{object.PopVLAN{}, object.ApplyMeter{ID: 4}}}),
		"action push_vlan: 4096 is no VLAN id":         with(object.Flow{Actions: []object.Action{object.PushVLAN{ID: 4096}}}),
		"the Open vSwitch driver does not know":        with(object.Flow{Actions: []object.Action{object.AlienActions{Text: "NORMAL"}}}),
		"192.0.2.1 is no IPv6 address for ipv6_src":    with(object.Flow{Actions: []object.Action{object.SetIPv6Src{Addr: prefixOf("192.0.2.1/32").Addr()}}}),
		"2001:db8::1 is no IPv4 address for arp_spa":   with(object.Flow{Actions: []object.Action{object.SetARPSPA{Addr: prefixOf("2001:db8::1/128").Addr()}}}),
		"2001:db8::1 is no IPv4 address for ip_src":    with(object.Flow{Actions: []object.Action{object.SetIPSrc{Addr: prefixOf("2001:db8::1/128").Addr()}}}),
	} {
		if err := m.apply(create(set))[0]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if tries, _ := m.flows.counts(); tries != 0 {
		t.Errorf("%d bundles were sent", tries)
	}
}

// TestOneRefusedFlowSetHarmsNoOtherInMemory: the sets of a refused bundle are tried in halves, and only the bad one is an error.
func TestOneRefusedFlowSetHarmsNoOtherInMemory(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	bad := errors.New("OFPBMC_BAD_PREREQ")
	m.flows.refuse = func(_ string, mod flowMod) error {
		if mod.flow.Priority == 666 {
			return bad
		}
		return nil
	}
	var changes []object.Change
	for i := range uint64(16) {
		set := flowSet(i+1, someFlows(uint32(i+1), 2)...)
		if i == 5 {
			set.Flows[1].Priority = 666
		}
		changes = append(changes, create(set))
	}
	for i, err := range m.apply(changes...) {
		if (err != nil) != (i == 5) || err != nil && (!errors.Is(err, bad) || !strings.Contains(err.Error(), "flow set br-int/0x5700000000000006: ")) {
			t.Errorf("set %d: %v", i, err)
		}
		if held := len(m.flows.held("br-int", object.CookieOwner|uint64(i+1))); held == 2 == (i == 5) {
			t.Errorf("set %d: %d flows", i, held)
		}
	}
	if tries, _ := m.flows.counts(); tries != 9 {
		t.Errorf("%d bundles for one bad set of 16, want 9", tries)
	}
	if m.observe(changes[5].Key()) != nil {
		t.Error("the refused set is in the cache")
	}
	m.flows.fail(errSwitchLost) // nothing is tried again then
	before, _ := m.flows.counts()
	for i, err := range m.apply(create(flowSet(98, someFlows(98, 1)...)), create(flowSet(99, someFlows(99, 1)...))) {
		if !errors.Is(err, errSwitchLost) {
			t.Errorf("set %d: %v", i, err)
		}
	}
	if tries, _ := m.flows.counts(); tries != before+1 {
		t.Errorf("%d bundles for a switch that is lost", tries-before)
	}
}

// TestNothingIsDoneBeforeTheSwitchHasIt: a switch that accepts a bundle and does nothing is asked, and found out. A few sets are
// asked for one by one, many at once.
func TestNothingIsDoneBeforeTheSwitchHasIt(t *testing.T) {
	t.Parallel()
	for n, wantDumps := range map[int]int{1: 1, fewDumps: fewDumps, fewDumps + 1: 1} {
		m := withBridge(t)
		var made, changes []object.Change
		for i := range n {
			made = append(made, create(flowSet(uint64(i+1), someFlows(uint32(i+1), 2)...)))
		}
		m.must(made...)
		m.flows.ignore = true
		for _, c := range made {
			set := *c.Desired.(*object.FlowSet)
			set.Flows = set.Flows[:1:1]
			if len(changes)%2 == 0 {
				set.Flows = append(set.Flows, object.Flow{Table: 10, Priority: 1}, object.Flow{Table: 10, Priority: 2})
			}
			changes = append(changes, object.Change{Op: object.Update, Desired: &set, Observed: c.Desired})
		}
		_, before := m.flows.counts()
		for i, err := range m.apply(changes...) {
			want := "1 flows that were deleted are still in the switch, the first: table=10 priority=101"
			if i%2 == 0 {
				want = "2 of 3 flows are not in the switch as sent, the first: table=10 priority=1 "
			}
			if !strings.Contains(errorText(err), fmt.Sprintf("flow set br-int/%#x: verifying: %s", object.CookieOwner|uint64(i+1), want)) {
				t.Errorf("%d sets: error %d is %v, want %q", n, i, err, want)
			}
		}
		if _, dumps := m.flows.counts(); dumps-before != wantDumps {
			t.Errorf("%d sets: asked %d times, want %d", n, dumps-before, wantDumps)
		}
	}
}
