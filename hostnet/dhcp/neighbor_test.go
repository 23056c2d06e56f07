package dhcp

import (
	"net/netip"
	"testing"

	"github.com/mdlayher/ndp"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

func TestAnswerARP(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	fromGuest := packetsocket.Between{Src: clientMAC, Dst: packetsocket.Broadcast()}
	server := netip.MustParseAddr("10.1.0.2")
	good := packetsocket.ARP{Operation: packetsocket.ARPRequest, SenderMAC: clientMAC, Sender: netip.MustParseAddr("10.1.0.5"), Target: server}
	o := Answer(b, good.Frame(fromGuest))
	if len(o.Frames) != 1 {
		t.Fatalf("%d answers, want 1", len(o.Frames))
	}
	got, between, err := packetsocket.ParseARP(o.Frames[0])
	want := packetsocket.ARP{Operation: packetsocket.ARPReply, SenderMAC: object.ServerMAC, Sender: server, TargetMAC: clientMAC, Target: good.Sender}
	if err != nil || got != want || between != (packetsocket.Between{Src: object.ServerMAC, Dst: clientMAC}) {
		t.Errorf("answer %+v %+v %v, want %+v", got, between, err, want)
	}
	probe := good
	probe.Sender = netip.IPv4Unspecified()
	if o := Answer(b, probe.Frame(fromGuest)); len(o.Frames) != 1 {
		t.Error("a probe for the server's address was not answered")
	}
	for name, change := range map[string]func(a *packetsocket.ARP, between *packetsocket.Between){
		"another address":   func(a *packetsocket.ARP, _ *packetsocket.Between) { a.Target = netip.MustParseAddr("10.0.0.1") },
		"a reply":           func(a *packetsocket.ARP, _ *packetsocket.Between) { a.Operation = packetsocket.ARPReply },
		"another sender":    func(a *packetsocket.ARP, _ *packetsocket.Between) { a.SenderMAC[5]++ },
		"another MAC":       func(_ *packetsocket.ARP, between *packetsocket.Between) { between.Src[5]++ },
		"the server itself": func(a *packetsocket.ARP, _ *packetsocket.Between) { a.Sender = a.Target },
	} {
		a, between := good, fromGuest
		change(&a, &between)
		if o := Answer(b, a.Frame(between)); len(o.Frames) != 0 {
			t.Errorf("%s: answered", name)
		}
	}
}

func TestAnswerNeighbor(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	group, err := ndp.SolicitedNodeMulticast(object.ServerLinkLocal)
	if err != nil {
		t.Fatal(err)
	}
	solicit := func(src netip.Addr, target netip.Addr) []byte {
		body, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: target})
		if err != nil {
			t.Fatal(err)
		}
		return packetsocket.ICMPv6(packetsocket.Between{Src: clientMAC, Dst: packetsocket.MulticastMAC(group)}, src, group, body)
	}
	guest := netip.MustParseAddr(linkLocal)
	for name, c := range map[string]struct {
		frame     []byte
		dst       netip.Addr
		solicited bool
	}{
		"resolution":                  {solicit(guest, object.ServerLinkLocal), guest, true},
		"duplicate address detection": {solicit(netip.IPv6Unspecified(), object.ServerLinkLocal), netip.IPv6LinkLocalAllNodes(), false},
	} {
		o := Answer(b, c.frame)
		if len(o.Frames) != 1 {
			t.Fatalf("%s: %d answers, want 1", name, len(o.Frames))
		}
		verifyChecksums(t, o.Frames[0])
		m, err := packetsocket.ParseICMPv6(o.Frames[0])
		if err != nil || m.Src != object.ServerLinkLocal || m.Dst != c.dst || m.HopLimit != 255 {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		parsed, err := ndp.ParseMessage(m.Body)
		na, ok := parsed.(*ndp.NeighborAdvertisement)
		if err != nil || !ok || na.Solicited != c.solicited || !na.Override || na.TargetAddress != object.ServerLinkLocal || len(na.Options) != 1 {
			t.Errorf("%s: %+v, %v", name, parsed, err)
		}
	}
	routed := solicit(guest, object.ServerLinkLocal)
	routed[21] = 64
	for name, f := range map[string][]byte{
		"another target": solicit(guest, netip.MustParseAddr("fe80::2")), "hop limit 64": routed, "another MAC": spoofed(solicit(guest, object.ServerLinkLocal)),
	} {
		if o := Answer(b, f); len(o.Frames) != 0 {
			t.Errorf("%s: answered", name)
		}
	}
}
