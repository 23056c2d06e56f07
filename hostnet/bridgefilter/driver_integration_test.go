//go:build integration

package bridgefilter

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/integration/need"
	"weft/integration/vm/vmtest"
)

// machineLimit is how long the tests of the driver may take in a virtual machine.
const machineLimit = 5 * time.Minute

// TestDriver runs the driver on the kernel's tables. If the machine's kernel does not track connections in bridges, it runs in a virtual machine.
func TestDriver(t *testing.T) {
	t.Parallel()
	if vmtest.Inside(t, machineLimit, need.BridgeTracking) {
		return
	}
	for name, test := range map[string]func(*testing.T){
		"life": whatIsMadeIsReadBack, "drift": driftIsSeenAndMended, "gone": aDeletedTableLeavesGuestsMute, "shards": anAddressMovesBetweenShards,
		"refusals": aWrongChangeHarmsNoOther, "unused": whatNobodyUsesGoes, "flood": aFloodIsBounded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func groupOfRules(number uint32, rules ...object.FilterRule) *object.FilterGroup {
	return &object.FilterGroup{Number: number, Rules: rules, Version: object.FilterVersion(rules)}
}

// web has rules of each kind. Some of them overlap, which one set of the kernel does not take.
func web() *object.FilterGroup {
	return groupOfRules(1,
		object.FilterRule{}, object.FilterRule{IPv6: true, Group: 2},
		object.FilterRule{Ingress: true, Protocol: 6, Ports: true, First: 80, Last: 90, Remote: prefixes("10.0.0.0/8")[0]},
		object.FilterRule{Ingress: true, Protocol: 6, Ports: true, First: 85, Last: 100, Remote: prefixes("10.1.0.0/16")[0]},
		object.FilterRule{Ingress: true, Protocol: 6, Ports: true, First: 85, Last: 85},
		object.FilterRule{Ingress: true, Protocol: 47}, object.FilterRule{Ingress: true, Protocol: 47, Remote: prefixes("10.1.0.0/16")[0]},
		object.FilterRule{Ingress: true, Remote: prefixes("192.0.2.1/32")[0]},
		object.FilterRule{Ingress: true, Protocol: 1, Ports: true, First: 0x800, Last: 0x8ff}, object.FilterRule{Ingress: true, IPv6: true, Protocol: 58, Ports: true, First: 0x104, Last: 0x104},
		object.FilterRule{Ingress: true, IPv6: true, Protocol: 17, Ports: true, First: 53, Last: 53, Remote: prefixes("2001:db8::/32")[0]},
		object.FilterRule{Ingress: true, Protocol: 132, Ports: true, First: 1, Last: 65535, Group: 2}, object.FilterRule{Ingress: true, Group: 1})
}

// furnished has an object of each kind, in the order in which they are made.
func furnished() []object.Object {
	return []object.Object{
		&object.BridgeFilter{}, &object.FilterNetwork{Bridge: "wfb1", Zone: 513, Router: 0x12345678}, web(), groupOfRules(2),
		&object.FilterMembers{Group: 2, Bridge: "wfb1", Shard: 3, Members: prefixes("10.1.0.9/32", "10.1.1.0/24", "fd00::9/128", "fd00:1::/64")},
		&object.FilterMembers{Group: 2, Router: 0x12345678, Shard: 3, Members: prefixes("10.2.0.9/32", "10.2.1.0/24", "fd00::2:9/128", "fd00:2::/64")},
		&object.FilterPort{Device: "tap1", Groups: []uint32{1, 2}}, &object.FilterPort{Device: "tap-2.x"},
	}
}

func (b *testbed) furnish() []object.Object {
	b.t.Helper()
	all := furnished()
	for _, o := range all {
		b.must(create(o))
	}
	return all
}

// whatIsMadeIsReadBack takes each kind through its life.
func whatIsMadeIsReadBack(t *testing.T) {
	b := newTestbed(t)
	if got := b.oursWithout(); got != "" {
		t.Fatalf("a fresh namespace has %s", got)
	}
	all := b.furnish()
	b.same(all...)
	if got := b.oursWithout(all...); got != "" {
		t.Errorf("there is also %s", got)
	}
	changed := []object.Object{
		&object.FilterNetwork{Bridge: "wfb1", Zone: 514}, groupOfRules(1, object.FilterRule{Ingress: true, Group: 7}), groupOfRules(2, object.FilterRule{}),
		&object.FilterMembers{Group: 2, Bridge: "wfb1", Shard: 3, Members: prefixes("10.1.0.10/32", "10.1.1.0/24")},
		&object.FilterPort{Device: "tap1", Groups: []uint32{2}}, &object.FilterPort{Device: "tap-2.x", Groups: []uint32{1}},
	}
	for _, o := range changed {
		b.must(update(o))
	}
	b.same(changed...)
	slices.Reverse(all)
	for _, o := range all[:len(all)-1] {
		b.must(remove(o))
		if observed(t, b.d, o.Key()) != nil || observed(t, b.open(), o.Key()) != nil {
			t.Errorf("%s is still there", o.Key())
		}
	}
	if got := b.nft("list table bridge weft_filter"); strings.Contains(got, "elements") || strings.Contains(got, "g0000") || strings.Contains(got, "tap") {
		t.Errorf("left behind:\n%s", got)
	}
	b.must(remove(&object.BridgeFilter{}))
	if out := b.nft("list ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("left behind:\n%s", out)
	}
}

// driftIsSeenAndMended: whatever somebody changes is reported with its author, and is as before after the objects were applied again.
func driftIsSeenAndMended(t *testing.T) {
	b := newTestbed(t)
	all := b.furnish()
	before := b.nft("list ruleset")
	for _, by := range []string{
		"flush chain bridge weft_filter sends", "add rule bridge weft_filter unfiltered accept", "insert rule bridge weft_filter g00000001-in accept",
		"flush chain bridge weft_filter g00000001-in", "flush chain bridge weft_filter g00000001-in-g00000002", "flush chain bridge weft_filter egress-tap1",
		"add rule bridge weft_filter ingress-tap1 accept", "delete element bridge weft_filter filtered { tap1 }", "add element bridge weft_filter filtered { tap9 }",
		"delete element bridge weft_filter egress { tap1 }", "flush set bridge weft_filter sent_invalid", "flush set bridge weft_filter members-g00000002-bridge4",
		"add element bridge weft_filter members-g00000002-router6 { 0x00000005 . fd00::5 }", "delete element bridge weft_filter zones { wfb1 }",
		"add element bridge weft_filter zones { br9 : 4 }", "add chain bridge weft_filter more { type filter hook forward priority -300; }; add rule bridge weft_filter more accept",
		"delete table bridge weft_filter",
		"delete element bridge weft_filter ingress { tap1 }; add element bridge weft_filter ingress { tap1 : accept }",
	} {
		b.nft(by)
		e := b.await(func(e object.Event) bool { return len(e.Keys) > 0 })
		if !strings.HasPrefix(e.By, "nft[") {
			t.Errorf("%s: by %q", by, e.By)
		}
		b.mend(all)
		b.same(all...)
		if got := b.oursWithout(all...); got != "" {
			t.Errorf("%s: there is also %s", by, got)
		}
		if after := b.nft("list ruleset"); sortedLines(after) != sortedLines(before) {
			t.Errorf("%s: before\n%s\nand after\n%s", by, before, after)
		}
	}
}

// mend does what the engine does: what is missing is made, what differs is changed, and what nobody desires goes.
func (b *testbed) mend(all []object.Object) {
	b.t.Helper()
	keys, err := b.d.Ours(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, o := range all {
		if have := observed(b.t, b.d, o.Key()); have == nil {
			b.must(create(o))
		} else if len(o.Diff(have)) > 0 {
			b.must(update(o))
		}
	}
	for _, k := range keys {
		if have := observed(b.t, b.d, k); have != nil && !slices.ContainsFunc(all, func(o object.Object) bool { return o.Key() == k }) {
			b.must(remove(have))
		}
	}
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// aDeletedTableLeavesGuestsMute: the transaction that makes the table again knows the filtered devices, whose chains come later.
func aDeletedTableLeavesGuestsMute(t *testing.T) {
	b := newTestbed(t)
	b.furnish()
	b.d = b.open() // a new process has read it, and made nothing
	b.nft("delete table bridge weft_filter")
	b.await(func(e object.Event) bool { return len(e.Keys) > 0 })
	b.must(create(&object.BridgeFilter{}))
	set := b.nft("list set bridge weft_filter filtered")
	if !strings.Contains(set, `"tap1"`) || !strings.Contains(set, `"tap-2.x"`) {
		t.Errorf("the guests may send anything until their chains are there:\n%s", set)
	}
}

// anAddressMovesBetweenShards: it is a member all the time, and two shards may have it for a while.
func anAddressMovesBetweenShards(t *testing.T) {
	b := newTestbed(t)
	b.must(create(&object.BridgeFilter{}))
	shard := func(n uint16, members ...string) *object.FilterMembers {
		return &object.FilterMembers{Group: 2, Bridge: "wfb1", Shard: n, Members: prefixes(members...)}
	}
	b.must(create(shard(1, "10.1.0.8/32", "10.1.0.9/32", "10.2.0.0/16")), create(shard(2, "10.1.0.9/32", "10.2.0.0/16")))
	b.same(shard(1, "10.1.0.8/32", "10.1.0.9/32", "10.2.0.0/16"), shard(2, "10.1.0.9/32", "10.2.0.0/16"))
	b.must(update(shard(1, "10.1.0.8/32")))
	b.same(shard(1, "10.1.0.8/32"), shard(2, "10.1.0.9/32", "10.2.0.0/16"))
	if errs := b.apply(update(shard(1, "10.1.0.9/32")), update(shard(2, "10.1.0.8/32"))); errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	b.same(shard(1, "10.1.0.9/32"), shard(2, "10.1.0.8/32"))
}

// aWrongChangeHarmsNoOther: the others of the same call are made.
func aWrongChangeHarmsNoOther(t *testing.T) {
	b := newTestbed(t)
	if errs := b.apply(create(&object.FilterPort{Device: "tap1"}), remove(&object.FilterPort{Device: "tap2"})); errs[0] == nil || errs[1] != nil {
		t.Errorf("without the table: %v", errs)
	}
	b.must(create(&object.BridgeFilter{}))
	good := []object.Object{&object.FilterPort{Device: "tap1"}, groupOfRules(3, object.FilterRule{}), &object.FilterNetwork{Bridge: "wfb1", Zone: 1}}
	bad := []object.Object{&object.FilterPort{Device: "tap2", Groups: []uint32{99}}, groupOfRules(4, object.FilterRule{Protocol: 6, Ports: true, First: 9, Last: 8}),
		&object.FilterPort{Device: "a-name-that-is-too-long"}, &object.FilterMembers{Group: 5, Bridge: "wfb1", Members: prefixes("10.0.0.1/8")}}
	var changes []object.Change
	for _, o := range slices.Concat(good, bad) {
		changes = append(changes, create(o))
	}
	errs := b.apply(changes...)
	for i, err := range errs {
		if (err != nil) != (i >= len(good)) {
			t.Errorf("%s: %v", changes[i].Key(), err)
		}
	}
	b.same(good...)
}

// whatNobodyUsesGoes: the sets of a group's members go with the last rule that names it, if it has no members.
func whatNobodyUsesGoes(t *testing.T) {
	b := newTestbed(t)
	b.must(create(&object.BridgeFilter{}), create(groupOfRules(1, object.FilterRule{Group: 8})), create(groupOfRules(3, object.FilterRule{Group: 8})))
	b.must(remove(groupOfRules(1)))
	if got := b.nft("list table bridge weft_filter"); !strings.Contains(got, "members-g00000008-bridge4") {
		t.Errorf("the sets went with one of two groups that name them:\n%s", got)
	}
	b.must(update(groupOfRules(3, object.FilterRule{})))
	if got := b.nft("list table bridge weft_filter"); strings.Contains(got, "members-") || strings.Contains(got, "g00000008") {
		t.Errorf("left behind:\n%s", got)
	}
}
