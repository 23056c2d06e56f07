//go:build integration

package ovs

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"weft/hostnet/object"
)

// speaker is a guest's namespace with a UDP socket.
type speaker struct {
	conn net.PacketConn
	addr *net.UDPAddr
}

// newSpeaker makes a namespace behind a port of the bridge.
func newSpeaker(b *testbed, device, address string) speaker {
	b.t.Helper()
	name := b.Namespace + "-" + device
	b.ip("netns", "add", name)
	b.t.Cleanup(func() { _ = netns.DeleteNamed(name) })
	b.veth(device)
	b.ip("-n", b.Namespace, "link", "set", "p"+device, "netns", name)
	b.ip("-n", b.Namespace, "link", "set", device, "up")
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"link", "set", "p" + device, "up"}, {"addr", "add", address + "/24", "dev", "p" + device}} {
		b.ip(append([]string{"-n", name}, args...)...)
	}
	// The userspace datapath takes a checksum that is left to the device for a broken one, and the tracker the packet for invalid.
	b.ip("netns", "exec", name, "ethtool", "-K", "p"+device, "tx", "off")
	b.ctl("add-port", "br-int", device)
	s := speaker{addr: &net.UDPAddr{IP: net.ParseIP(address), Port: 5000}}
	opened := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		there, err := netns.GetFromName(name)
		if err == nil {
			defer there.Close()
			err = netns.Set(there)
		}
		if err == nil {
			s.conn, err = net.ListenPacket("udp4", s.addr.String())
		}
		opened <- err
	}()
	if err := <-opened; err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { s.conn.Close() })
	return s
}

// hears says whether a datagram from one to the other arrives within the time.
func (s speaker) hears(t *testing.T, from speaker, text string, within time.Duration) bool {
	t.Helper()
	if _, err := from.conn.WriteTo([]byte(text), s.addr); err != nil {
		t.Fatal(err)
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 100)
	for {
		n, _, err := s.conn.ReadFrom(b)
		if err != nil {
			return false
		}
		if string(b[:n]) == text {
			return true
		}
	}
}

// TestFlowsJudgeByTheConnection: a rule on the connection's first packet lets replies pass, and no packet that begins a connection the
// other way. When the rule is gone, the running connection ends in both directions, although the tracker still knows it.
func TestFlowsJudgeByTheConnection(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	one, two := newSpeaker(b, "tap1", "10.0.0.1"), newSpeaker(b, "tap2", "10.0.0.2")
	valid := object.ConnMatch{Value: object.ConnTracked, Mask: object.ConnTracked | object.ConnInvalid}
	begins := object.ConnMatch{Value: valid.Value | object.ConnNew, Mask: valid.Mask | object.ConnNew}
	allowed := object.Match{Reg4: object.Masked32{Value: 8, Mask: 8}}
	first := allowed
	first.EthType, first.Conn = etherIPv4, begins
	frame := []object.Action{object.Output{Port: 1}, object.Output{Port: 2}} // never back to where it came from
	rule := object.Flow{Table: 61, Priority: 5, Match: object.Match{EthType: etherIPv4, Conn: valid, Original: true,
		IPSrc: prefixOf("10.0.0.1/32"), IPProto: protoUDP, ConnDst: object.Masked16{Value: 0x1380, Mask: 0xff80}}, // 4992 to 5119
		Actions: []object.Action{object.LoadBit{Reg: 4, Bit: 3, Value: true}}}
	base := flowSet(1,
		object.Flow{Table: 0, Priority: 5, Match: object.Match{EthType: etherARP}, Actions: frame},
		object.Flow{Table: 0, Priority: 5, Match: object.Match{EthType: etherIPv4}, Actions: []object.Action{object.Track{Zone: 7, Table: 60}}},
		object.Flow{Table: 60, Priority: 5, Actions: []object.Action{object.Resubmit{Table: 61}, object.Goto{Table: 62}}},
		object.Flow{Table: 62, Priority: 9, Match: first, Actions: append([]object.Action{object.Commit{Zone: 7}}, frame...)},
		object.Flow{Table: 62, Priority: 5, Match: allowed, Actions: frame})
	b.must(create(base))
	b.expect(t, two, one, "nothing is allowed yet", false)
	b.must(create(flowSet(2, rule)))
	b.expect(t, one, two, "begins where no rule lets it", false)
	b.expect(t, two, one, "request", true)
	b.expect(t, one, two, "reply", true)
	b.must(object.Change{Op: object.Delete, Observed: b.observe(flowSet(2).Key())})
	b.expect(t, two, one, "request without the rule", false)
	b.expect(t, one, two, "reply without the rule", false)
	if table, err := b.AppCtl(t.Context(), "dpctl/dump-conntrack", "zone=7"); err != nil || !strings.Contains(table, "10.0.0.1") {
		t.Errorf("the tracker has forgotten the connection: %q, %v", table, err)
	}
	b.must(create(flowSet(2, rule)))
	b.expect(t, one, two, "reply with the rule again", true)
}

// expect sends until it is as wanted: the switch follows a change of flows with its cache a moment later.
func (b *testbed) expect(t *testing.T, to, from speaker, what string, want bool) {
	t.Helper()
	for began, i := time.Now(), 0; time.Since(began) < deadline; i++ {
		if to.hears(t, from, fmt.Sprintf("%s %d", what, i), 300*time.Millisecond) == want {
			return
		}
	}
	t.Errorf("%s: arrived %v, want %v\n%s", what, !want, want, b.flows("br-int", "dump-flows"))
}
