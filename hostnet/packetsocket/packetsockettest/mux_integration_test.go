//go:build integration

package packetsockettest_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/hostnet/packetsocket/packetsockettest"
)

func TestMain(m *testing.M) { packetsockettest.Main(m) }

var mac = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

// server receives on one device.
type server struct {
	heard chan []byte
	lost  chan struct{}
}

func newServer() server { return server{make(chan []byte, 100), make(chan struct{}, 100)} }

func (s server) receiver() packetsocket.Receiver {
	return packetsocket.Receiver{
		Frame: func(f []byte) [][]byte { s.heard <- bytes.Clone(f); return nil },
		Lost:  func() { s.lost <- struct{}{} },
	}
}

func (s server) wants(t *testing.T, f []byte) {
	t.Helper()
	if got := packetsockettest.Receive(t, "a frame", s.heard); !bytes.Equal(got, f) {
		t.Errorf("heard %x\nwant  %x", got, f)
	}
}

// to67 is a frame with the payload to the port of DHCP servers.
func to67(payload string) []byte {
	return packetsocket.UDP(packetsocket.Between{Src: mac, Dst: packetsocket.Broadcast()},
		netip.MustParseAddrPort("0.0.0.0:68"), netip.MustParseAddrPort("255.255.255.255:67"), []byte(payload))
}

func arpFor(target string) []byte {
	a := packetsocket.ARP{Operation: packetsocket.ARPRequest, SenderMAC: mac, Sender: netip.MustParseAddr("10.0.0.5"), Target: netip.MustParseAddr(target)}
	return a.Frame(packetsocket.Between{Src: mac, Dst: packetsocket.Broadcast()})
}

func open(t *testing.T, x *packetsocket.Mux, device string, s server, rules ...packetsocket.Rule) packetsocket.Transport {
	t.Helper()
	tr, err := x.Open(device, packetsocket.Filter{Rules: rules}, s.receiver())
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMuxHandsFramesToTheirOwnServers: two servers on one device both receive a frame, a server on another device does not.
// A frame on a device that nobody opened is dropped and counted.
func TestMuxHandsFramesToTheirOwnServers(t *testing.T) {
	x := packetsockettest.Mux(t)
	one, other, alien := packetsockettest.NewGuest(t, "tapx1", mac), packetsockettest.NewGuest(t, "tapx2", mac), packetsockettest.NewGuest(t, "tapx3", mac)
	a, b, c := newServer(), newServer(), newServer()
	first := open(t, x, one.Device, a, packetsocket.UDP4To(67))
	second := open(t, x, one.Device, b, packetsocket.UDP4To(67))
	third := open(t, x, other.Device, c, packetsocket.UDP4To(67))
	send, sendOther := one.Sender(), other.Sender()
	check(t, alien.Sender().Send(to67("nobody listens")))
	check(t, send.Send(to67("one")))
	check(t, sendOther.Send(to67("other")))
	a.wants(t, to67("one"))
	b.wants(t, to67("one"))
	c.wants(t, to67("other"))
	if got := x.Stats(); got.Unserved != 1 || got.Frames != 3 {
		t.Errorf("%+v, want 3 frames, 1 of them unserved", got)
	}
	check(t, second.Close())
	check(t, second.Close()) // does nothing
	check(t, send.Send(to67("again")))
	a.wants(t, to67("again"))

	check(t, send.Send(arpFor("10.0.0.2"))) // not wanted yet
	check(t, first.SetFilter(packetsocket.Filter{Rules: []packetsocket.Rule{packetsocket.ARPRequestFor(netip.MustParseAddr("10.0.0.2"))}}))
	check(t, send.Send(arpFor("10.0.0.3")))
	check(t, send.Send(arpFor("10.0.0.2")))
	a.wants(t, arpFor("10.0.0.2"))
	check(t, first.Close())
	check(t, third.Close())
	if len(a.heard)+len(b.heard)+len(c.heard) != 0 {
		t.Errorf("heard too much: %d, %d, %d", len(a.heard), len(b.heard), len(c.heard))
	}
}

// TestMuxTellsOfRemovedDevices: only a removed device is reported, not one that left a bridge or was down.
func TestMuxTellsOfRemovedDevices(t *testing.T) {
	x := packetsockettest.Mux(t)
	stays, goes := packetsockettest.NewGuest(t, "tapx4", mac), packetsockettest.NewGuest(t, "tapx5", mac)
	a, b := newServer(), newServer()
	kept := open(t, x, stays.Device, a, packetsocket.UDP4To(67))
	lost := open(t, x, goes.Device, b, packetsocket.UDP4To(67))
	packetsockettest.Run(t, "ip", "link", "add", "brx", "type", "bridge")
	t.Cleanup(func() { packetsockettest.Run(t, "ip", "link", "del", "brx") })
	packetsockettest.Run(t, "ip", "link", "set", stays.Device, "master", "brx")
	packetsockettest.Run(t, "ip", "link", "set", stays.Device, "nomaster")
	packetsockettest.Run(t, "ip", "link", "set", stays.Device, "down")
	packetsockettest.Run(t, "ip", "link", "set", stays.Device, "up")
	link, err := netlink.LinkByName(goes.Device)
	check(t, err)
	check(t, netlink.LinkDel(link))
	packetsockettest.Receive(t, "news of the removed device", b.lost)
	goes.Plug(mac)
	if !kept.Alive() || lost.Alive() || len(a.lost) != 0 {
		t.Errorf("alive: %v and %v, %d reports; want the second lost alone", kept.Alive(), lost.Alive(), len(a.lost))
	}
	check(t, lost.Close())
	again := open(t, x, goes.Device, b, packetsocket.UDP4To(67))
	check(t, goes.Sender().Send(to67("again")))
	b.wants(t, to67("again"))
	check(t, stays.Sender().Send(to67("still")))
	a.wants(t, to67("still"))
	check(t, again.Close())
	check(t, kept.Close())
	if _, err := x.Open("nosuchdevice", packetsocket.Filter{}, a.receiver()); err == nil {
		t.Error("a device that is not there was opened")
	}
}
