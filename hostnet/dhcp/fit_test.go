package dhcp

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/integration/limits"
)

// largeBinding is a binding up to the limits of what can be declared: 16 servers of each kind, 27 routes, a domain of 253
// characters, 16 addresses, and an MTU that is large enough for its families.
func largeBinding(t *rapid.T) *object.DHCPBinding {
	label := strings.Repeat("a", 63)
	b := &object.DHCPBinding{
		OwnerUID: "u", Device: "tap1", MAC: clientMAC, Lease: time.Hour, MTU: rapid.IntRange(minMessage4, 9000).Draw(t, "mtu"),
		Domain:   rapid.SampledFrom([]string{"", "a.example", label + "." + label + "." + label + "." + label[:61]}).Draw(t, "domain"),
		Hostname: rapid.SampledFrom([]string{"web-1", label}).Draw(t, "hostname"),
	}
	server := func(i int, v6 bool) netip.Addr {
		if v6 {
			return netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i)})
		}
		return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	}
	for i := range rapid.IntRange(0, 16).Draw(t, "dns") {
		b.DNS = append(b.DNS, server(i, rapid.Bool().Draw(t, "dns6")))
	}
	for i := range rapid.IntRange(0, 16).Draw(t, "ntp") {
		b.NTP = append(b.NTP, server(i, rapid.Bool().Draw(t, "ntp6")))
	}
	l := object.DHCPv4Lease{Address: netip.MustParseAddr("10.0.0.5"), Prefix: netip.MustParsePrefix("10.0.0.0/24"),
		Server: netip.MustParseAddr("10.0.0.2"), Router: netip.MustParseAddr("10.0.0.1")}
	for i := range rapid.IntRange(0, 27).Draw(t, "routes") {
		l.Routes = append(l.Routes, object.DHCPRoute{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, 0, byte(i)}), 32), NextHop: l.Router})
	}
	b.V4 = append(b.V4, l)
	for i := range rapid.IntRange(0, 16).Draw(t, "addresses6") {
		b.V6 = append(b.V6, server(100+i, true))
	}
	return b
}

// TestEveryAnswerFits: whatever a network may declare and a client may request, there is an answer. Its packet is no larger than
// the MTU. It contains what a client needs, and what it leaves out is reported.
func TestEveryAnswerFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := largeBinding(t)
		m := ask4(dhcpv4.MessageTypeDiscover, dhcpv4.WithOption(dhcpv4.OptClientIdentifier(make([]byte, rapid.IntRange(1, 255).Draw(t, "id")))))
		if rapid.Bool().Draw(t, "sized") {
			m.UpdateOption(dhcpv4.OptMaxMessageSize(uint16(rapid.IntRange(0, 65535).Draw(t, "size"))))
		}
		m.UpdateOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionDomainNameServer, dhcpv4.OptionRouter, dhcpv4.OptionNTPServers,
			dhcpv4.OptionDomainName, dhcpv4.OptionDNSDomainSearchList, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionHostName))
		o := Answer(b, from4(m, "0.0.0.0", "255.255.255.255"))
		d := one(t, o, b.MTU)
		reply, err := dhcpv4.FromBytes(d.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if !reply.YourIPAddr.Equal(b.V4[0].Address.AsSlice()) || reply.SubnetMask() == nil || reply.IPAddressLeaseTime(0) != b.Lease {
			t.Fatalf("the lease is not whole: %s", reply.Summary())
		}
		if left := len(family4(b.DNS)) > 0 && len(reply.DNS()) == 0; left && !strings.Contains(o.Note, "do not fit") {
			t.Fatalf("DNS is left out, and the note says %q", o.Note)
		}
	})
}

// TestEveryAnswerFits6 is the same for DHCPv6, with a client that remembers foreign addresses.
func TestEveryAnswerFits6(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := largeBinding(t)
		b.MTU = max(b.MTU, minPacket6)
		kind := rapid.SampledFrom([]dhcpv6.MessageType{dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRebind}).Draw(t, "kind")
		p := []byte{byte(kind), 1, 2, 3}
		add := func(code dhcpv6.OptionCode, value []byte) {
			p = binary.BigEndian.AppendUint16(p, uint16(code))
			p = append(binary.BigEndian.AppendUint16(p, uint16(len(value))), value...)
		}
		add(dhcpv6.OptionClientID, make([]byte, rapid.IntRange(2, maxDUID).Draw(t, "id")))
		add(dhcpv6.OptionORO, []byte{0, 23, 0, 24, 0, 56, 0, 31})
		for i := range rapid.IntRange(1, maxIANA).Draw(t, "ia") {
			ia := make([]byte, headerIANA)
			for j := range rapid.IntRange(0, 4).Draw(t, "foreign") {
				ia = append(ia, 0, 5, 0, 24, 0xfd, byte(i), byte(j))
				ia = append(ia, make([]byte, headerAddress-3)...)
			}
			add(dhcpv6.OptionIANA, ia)
		}
		o := Answer(b, heard("[fe80::1]:546", "[ff02::1:2]:547", p))
		d := one(t, o, b.MTU)
		reply, err := dhcpv6.MessageFromBytes(d.Payload)
		if err != nil {
			t.Fatal(err)
		}
		own := 0
		for _, a := range reply.Options.OneIANA().Options.Addresses() {
			if a.ValidLifetime > 0 {
				own++
			}
		}
		if own != len(b.V6) {
			t.Fatalf("%d of the port's %d addresses", own, len(b.V6))
		}
		if left := len(family6(b.DNS)) > 0 && len(reply.Options.DNS()) == 0; left && !strings.Contains(o.Note, "do not fit") {
			t.Fatalf("DNS is left out, and the note says %q", o.Note)
		}
	})
}

// one is the datagram of the only answer. The MTU must carry its packet.
func one(t limits.T, o Outcome, mtu int) packetsocket.Datagram {
	if len(o.Frames) != 1 {
		t.Fatalf("%d answers", len(o.Frames))
	}
	if size := len(o.Frames[0]) - 14; size > mtu {
		t.Fatalf("a packet of %d bytes with an MTU of %d", size, mtu)
	}
	d, err := packetsocket.ParseUDP(o.Frames[0])
	if err != nil {
		t.Fatal(err)
	}
	return d
}
