package dhcp

import (
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// checkAnswers checks what is true of every answer: it comes from the server's addresses, goes to the guest or to all, has
// correct checksums, and answers are few and small.
func checkAnswers(t *testing.T, o Outcome) {
	t.Helper()
	if len(o.Frames) > 1 || len(o.Note) > 4096 {
		t.Fatalf("%d answers, a note of %d bytes", len(o.Frames), len(o.Note))
	}
	for _, f := range o.Frames {
		if len(f) > 2048 {
			t.Errorf("an answer of %d bytes", len(f))
		}
		if src := object.MAC(f[6:12]); src != object.ServerMAC {
			t.Errorf("an answer from %s", src)
		}
		if dst := object.MAC(f[:6]); dst != clientMAC && dst != packetsocket.Broadcast() {
			t.Errorf("an answer to %s", dst)
		}
		verifyChecksums(t, f)
	}
}

func FuzzAnswer4(f *testing.F) {
	for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform, dhcpv4.MessageTypeDecline} {
		f.Add(ask4(kind, requested("10.0.0.5"), dhcpv4.WithRequestedOptions(dhcpv4.OptionRouter), dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(600))).ToBytes())
		f.Add(ask4(kind, dhcpv4.WithClientIP(ip4("10.0.0.7"))).ToBytes())
	}
	b := fullBinding()
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 1472 {
			return
		}
		checkAnswers(t, Answer(b, packetsocket.UDP(packetsocket.Between{Src: clientMAC, Dst: packetsocket.Broadcast()},
			netip.MustParseAddrPort("0.0.0.0:68"), netip.MustParseAddrPort("255.255.255.255:67"), payload)))
	})
}

func FuzzAnswer6(f *testing.F) {
	ours := dhcpv6.OptServerID(serverDUID())
	for kind := dhcpv6.MessageTypeSolicit; kind <= dhcpv6.MessageTypeInformationRequest; kind++ {
		f.Add(ask6(kind, ia(1, "2001:db8:1::5", "2001:db8:1::6"), dhcpv6.OptRequestedOption(dhcpv6.OptionNTPServer)).ToBytes())
		f.Add(ask6(kind, ours, ia(1)).ToBytes())
	}
	b := fullBinding()
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 1452 {
			return
		}
		checkAnswers(t, Answer(b, packetsocket.UDP(packetsocket.Between{Src: clientMAC, Dst: packetsocket.Broadcast()},
			netip.AddrPortFrom(netip.MustParseAddr(linkLocal), 546), netip.MustParseAddrPort("[ff02::1:2]:547"), payload)))
	})
}

// FuzzAnswer takes whole frames, with Ethernet, IP, ARP and neighbour discovery headers.
func FuzzAnswer(f *testing.F) {
	f.Add(from4(ask4(dhcpv4.MessageTypeDiscover), "0.0.0.0", "255.255.255.255"))
	f.Add(from6(ask6(dhcpv6.MessageTypeSolicit, ia(1)), "ff02::1:2"))
	a := packetsocket.ARP{Operation: packetsocket.ARPRequest, SenderMAC: clientMAC, Sender: netip.MustParseAddr("10.0.0.5"), Target: netip.MustParseAddr("10.0.0.2")}
	f.Add(a.Frame(packetsocket.Between{Src: clientMAC, Dst: packetsocket.Broadcast()}))
	body, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: object.ServerLinkLocal,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: clientMAC[:]}, ndp.NewNonce()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packetsocket.ICMPv6(packetsocket.Between{Src: clientMAC}, netip.MustParseAddr(linkLocal), object.ServerLinkLocal, body))
	b := fullBinding()
	f.Fuzz(func(t *testing.T, received []byte) {
		if len(received) > 2048 {
			return
		}
		checkAnswers(t, Answer(b, received))
	})
}
