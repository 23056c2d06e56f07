//go:build integration

package ovs

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// TestEveryFlowReadsBack: everything that the types can express is added to a real switch and read back unchanged, by dump and by
// monitor.
func TestEveryFlowReadsBack(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	seen := map[flowID]bool{}
	set := flowSet(1)
	gen := rapid.Custom(drawFlow)
	for i := range 400 {
		f := gen.Example(i)
		if !seen[idOf(&f)] && !object.Learned(f.Table) {
			seen[idOf(&f)] = true
			set.Flows = append(set.Flows, f)
		}
	}
	b.meterAll(set)
	b.must(create(set))
	same(t, set, b.observe(set.Key()))
	dumped := newFlowCache("")
	flows, err := b.d.flows.dump(t.Context(), "br-int", nil)
	if err != nil {
		t.Fatal(err)
	}
	merged(t, dumped, flows)
	all, _ := dumped.flows(set.Cookie)
	same(t, set, &object.FlowSet{Bridge: "br-int", Cookie: set.Cookie, Flows: all})

	// Half of the flows are removed by strict deletes. The other half stays.
	half := flowSet(1, set.Flows[:len(set.Flows)/2]...)
	b.must(object.Change{Op: object.Update, Desired: half, Observed: b.observe(set.Key())})
	same(t, half, b.observe(set.Key()))
	b.must(object.Change{Op: object.Delete, Observed: b.observe(set.Key())})
	if out := b.flows("br-int", "dump-flows"); strings.Contains(out, "actions=") {
		t.Errorf("left behind: %s", out)
	}
}

// TestManyFlowSets: flows that are sent over several parallel connections all arrive. A set that the switch refuses fails alone.
func TestManyFlowSets(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	const sets, bad = 1000, 333
	var changes []object.Change
	for i := range sets {
		set := flowSet(uint64(1+i), someFlows(uint32(1+i), 5)...)
		if i == bad {
			set.Flows = append(set.Flows, object.Flow{Table: 20, Priority: 77, Actions: []object.Action{object.Goto{Table: 10}}})
		}
		changes = append(changes, create(set))
	}
	for i, err := range b.d.Apply(t.Context(), changes) {
		if (err != nil) != (i == bad) {
			t.Errorf("set %d: %v", i, err)
		}
		set := changes[i].Desired.(*object.FlowSet)
		switch have := b.observe(set.Key()); {
		case i != bad:
			same(t, set, have)
		case have != nil:
			t.Errorf("a part of the refused set is there: %v", have)
		}
	}
}

func TestFlowDrift(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	set, other := flowSet(1, someFlows(1, 5)...), flowSet(2, someFlows(2, 5)...)
	b.must(create(set), create(other))
	cookie := "cookie=0x5700000000000001/-1"
	for name, damage := range map[string][]string{
		"one deleted":      {"--strict", "table=10,priority=100,in_port=1,ipv6"},
		"all deleted":      {cookie},
		"actions changed":  {"table=10,in_port=1,ipv6,actions=NORMAL"},
		"alien of our own": {"cookie=0x5700000000000001,table=10,priority=7,ip,nw_tos=4,actions=NORMAL"},
	} {
		from := b.seen()
		switch name {
		case "one deleted":
			b.flows("br-int", "del-flows", "table=10,in_port=1,ipv6")
		case "all deleted":
			b.flows("br-int", "del-flows", damage[0])
		case "actions changed":
			b.flows("br-int", "mod-flows", damage[0])
		default:
			b.flows("br-int", "add-flow", damage[0])
		}
		b.await(from, name, b.drifted(set))
		observed := b.observe(set.Key())
		change := object.Change{Op: object.Update, Desired: set, Observed: observed}
		if observed == nil {
			change.Op = object.Create
		} else if len(set.Diff(observed)) == 0 {
			t.Fatalf("%s: no difference seen", name)
		}
		b.must(change)
		same(t, set, b.observe(set.Key()))
		same(t, other, b.observe(other.Key()))
	}
}

func TestAlienFlowsGoAndHighTablesStay(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	b.must(create(flowSet(1, someFlows(1, 2)...)))
	alien := flowSetKey("br-int", 0x77)
	from := b.seen()
	b.flows("br-int", "add-flow", "cookie=0x77,table=12,priority=9,ip,nw_tos=4,idle_timeout=500,actions=NORMAL")
	b.flows("br-int", "add-flow", "cookie=0x77,table=0,priority=9,actions=NORMAL")
	b.flows("br-int", "add-flow", "cookie=0x77,table=150,actions=NORMAL")
	b.await(from, "alien", func(e object.Event) bool {
		o, _ := b.observe(alien).(*object.FlowSet)
		return o != nil && len(o.Flows) == 2
	})
	b.must(object.Change{Op: object.Delete, Observed: b.observe(alien)})
	out := b.flows("br-int", "dump-flows")
	if strings.Count(out, "cookie=0x77") != 1 || !strings.Contains(out, "table=150") || strings.Count(out, "actions=goto_table:20") != 2 {
		t.Errorf("flows: %s", out)
	}
}

