//go:build integration

package rtnl

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// tc runs tc(8) as somebody else would.
func tc(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "tc", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("tc %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func shaped(rate uint64) *object.Qdisc {
	return &object.Qdisc{Device: "tap1", Root: object.QdiscTBF,
		Shaper: object.Shaper{Rate: rate, Burst: object.BurstTime(65536, rate), Limit: uint32(65536 + rate/20)}}
}

// TestShaperIsSetAndRepaired: the token bucket filter is read back exactly, is replaced in place, is repaired when somebody changes,
// replaces or removes it, and is removed with the limit.
func TestShaperIsSetAndRepaired(t *testing.T) {
	h := startHost(t, Config{})
	l := addVeth(t, "tap1")
	must(t, netlink.LinkSetUp(l))
	h.awaitDevice("tap1", "the device", func(l own.Link, _ qdiscState, _ bool) bool { return l.Up })
	for _, rate := range []uint64{12_500, 1_250_000, 125_000_001, 2_500_000_000} {
		h.repair(shaped(rate))
	}
	want := shaped(1_250_000)
	h.repair(want)
	before := tc(t, "qdisc", "show", "dev", "tap1", "root")
	if !strings.Contains(before, "qdisc tbf") || !strings.Contains(before, "rate 10Mbit") || !strings.Contains(before, "burst 64Kb") {
		t.Errorf("tc shows %s", before)
	}
	h.repair(shaped(2_500_000))
	after := tc(t, "qdisc", "show", "dev", "tap1", "root")
	if handle := strings.Fields(before)[2]; strings.Fields(after)[2] != handle || !strings.Contains(after, "rate 20Mbit") {
		t.Errorf("a new rate made another qdisc of %sthat is %s", before, after)
	}
	h.repair(want)
	for what, args := range map[string][]string{
		"changed":    {"qdisc", "change", "dev", "tap1", "root", "tbf", "rate", "1gbit", "burst", "64k", "latency", "50ms"},
		"replaced":   {"qdisc", "replace", "dev", "tap1", "root", "htb"},
		"with peak":  {"qdisc", "replace", "dev", "tap1", "root", "tbf", "rate", "10mbit", "burst", "64k", "latency", "50ms", "peakrate", "20mbit", "mtu", "2000"},
		"taken away": {"qdisc", "del", "dev", "tap1", "root"},
	} {
		tc(t, args...)
		h.awaitDevice("tap1", "the shaper that was "+what, func(_ own.Link, q qdiscState, _ bool) bool {
			return q.root != object.QdiscTBF || q.shaper != want.Shaper
		})
		h.repair(want)
	}
	h.repair(&object.Qdisc{Device: "tap1"})
	if text := tc(t, "qdisc", "show", "dev", "tap1", "root"); strings.Contains(text, "tbf") {
		t.Errorf("without a limit there is %s", text)
	}
}

// TestForeignFilterIsRemoved: on a device that Weft does not police, a filter goes with its qdisc.
func TestForeignFilterIsRemoved(t *testing.T) {
	h := startHost(t, Config{})
	l := addVeth(t, "tap1")
	must(t, netlink.LinkSetUp(l))
	h.awaitDevice("tap1", "the device", func(l own.Link, _ qdiscState, _ bool) bool { return l.Up })
	tc(t, "qdisc", "add", "dev", "tap1", "clsact")
	tc(t, "filter", "add", "dev", "tap1", "ingress", "u32", "match", "u32", "0", "0", "flowid", "1:1")
	h.awaitDevice("tap1", "the foreign filter", func(_ own.Link, q qdiscState, _ bool) bool { return strings.Contains(q.strange, "foreign filter u32") })
	h.repair(&object.Qdisc{Device: "tap1"})
}

// needPolicers says whether the kernel has what policers need. Where it does not, a limit is refused and never silently missing.
func needPolicers(t *testing.T, h *host) bool {
	t.Helper()
	tc(t, "qdisc", "add", "dev", "tap1", "clsact")
	defer tc(t, "qdisc", "del", "dev", "tap1", "clsact")
	return exec.CommandContext(t.Context(), "tc", "filter", "add", "dev", "tap1", "ingress", "basic", "action", "police", "rate", "1mbit", "burst", "64k").Run() == nil
}

// TestPolicersAreSetAndRepaired: policers of bytes and packets in both directions are read back exactly, replaced in place, repaired,
// and removed. On a kernel without them the change fails and says what is missing; integration/vm has a kernel with them.
func TestPolicersAreSetAndRepaired(t *testing.T) {
	h := startHost(t, Config{})
	l := addVeth(t, "tap1")
	must(t, netlink.LinkSetUp(l))
	h.awaitDevice("tap1", "the device", func(l own.Link, _ qdiscState, _ bool) bool { return l.Up })
	half := 500 * time.Millisecond
	bytes := object.Policer{Rate: 1_250_000, Burst: half}
	packets := object.Policer{Packets: 1000, PacketBurst: half}
	both := object.Policer{Rate: 1_250_000, Burst: half, Packets: 1000, PacketBurst: half}
	policed := func(from, to object.Policer) *object.Qdisc {
		return &object.Qdisc{Device: "tap1", Ingress: object.QdiscClsact, FromGuest: from, ToGuest: to}
	}
	if !needPolicers(t, h) {
		_, have, _ := h.find("tap1")
		err := h.apply(object.Change{Op: object.Update, Desired: policed(bytes, object.Policer{}), Observed: &object.Qdisc{Device: "tap1", Root: have.root}})
		if err == nil || !strings.Contains(err.Error(), "act_police") {
			t.Errorf("a policer without the kernel's module: %v", err)
		}
		return
	}
	for _, want := range []*object.Qdisc{
		policed(bytes, object.Policer{}), policed(packets, object.Policer{}), policed(object.Policer{}, packets), policed(both, packets),
		policed(object.Policer{Rate: 12_500, Burst: 6 * time.Second}, packets), policed(object.Policer{Rate: 2_500_000_000, Burst: 200 * time.Millisecond}, packets),
		policed(object.Policer{Packets: 8_000_000, PacketBurst: half}, object.Policer{Packets: 10, PacketBurst: half}),
	} {
		h.repair(want)
	}
	want := policed(both, packets)
	h.repair(want)
	for what, args := range map[string][]string{
		"a removed filter":       {"filter", "del", "dev", "tap1", "ingress"},
		"a removed qdisc":        {"qdisc", "del", "dev", "tap1", "clsact"},
		"a filter before ours":   {"filter", "add", "dev", "tap1", "egress", "prio", "7", "protocol", "ip", "basic", "action", "ok"},
		"another rate":           {"filter", "replace", "dev", "tap1", "ingress", "prio", "1", "handle", "1", "protocol", "all", "basic", "action", "police", "rate", "1gbit", "burst", "1m", "mtu", "4294967295", "conform-exceed", "drop/pipe"},
		"a policer that passes":  {"filter", "replace", "dev", "tap1", "ingress", "prio", "1", "handle", "1", "protocol", "all", "basic", "action", "police", "rate", "10mbit", "burst", "625000", "conform-exceed", "ok/pipe"},
		"an action that is none": {"filter", "replace", "dev", "tap1", "egress", "prio", "1", "handle", "1", "protocol", "all", "basic", "action", "ok"},
	} {
		tc(t, args...)
		h.awaitDevice("tap1", what, func(_ own.Link, q qdiscState, _ bool) bool {
			return q.ingress == "" || q.fromGuest != want.FromGuest || q.toGuest != want.ToGuest || q.strange != ""
		})
		h.repair(want)
	}
	h.repair(&object.Qdisc{Device: "tap1"})
}
