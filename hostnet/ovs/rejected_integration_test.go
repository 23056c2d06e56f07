//go:build integration

package ovs

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// rejecting are flows as the backend for Open vSwitch writes them: UDP to port 7 is rejected for port 2, which would receive it, and other
// IPv4 for port 1, which has sent it.
func rejecting() *object.FlowSet {
	count := func(table, first, port uint8) []object.Flow {
		return []object.Flow{
			{Table: table, Actions: []object.Action{object.LoadBit{Reg: 4, Bit: 7}, object.Resubmit{Table: object.RejectedTable}, object.Goto{Table: first}}},
			{Table: first, Priority: 9, Match: object.Match{Reg4: object.Masked32{Value: 128, Mask: 128}}},
			{Table: first, Actions: []object.Action{object.LearnRejected{Table: object.RejectedTable, Cookie: object.CookieOwner | 1, Limit: 8,
				IdleTimeout: 3600, Port: port, Bit: 7}, object.Resubmit{Table: object.RejectedTable}}},
		}
	}
	reject := func(priority uint16, m object.Match, why object.RejectReason, table uint8) object.Flow {
		return object.Flow{Table: 10, Priority: priority, Match: m, Actions: []object.Action{object.SetReg{Reg: 3, Value: uint32(why)}, object.Goto{Table: table}}}
	}
	flows := slices.Concat(count(70, 72, 6), count(73, 74, 5), []object.Flow{
		{Table: 0, Priority: 5, Match: object.Match{InPort: 1}, Actions: []object.Action{object.SetReg{Reg: 6, Value: 1}, object.SetReg{Reg: 5, Value: 2}, object.Goto{Table: 10}}},
		reject(9, object.Match{EthType: etherIPv4, IPProto: protoUDP, UDPDst: 7}, object.RejectIngressRule, 73),
		reject(5, object.Match{EthType: etherIPv4}, object.RejectSourceIPv4, 70),
		{Table: 10}})
	return flowSet(1, flows...)
}

