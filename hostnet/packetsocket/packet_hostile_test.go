package packetsocket

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// goodFrames are one frame of each kind, with the parser that takes it.
func goodFrames() map[string]struct {
	frame []byte
	parse func([]byte) error
} {
	between := Between{Src: macA, Dst: macB}
	udp := func(f []byte) error { _, err := ParseUDP(f); return err }
	icmp := func(f []byte) error { _, err := ParseICMPv6(f); return err }
	arp := func(f []byte) error { _, _, err := ParseARP(f); return err }
	four, six := netip.MustParseAddrPort("10.0.0.1:68"), netip.MustParseAddrPort("[fe80::1]:546")
	return map[string]struct {
		frame []byte
		parse func([]byte) error
	}{
		"UDP over IPv4": {UDP(between, four, netip.MustParseAddrPort("10.0.0.2:67"), []byte("hello")), udp},
		"UDP over IPv6": {UDP(between, six, netip.MustParseAddrPort("[ff02::1:2]:547"), []byte("hello")), udp},
		"ICMPv6":        {ICMPv6(between, six.Addr(), netip.MustParseAddr("ff02::2"), []byte{133, 0, 0, 0}), icmp},
		"ARP":           {ARP{ARPRequest, macA, object.MAC{}, four.Addr(), four.Addr().Next()}.Frame(between), arp},
	}
}

// TestEachParserTakesItsOwnKindOnly: whole, of its kind, and with nothing cut. What follows a whole packet, as padding does, is no
// part of it.
func TestEachParserTakesItsOwnKindOnly(t *testing.T) {
	t.Parallel()
	all := goodFrames()
	for name, of := range all {
		for n := range of.frame {
			if err := of.parse(of.frame[:n]); !errors.Is(err, ErrNotOurs) {
				t.Errorf("%s: cut to %d of %d bytes: %v", name, n, len(of.frame), err)
			}
		}
		if err := of.parse(append(bytes.Clone(of.frame), make([]byte, 20)...)); err != nil {
			t.Errorf("%s: padded: %v", name, err)
		}
		for other, with := range all {
			taken := of.parse(with.frame) == nil
			if like := name == other || name[:3] == other[:3]; taken != like {
				t.Errorf("the parser of %s takes %s: %v", name, other, taken)
			}
		}
		if err := of.parse(Tagged(of.frame, 5)); err == nil {
			t.Errorf("%s: taken with its tag", name)
		}
	}
}

// TestEachByteThatDecides: the bytes of a header in which another value makes a packet of another kind or a malformed one. Another
// value of any other byte is taken.
func TestEachByteThatDecides(t *testing.T) {
	t.Parallel()
	decides := map[string]map[int]bool{
		// type; version and header length; total length, of which the low byte may not grow; fragment bits; protocol; UDP length
		"UDP over IPv4": {12: true, 13: true, 14: true, 16: true, 17: true, 20: true, 21: true, 23: true, 38: true, 39: true},
		// type; version; payload length; next header; UDP length
		"UDP over IPv6": {12: true, 13: true, 14: true, 18: true, 19: true, 20: true, 58: true, 59: true},
		"ICMPv6":        {12: true, 13: true, 14: true, 18: true, 19: true, 20: true},
		// type; hardware and protocol types and sizes
		"ARP": {12: true, 13: true, 14: true, 15: true, 16: true, 17: true, 18: true, 19: true},
	}
	for name, of := range goodFrames() {
		for i := range of.frame {
			f := bytes.Clone(of.frame)
			f[i] ^= 0x3f
			if refused := of.parse(f) != nil; refused != decides[name][i] {
				t.Errorf("%s: with another byte %d it is refused: %v", name, i, refused)
			}
		}
	}
}

