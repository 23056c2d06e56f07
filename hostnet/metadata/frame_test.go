package metadata

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// syn is a frame of the guest with a TCP segment that opens a connection to the metadata service.
func syn(mac object.MAC, src, dst string) []byte { return synTo(mac, src, dst, object.MetadataPort) }

// synTo is the same to another port. Checksums are 0: they are not verified.
func synTo(mac object.MAC, src, dst string, port uint16) []byte {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	segment := make([]byte, tcpSize)
	binary.BigEndian.PutUint16(segment, 40000)
	binary.BigEndian.PutUint16(segment[2:], port)
	segment[12], segment[13] = 5<<4, 0x02
	f := packetsocket.UDP(packetsocket.Between{Src: mac, Dst: object.GatewayMAC}, netip.AddrPortFrom(s, 1), netip.AddrPortFrom(d, 1), segment[8:])
	if s.Is4() {
		f[23] = packetsocket.ProtocolTCP
	} else {
		f[20] = packetsocket.ProtocolTCP
	}
	copy(f[len(f)-tcpSize:], segment)
	return f
}

func arp(sender object.MAC, from, about string) []byte {
	return packetsocket.ARP{Operation: packetsocket.ARPRequest, SenderMAC: sender, Sender: netip.MustParseAddr(from), Target: netip.MustParseAddr(about)}.
		Frame(packetsocket.Between{Src: guestMAC, Dst: packetsocket.Broadcast()})
}

func solicit(from, about string) []byte {
	target := netip.MustParseAddr(about)
	body := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, target.AsSlice()...)
	return packetsocket.ICMPv6(packetsocket.Between{Src: guestMAC, Dst: packetsocket.MulticastMAC(target)}, netip.MustParseAddr(from), target, body)
}

// with is the frame with one byte changed.
func with(f []byte, at int, value byte) []byte {
	f = bytes.Clone(f)
	f[at] = value
	return f
}

const service4, service6 = "169.254.169.254", "fe80::a9fe:a9fe"

// frames are frames of a guest, with what is done: "answer", "packet", a reason, or "" for nothing.
func frames() map[string]struct {
	frame []byte
	want  string
} {
	other := object.MAC{2, 0, 0, 0, 0, 9}
	ours4, ours6 := syn(guestMAC, "10.0.0.5", service4), syn(guestMAC, "2001:db8::5", service6)
	return map[string]struct {
		frame []byte
		want  string
	}{
		"from its own IPv4":              {ours4, "packet"},
		"from its own IPv6":              {ours6, "packet"},
		"from an allowed address pair":   {syn(guestMAC, "172.16.5.7", service4), "packet"},
		"from a link-local address":      {syn(guestMAC, "fe80::1234", service6), "packet"},
		"from another MAC":               {syn(other, "10.0.0.5", service4), "source"},
		"from another IPv4":              {syn(guestMAC, "10.0.0.6", service4), "source"},
		"from another IPv6":              {syn(guestMAC, "2001:db8::6", service6), "source"},
		"from IPv4's link":               {syn(guestMAC, "169.254.7.7", service4), "source"},
		"from itself, IPv4":              {syn(guestMAC, service4, service4), "source"},
		"from itself, IPv6":              {syn(guestMAC, service6, service6), "source"},
		"from Weft's server":             {syn(guestMAC, object.ServerLinkLocal.String(), service6), "source"},
		"from the gateway":               {syn(guestMAC, object.GatewayLinkLocal.String(), service6), "source"},
		"to another IPv4":                {syn(guestMAC, "10.0.0.5", "169.254.169.253"), "malformed"},
		"to another IPv6":                {syn(guestMAC, "2001:db8::5", "fe80::a9fe:a9ff"), "malformed"},
		"IPv4 options":                   {with(ours4, 14, 0x46), "malformed"},
		"IPv4, another version":          {with(ours4, 14, 0x55), "malformed"},
		"a first fragment":               {with(ours4, 20, 0x20), "malformed"},
		"a later fragment":               {with(ours4, 21, 1), "malformed"},
		"IPv4, not TCP":                  {with(ours4, 23, 17), "malformed"},
		"IPv4, longer than the frame":    {with(ours4, 17, 41), "malformed"},
		"IPv4, shorter than its header":  {with(ours4, 17, 39), "malformed"},
		"IPv6, an extension header":      {with(ours6, 20, 0), "malformed"},
		"IPv6, another version":          {with(ours6, 14, 0x40), "malformed"},
		"IPv6, longer than the frame":    {with(ours6, 19, 21), "malformed"},
		"IPv6, shorter than its header":  {with(ours6, 19, 19), "malformed"},
		"cut":                            {ours4[:53], "malformed"},
		"cut, IPv6":                      {ours6[:73], "malformed"},
		"no Ethernet header":             {ours4[:13], "malformed"},
		"another type":                   {with(ours4, 13, 7), ""},
		"ARP":                            {arp(guestMAC, "10.0.0.5", service4), "answer"},
		"ARP from a pair":                {arp(guestMAC, "172.16.5.7", service4), "answer"},
		"an ARP probe":                   {arp(guestMAC, "0.0.0.0", service4), "answer"},
		"ARP from another address":       {arp(guestMAC, "10.0.0.6", service4), "source"},
		"ARP from the service itself":    {arp(guestMAC, service4, service4), "source"},
		"ARP from another sender":        {arp(other, "10.0.0.5", service4), "source"},
		"ARP about another":              {arp(guestMAC, "10.0.0.5", "10.0.0.1"), "malformed"},
		"an ARP reply":                   {with(arp(guestMAC, "10.0.0.5", service4), 21, 2), "malformed"},
		"a solicitation":                 {solicit("2001:db8::5", service6), "answer"},
		"from the link":                  {solicit("fe80::77", service6), "answer"},
		"address detection":              {solicit("::", service6), "answer"},
		"a solicitation from another":    {solicit("2001:db8::6", service6), "source"},
		"a solicitation for another":     {solicit("2001:db8::5", "fe80::1"), "malformed"},
		"a solicitation that was routed": {with(solicit("2001:db8::5", service6), 21, 254), "malformed"},
	}
}

