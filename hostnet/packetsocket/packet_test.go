package packetsocket

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"weft/hostnet/object"
)

var (
	macA = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}
	macB = object.MAC{0x02, 0x57, 0x45, 0x46, 0x54, 1}
)

// serialize builds a frame with a foreign implementation.
func serialize(t interface{ Fatal(...any) }, all ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ethernetLayer(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: kind}
}

func TestUDPIsWhatAnotherImplementationBuilds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), 0, 1400).Draw(rt, "payload")
		six := rapid.Bool().Draw(rt, "six")
		src := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "src")))
		dst := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "dst")))
		if six {
			src = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "src6")))
			dst = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "dst6")))
		}
		u := &layers.UDP{SrcPort: 67, DstPort: 68}
		var want []byte
		if six {
			ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
			_ = u.SetNetworkLayerForChecksum(ip)
			want = serialize(rt, ethernetLayer(layers.EthernetTypeIPv6), ip, u, gopacket.Payload(payload))
		} else {
			ip := &layers.IPv4{Version: 4, TTL: 64, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolUDP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
			_ = u.SetNetworkLayerForChecksum(ip)
			want = serialize(rt, ethernetLayer(layers.EthernetTypeIPv4), ip, u, gopacket.Payload(payload))
		}
		from, to := netip.AddrPortFrom(src, 67), netip.AddrPortFrom(dst, 68)
		got := UDP(Between{Src: macA, Dst: macB}, from, to, payload)
		want = want[:min(len(want), len(got))] // gopacket pads to 60 bytes, as NICs do
		// gopacket leaves a checksum of 0 unchanged, which would mean that there is none.
		if sum := got[len(got)-len(payload)-2:]; sum[0] == 0xff && sum[1] == 0xff {
			want[len(want)-len(payload)-2], want[len(want)-len(payload)-1] = 0xff, 0xff
		}
		if !bytes.Equal(got, want) {
			rt.Fatalf("got  %x\nwant %x", got, want)
		}
		d, err := ParseUDP(got)
		if err != nil || d.Src != from || d.Dst != to || d.EthSrc != macA || d.EthDst != macB || !bytes.Equal(d.Payload, payload) {
			rt.Fatalf("ParseUDP = %+v, %v", d, err)
		}
	})
}

func TestICMPv6ChecksumAndHopLimit(t *testing.T) {
	t.Parallel()
	src, dst := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1")
	body := []byte{134, 0, 0xde, 0xad, 1, 2, 3, 4, 5} // what is in the checksum's place does not matter
	f := ICMPv6(Between{Src: macA, Dst: macB}, src, dst, body)
	p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default)
	ip, ok := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	if !ok || ip.HopLimit != 255 || !ip.SrcIP.Equal(net.IP(src.AsSlice())) {
		t.Fatalf("IPv6 header %+v", ip)
	}
	if c := fold(sum(sum(sum(58+uint32(len(body)), src.AsSlice()), dst.AsSlice()), ip.Payload)); c != 0 {
		t.Errorf("the checksum does not verify: %#x is left", c)
	}
	if body[2] != 0xde {
		t.Error("the caller's message was changed")
	}
	if m, err := ParseICMPv6(f); err != nil || m.HopLimit != 255 || m.Src != src || m.Dst != dst || m.Body[0] != 134 {
		t.Errorf("ParseICMPv6 = %+v, %v", m, err)
	}
}

func TestARPRoundTrip(t *testing.T) {
	t.Parallel()
	want := ARP{ARPReply, macA, macB, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
	f := want.Frame(Between{Src: macA, Dst: macB})
	arp, ok := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || arp.Operation != layers.ARPReply || !bytes.Equal(arp.SourceProtAddress, []byte{10, 0, 0, 1}) ||
		!bytes.Equal(arp.DstHwAddress, macB[:]) {
		t.Fatalf("another implementation reads %+v", arp)
	}
	got, between, err := ParseARP(f)
	if err != nil || got != want || between != (Between{Src: macA, Dst: macB}) {
		t.Errorf("ParseARP = %+v, %+v, %v", got, between, err)
	}
}

func TestTagged(t *testing.T) {
	t.Parallel()
	f := ARP{ARPRequest, macA, macB, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}.Frame(Between{Src: macA, Dst: Broadcast()})
	p := gopacket.NewPacket(Tagged(f, 123), layers.LayerTypeEthernet, gopacket.Default)
	if v, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); !ok || v.VLANIdentifier != 123 || v.Priority != 0 {
		t.Errorf("tag %+v", v)
	}
	if p.Layer(layers.LayerTypeARP) == nil {
		t.Error("no ARP behind the tag")
	}
	if got := Tagged(f, 0); !bytes.Equal(got, f) {
		t.Error("VLAN id 0 added a tag")
	}
}