func TestOneBadFlowSetHarmsNoOther(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	bad := flowSet(9, object.Flow{Table: 20, Match: object.Match{}, Actions: []object.Action{object.Goto{Table: 10}}}) // backwards
	wide := flowSet(8, object.Flow{Match: object.Match{UDPDst: 67}})
	changes := []object.Change{create(flowSet(1, someFlows(1, 2)...)), create(bad), create(flowSet(2, someFlows(2, 2)...)), create(wide)}
	errs := b.apply(changes...)
	if errs[0] != nil || errs[2] != nil || errs[1] == nil || errs[3] == nil {
		t.Fatalf("errors: %v", errs)
	}
	same(t, changes[0].Desired, b.observe(changes[0].Key()))
}

func TestLearnedFlowsAreState(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	set := flowSet(1, object.Flow{Table: 11, Priority: 1, Match: object.Match{EthType: etherIPv6}, Actions: []object.Action{
		object.LearnLinkLocal{Table: object.LearnedTable, Cookie: object.CookieOwner | 1, Limit: 8, IdleTimeout: 3600}}},
		object.Flow{Table: 0, Priority: 1, Actions: []object.Action{object.SetReg{Reg: 6, Value: 1}, object.Goto{Table: 11}}})
	b.must(create(set))
	b.flows("br-int", "packet-out", "in_port=CONTROLLER,packet="+linkLocalPacket+",actions=resubmit(,0)")
	b.sync()
	same(t, set, b.observe(set.Key()))
	if out := b.flows("br-int", "dump-flows", "table=12"); !strings.Contains(out, "fe80::1") {
		t.Fatalf("nothing was learned: %s", out)
	}
	b.must(object.Change{Op: object.Delete, Observed: b.observe(set.Key())})
	if out := b.flows("br-int", "dump-flows"); strings.Contains(out, "actions=") {
		t.Errorf("left behind: %s", out)
	}
}

func TestRestarts(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	br, set := ourBridge(), flowSet(1, someFlows(1, 5)...)
	b.must(create(br))
	if why := b.d.Stale(); !strings.Contains(why, "bridge br-int: the flow monitor is not in place") {
		t.Errorf("before the monitor is in place: stale %q", why)
	}
	b.watch()
	b.live("br-int")
	if why := b.d.Stale(); why != "" {
		t.Errorf("with everything in place: stale %q", why)
	}
	b.must(create(set))
	// The switch is killed. Its flows and its fragment mode are lost.
	b.KillSwitch()
	b.awaitStale("br-int")
	if errs := b.apply(create(flowSet(2, someFlows(2, 1)...))); !strings.Contains(errorText(errs[0]), errSwitchLost.Error()) {
		t.Errorf("change without a switch: %v", errs[0])
	}
	if errs := b.apply(create(guest("tapx"))); !errors.Is(errs[0], errSwitchLost) {
		t.Errorf("database change without a switch: %v", errs[0])
	}
	from := b.seen()
	if err := b.StartSwitch(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.await(from, "resync after a restart of the switch", resync)
	b.sync()
	if o := b.observe(set.Key()); o != nil || len(br.Diff(b.observe(br.Key()))) != 1 {
		t.Errorf("flows %v, bridge %v after a restart", o, br.Diff(b.observe(br.Key())))
	}
	b.must(object.Change{Op: object.Update, Desired: br, Observed: b.observe(br.Key())}, create(set))
	// The database is restarted. Its content and the switch's flows are unchanged.
	from = b.seen()
	b.KillServer()
	if err := b.StartServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.await(from, "resync after a restart of the database", resync)
	b.sync()
	same(t, br, b.observe(br.Key()))
	same(t, set, b.observe(set.Key()))
	// Somebody deletes the bridge and makes it again.
	from = b.seen()
	b.ctl("del-br", "br-int")
	b.await(from, "bridge", about(br.Key()))
	if o := b.observe(set.Key()); o != nil {
		t.Errorf("flows of a bridge that is gone: %v", o)
	}
	b.must(create(br))
	b.must(create(set))
	same(t, set, b.observe(set.Key()))
}

// linkLocalPacket is an IPv6 packet from fe80::1 without payload.
const linkLocalPacket = "333300000001" + "020000000001" + "86dd" + "60000000" + "0000" + "3bff" +
	"fe800000000000000000000000000001" + "ff020000000000000000000000000001"