// TestRejectedFramesAreCounted: each frame is counted once, the first one too, and a port that behaves has no flow.
func TestRejectedFramesAreCounted(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	one, _ := newSpeaker(b, "tap1", "10.0.0.1"), newSpeaker(b, "tap2", "10.0.0.2")
	b.ip("-n", b.Namespace+"-tap1", "neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "ptap1")
	b.must(create(rejecting()))
	sender, receiver := guestAt(1), guestAt(2)
	b.sync()
	if r := b.d.Rejected(sender); len(r) != 0 {
		t.Fatalf("nothing was sent, and %v was rejected", r)
	}
	b.d.Rejected(receiver)
	if out := b.flows("br-int", "dump-flows", "table=71"); strings.Contains(out, "reg3") {
		t.Errorf("nothing was sent, and there are counters: %s", out)
	}
	send := func(port, n int) {
		for i := range n {
			if _, err := one.conn.WriteTo(fmt.Append(nil, i), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9), Port: port}); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(7, 3)
	for port := 1000; port < 1040; port++ { // each is a datapath flow of its own
		send(port, 5)
	}
	b.awaitRejected(sender, object.RejectSourceIPv4, 200)
	b.awaitRejected(receiver, object.RejectIngressRule, 3)
	send(7, 30)
	b.awaitRejected(receiver, object.RejectIngressRule, 33)

	// The switch forgets, or is restarted: what was counted stays.
	b.flows("br-int", "del-flows", "table=71")
	b.sync()
	b.awaitRejected(sender, object.RejectSourceIPv4, 200)
	send(1000, 10)
	b.awaitRejected(sender, object.RejectSourceIPv4, 210)

	// Another guest gets the port: it has done nothing yet.
	next := guestAt(1)
	next.OwnerUID = "another"
	if r := b.d.Rejected(next); len(r) != 0 {
		t.Errorf("a new guest at the port has %v", r)
	}
	send(1001, 4)
	b.awaitRejected(next, object.RejectSourceIPv4, 4)

	b.must(object.Change{Op: object.Delete, Observed: b.observe(rejecting().Key())})
	if out := b.flows("br-int", "dump-flows"); strings.Contains(out, "reg3") {
		t.Errorf("left behind: %s", out)
	}
}

// TestWhatAMeterDropsIsCounted: the meter of what a port sends to many counts for the port, and other meters do not.
func TestWhatAMeterDropsIsCounted(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	one := newSpeaker(b, "tap1", "10.0.0.1")
	newSpeaker(b, "tap2", "10.0.0.2")
	b.ip("-n", b.Namespace+"-tap1", "neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "ptap1")
	sender, receiver := guestAt(1), guestAt(2)
	limit := func(slot object.MeterSlot) *object.Meter {
		m := meter(object.MeterID(1, slot), 1)
		m.Unit, m.Burst = object.MeterPktps, 20
		return m
	}
	send := func() {
		t.Helper()
		for i := range 500 {
			if _, err := one.conn.WriteTo(fmt.Append(nil, i), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 9}); err != nil {
				t.Fatal(err)
			}
		}
	}
	through := func(m *object.Meter) *object.FlowSet {
		return flowSet(1, object.Flow{Priority: 5, Match: object.Match{InPort: 1}, Actions: []object.Action{object.ApplyMeter{ID: m.ID}, object.Output{Port: 2}}})
	}
	b.sync()
	b.d.Rejected(sender)
	b.d.Rejected(receiver)
	egress, broadcast := limit(object.MeterEgressPackets), limit(object.MeterBroadcast)
	b.must(create(egress), create(through(egress)))
	send()
	b.sync()
	if r := b.d.Rejected(sender); len(r) != 0 {
		t.Errorf("a meter of what the guest sends has dropped some, and %v was rejected", r)
	}
	b.must(create(broadcast))
	b.must(object.Change{Op: object.Update, Desired: through(broadcast), Observed: b.observe(through(egress).Key())})
	send()
	b.sync()
	r := b.d.Rejected(sender)
	for end := time.Now().Add(30 * time.Second); (len(r) == 0 || r[0].Frames < 100) && time.Now().Before(end); r = b.d.Rejected(sender) {
		b.sync() // the switch has not looked at all frames yet, and nothing says when it has
	}
	// The kernel at the other end of the device sends a few frames of its own (IPv6), and loses some of 500 that come at once.
	if len(r) != 1 || r[0].Reason != object.RejectBroadcastRate || r[0].Frames < 100 || r[0].Frames > 500 {
		t.Errorf("500 frames at a burst of 20: rejected %v", r)
	}
	if r := b.d.Rejected(receiver); len(r) != 0 {
		t.Errorf("the receiver has %v", r)
	}
}

// TestSendersAreRemembered: the switch learns a sender, what it learned is no part of a flow set, and it goes with the flow that learned it.
func TestSendersAreRemembered(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	one := newSpeaker(b, "tap1", "10.0.0.1")
	b.ip("-n", b.Namespace+"-tap1", "neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "ptap1")
	learn := object.LearnMAC{Table: object.KnownTable, Cookie: object.CookieOwner | 1, Limit: 4, HardTimeout: 300, Bit: 8}
	set := flowSet(1, object.Flow{Priority: 5, Match: object.Match{InPort: 1}, Actions: []object.Action{object.SetMetadata{Value: 7}, learn}})
	b.must(create(set))
	same(t, set, b.observe(set.Key()))
	if _, err := one.conn.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 9}); err != nil {
		t.Fatal(err)
	}
	known := func() string { return b.flows("br-int", "dump-flows", "table=21") }
	for began := time.Now(); !strings.Contains(known(), "hard_timeout=300, metadata=0x7,dl_dst="); {
		if time.Since(began) > deadline {
			t.Fatalf("nothing was learned: %s", known())
		}
	}
	b.sync()
	same(t, set, b.observe(set.Key()))
	b.must(remove(b.observe(set.Key())))
	if left := known(); strings.Contains(left, "dl_dst") {
		t.Errorf("left behind: %s", left)
	}
}

// guestAt is the flow set of the guest at an OpenFlow port.
func guestAt(port uint32) *object.FlowSet {
	set := flowSet(uint64(10+port), object.Flow{Match: object.Match{InPort: port}})
	set.OwnerUID, set.Guest = fmt.Sprintf("guest %d", port), object.MAC{2, 0, 0, 0, 0, byte(port)}
	return set
}

// awaitRejected waits until the driver has counted so many. The switch adds up what its datapath flows have seen with each revalidation.
func (b *testbed) awaitRejected(guest *object.FlowSet, why object.RejectReason, want uint64) {
	b.t.Helper()
	var got []object.Rejected
	for began := time.Now(); time.Since(began) < deadline; {
		if _, err := b.AppCtl(b.t.Context(), "revalidator/wait"); err != nil {
			b.t.Fatal(err)
		}
		b.sync()
		if got = b.d.Rejected(guest); len(got) == 1 && got[0] == (object.Rejected{Reason: why, Frames: want}) {
			return
		}
	}
	b.t.Fatalf("%s has %v, want %d for %s\n%s", guest.OwnerUID, got, want, why, b.flows("br-int", "dump-flows", "table=71"))
}