func pairBinding() *object.MetadataBinding {
	b := binding("tap1", "data")
	b.Sources = []netip.Prefix{netip.MustParsePrefix("172.16.5.0/24")}
	return b
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range frames() {
		o := judge(pairBinding(), c.frame)
		got := string(o.rejected)
		switch {
		case o.answer != nil:
			got = "answer"
			if object.MAC(o.answer[:6]) != guestMAC || object.MAC(o.answer[6:12]) != object.ServerMAC {
				t.Errorf("%s: an answer from %s to %s", name, object.MAC(o.answer[6:12]), object.MAC(o.answer[:6]))
			}
		case o.packet != nil:
			got = "packet"
			if !o.begins || !bytes.Equal(o.packet, c.frame[ethernetSize:]) {
				t.Errorf("%s: begins %v, %x", name, o.begins, o.packet)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for flags, want := range map[byte]bool{0x02: true, 0x12: false, 0x10: false, 0x04: false, 0xc2: true} {
		if o := judge(pairBinding(), with(syn(guestMAC, "10.0.0.5", service4), 47, flags)); o.begins != want {
			t.Errorf("flags %#x: begins %v", flags, o.begins)
		}
	}
	padded := append(syn(guestMAC, "10.0.0.5", service4), make([]byte, 6)...)
	if o := judge(pairBinding(), padded); len(o.packet) != 40 {
		t.Errorf("a padded frame: %d bytes", len(o.packet))
	}
}

// FuzzJudge: any frame is judged without a panic, and what is passed on is inside of the frame.
func FuzzJudge(f *testing.F) {
	for _, c := range frames() {
		f.Add(c.frame)
	}
	b := pairBinding()
	f.Fuzz(func(t *testing.T, frame []byte) {
		o := judge(b, frame)
		if o.packet != nil && (o.answer != nil || o.rejected != "" || len(o.packet) > len(frame)-ethernetSize || len(o.packet) < ipv4Size+tcpSize) {
			t.Errorf("%+v", o)
		}
		if o.rejected != "" && o.answer != nil {
			t.Errorf("rejected and answered: %+v", o)
		}
	})
}

// FuzzStack: whatever the guest sends to the port of the service, the stack survives it and serves the guest afterwards.
func FuzzStack(f *testing.F) {
	for _, c := range frames() {
		if c.want == "packet" {
			f.Add(c.frame)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if !filter(pairBinding()).Passes(frame) {
			return
		}
		c := newCloud(t)
		g := c.guest(pairBinding())
		c.hear(g, frame)
		if code, got := g.get("/latest/user-data"); code != 200 || got != "data" {
			t.Errorf("%d %q", code, got)
		}
	})
}