// TestLengthsThatLie: a length may leave out the end of a frame, and never more than there is.
func TestLengthsThatLie(t *testing.T) {
	t.Parallel()
	all := goodFrames()
	for _, c := range []struct {
		kind    string
		change  func(f []byte)
		payload string // empty: refused
	}{
		{"UDP over IPv4", func(f []byte) { f[39] = 8 + 2 }, "he"},
		{"UDP over IPv4", func(f []byte) { f[39] = 8 + 6 }, ""},
		{"UDP over IPv4", func(f []byte) { f[17] = 20 + 8 + 4 }, ""}, // the datagram is longer than its packet
		{"UDP over IPv4", func(f []byte) { f[17], f[39] = 20+8+4, 8+4 }, "hell"},
		{"UDP over IPv4", func(f []byte) { f[17] = 20 + 8 + 6 }, ""},
		{"UDP over IPv4", func(f []byte) { f[17], f[39] = 20+7, 7 }, ""},
		{"UDP over IPv4", func(f []byte) { f[20] = 0x40 }, "hello"}, // may not be fragmented
		{"UDP over IPv4", func(f []byte) { f[20] = 0x80 }, "hello"}, // the reserved bit
		{"UDP over IPv6", func(f []byte) { f[59] = 8 + 3 }, "hel"},
		{"UDP over IPv6", func(f []byte) { f[19] = 8 + 4 }, ""},
		{"UDP over IPv6", func(f []byte) { f[19], f[59] = 8+4, 8+4 }, "hell"},
		{"UDP over IPv6", func(f []byte) { f[19] = 8 + 6 }, ""},
		{"UDP over IPv6", func(f []byte) { f[18] = 1 }, ""},
	} {
		f := bytes.Clone(all[c.kind].frame)
		c.change(f)
		d, err := ParseUDP(f)
		if (err != nil) != (c.payload == "") || err == nil && string(d.Payload) != c.payload {
			t.Errorf("%s: payload %q, %v; want %q", c.kind, d.Payload, err, c.payload)
		}
	}
	f := bytes.Clone(all["ICMPv6"].frame)
	f[19] = 3 // less than a header of ICMPv6
	if m, err := ParseICMPv6(f); err == nil {
		t.Errorf("taken: %+v", m)
	}
}

// TestParsersTrustNothing: whatever the bytes after a good beginning are, nothing panics and nothing outside the frame is returned.
func TestParsersTrustNothing(t *testing.T) {
	t.Parallel()
	kinds := []uint16{EtherTypeIPv4, EtherTypeIPv6, EtherTypeARP, EtherTypeRARP, EtherTypeVLAN}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "type")
		f := append(make([]byte, 12), byte(kind>>8), byte(kind))
		f = append(f, rapid.SampledFrom([]byte{0x45, 0x46, 0x4f, 0x60, 0}).Draw(t, "version"))
		f = append(f, rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "rest")...)
		if d, err := ParseUDP(f); err == nil && (len(d.Payload) > len(f)-ethernetSize-ipv4Size-udpSize || d.Src.Addr().Is4() != (kind == EtherTypeIPv4)) {
			t.Errorf("%+v of a frame of %d bytes", d, len(f))
		}
		if m, err := ParseICMPv6(f); err == nil && (kind != EtherTypeIPv6 || len(m.Body) > len(f)-ethernetSize-ipv6Size) {
			t.Errorf("%+v of a frame of %d bytes", m, len(f))
		}
		if a, _, err := ParseARP(f); err == nil && (kind != EtherTypeARP || !a.Sender.Is4()) {
			t.Errorf("%+v", a)
		}
	})
}

func TestEtherTypeAndAddresses(t *testing.T) {
	t.Parallel()
	f := ARP{ARPRequest, macA, object.MAC{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}.Frame(Between{Src: macA, Dst: Broadcast()})
	if EtherType(f) != EtherTypeARP || EtherType(f[:13]) != 0 || EtherType(f[:14]) != EtherTypeARP {
		t.Error("the type of a frame is read wrongly")
	}
	for group, want := range map[string]object.MAC{
		"ff02::1": {0x33, 0x33, 0, 0, 0, 1}, "ff02::1:ff12:3456": {0x33, 0x33, 0xff, 0x12, 0x34, 0x56}, "ff05::1:3": {0x33, 0x33, 0, 1, 0, 3},
	} {
		if got := MulticastMAC(netip.MustParseAddr(group)); got != want {
			t.Errorf("%s has %s, want %s", group, got, want)
		}
	}
	if b := Broadcast(); b != (object.MAC{255, 255, 255, 255, 255, 255}) {
		t.Errorf("broadcast is %s", b)
	}
}