// TestParseRefuses damages a good frame byte by byte.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	src, dst := netip.MustParseAddrPort("10.0.0.1:68"), netip.MustParseAddrPort("10.0.0.2:67")
	good := UDP(Between{Src: macA, Dst: macB}, src, dst, []byte("hello"))
	for n := range good {
		if _, err := ParseUDP(good[:n]); err == nil {
			t.Errorf("a frame cut to %d of %d bytes was taken", n, len(good))
		}
	}
	for name, change := range map[string]func(f []byte){
		"more fragments":             func(f []byte) { f[20] = 0x20 },
		"later fragment":             func(f []byte) { f[21] = 1 },
		"header shorter than 20":     func(f []byte) { f[14] = 0x44 },
		"header longer than packet":  func(f []byte) { f[14] = 0x4f },
		"version 5":                  func(f []byte) { f[14] = 0x55 },
		"TCP":                        func(f []byte) { f[23] = 6 },
		"length beyond the frame":    func(f []byte) { f[16], f[17] = 0xff, 0xff },
		"UDP length beyond":          func(f []byte) { f[38], f[39] = 0xff, 0xff },
		"UDP length below a header":  func(f []byte) { f[38], f[39] = 0, 7 },
		"still tagged":               func(f []byte) { f[12], f[13] = 0x81, 0 },
		"total length below headers": func(f []byte) { f[16], f[17] = 0, 10 },
	} {
		f := bytes.Clone(good)
		change(f)
		if d, err := ParseUDP(f); err == nil {
			t.Errorf("%s: taken as %+v", name, d)
		}
	}
}

func TestParseUDPSkipsIPv4Options(t *testing.T) {
	t.Parallel()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2},
		Options: []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}} // router alert
	u := &layers.UDP{SrcPort: 68, DstPort: 67}
	_ = u.SetNetworkLayerForChecksum(ip)
	f := serialize(t, ethernetLayer(layers.EthernetTypeIPv4), ip, u, gopacket.Payload("hello"))
	if d, err := ParseUDP(f); err != nil || d.Dst.Port() != 67 || string(d.Payload) != "hello" {
		t.Errorf("ParseUDP = %+v, %v", d, err)
	}
}

func FuzzParse(f *testing.F) {
	src, dst := netip.MustParseAddrPort("10.0.0.1:68"), netip.MustParseAddrPort("10.0.0.2:67")
	f.Add(UDP(Between{}, src, dst, []byte("x")))
	f.Add(UDP(Between{}, netip.MustParseAddrPort("[fe80::1]:546"), netip.MustParseAddrPort("[ff02::1:2]:547"), nil))
	f.Add(ICMPv6(Between{}, netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1"), make([]byte, 24)))
	f.Add(ARP{Operation: 1, Sender: src.Addr(), Target: dst.Addr()}.Frame(Between{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ParseUDP(b); err == nil && len(d.Payload) > len(b) {
			t.Error("a payload larger than its frame")
		}
		if m, err := ParseICMPv6(b); err == nil && len(m.Body) < icmp6Size {
			t.Error("a message without a whole header")
		}
		if a, between, err := ParseARP(b); err == nil && len(b) == ethernetSize+arpSize && !bytes.Equal(a.Frame(between), b) {
			t.Error("an ARP packet does not survive being built again")
		}
	})
}

func TestIsName(t *testing.T) {
	t.Parallel()
	long := string(bytes.Repeat([]byte("a"), 63))
	for _, s := range []string{"web-1", "a", "alpha.example", "1", "A-b.c", long, long + "." + long} {
		if !IsName(s) {
			t.Errorf("%q was refused", s)
		}
	}
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "$(reboot)", "a b", "a\nb", "a\x00", "é",
		long + "a", long + "." + long + "." + long + "." + long} {
		if IsName(s) {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestWholeOptions(t *testing.T) {
	t.Parallel()
	option := func(units byte) []byte { b := make([]byte, 8*max(units, 1)); b[1] = units; return b }
	two := append(option(1), option(3)...)
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{"none": {nil, true}, "two": {two, true}, "cut short": {two[:len(two)-1], false}, "length 0": {option(0), false}, "one byte": {[]byte{1}, false}} {
		if got := WholeOptions(c.b); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
