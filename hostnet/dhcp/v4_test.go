package dhcp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// ask4 builds a request of the given type.
func ask4(kind dhcpv4.MessageType, modifiers ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, TransactionID: dhcpv4.TransactionID{1, 2, 3, 4}, ClientHWAddr: clientMAC[:],
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
		Options: dhcpv4.Options{},
	}
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	for _, change := range modifiers {
		change(m)
	}
	return m
}

func requested(s string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip4(s)))
}
func toServer(s string) dhcpv4.Modifier { return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(ip4(s))) }

func TestAnswer4(t *testing.T) {
	t.Parallel()
	const any, all = "0.0.0.0", "255.255.255.255"
	discover, request := dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest
	list := dhcpv4.WithRequestedOptions
	cases := []struct {
		name  string
		frame []byte
	}{
		{"DISCOVER without a parameter list", from4(ask4(discover), any, all)},
		{"DISCOVER as broadcast, with a client identifier", from4(ask4(discover, dhcpv4.WithBroadcast(true),
			dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte{0xff, 1, 2}))), any, all)},
		{"DISCOVER that wishes the second address", from4(ask4(discover, requested("10.1.0.5")), any, all)},
		{"DISCOVER that wishes a foreign address", from4(ask4(discover, requested("10.0.0.77")), any, all)},
		{"DISCOVER that lists few parameters", from4(ask4(discover,
			list(dhcpv4.OptionDomainNameServer, dhcpv4.OptionRouter)), any, all)},
		{"DISCOVER that lists Microsoft's routes", from4(ask4(discover, list(microsoftRoutes)), any, all)},
		{"REQUEST, selecting", from4(ask4(request, requested("10.0.0.5"), toServer("10.0.0.2"),
			list(dhcpv4.OptionSubnetMask)), any, all)},
		{"REQUEST, selecting another server", from4(ask4(request, requested("10.0.0.5"), toServer("10.0.0.3")), any, all)},
		{"REQUEST, selecting a foreign address", from4(ask4(request, requested("10.0.0.6"), toServer("10.0.0.2")), any, all)},
		{"REQUEST, rebooting", from4(ask4(request, requested("10.1.0.5"), list(dhcpv4.OptionSubnetMask)), any, all)},
		{"REQUEST, rebooting with a foreign address", from4(ask4(request, requested("172.16.0.1"),
			dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte{1, 2, 3}))), any, all)},
		{"REQUEST, renewing", from4(ask4(request, dhcpv4.WithClientIP(ip4("10.0.0.5")),
			list(dhcpv4.OptionSubnetMask)), "10.0.0.5", "10.0.0.2")},
		{"REQUEST, rebinding as broadcast", from4(ask4(request, dhcpv4.WithClientIP(ip4("10.0.0.5")), dhcpv4.WithBroadcast(true),
			list(dhcpv4.OptionSubnetMask)), "10.0.0.5", all)},
		{"REQUEST, renewing a foreign address", from4(ask4(request, dhcpv4.WithClientIP(ip4("10.0.0.6"))), "10.0.0.6", "10.0.0.2")},
		{"REQUEST for nothing", from4(ask4(request), any, all)},
		{"INFORM", from4(ask4(dhcpv4.MessageTypeInform, dhcpv4.WithClientIP(ip4("10.0.0.200")),
			list(dhcpv4.OptionDomainName)), "10.0.0.200", all)},
		{"INFORM from elsewhere", from4(ask4(dhcpv4.MessageTypeInform, dhcpv4.WithClientIP(ip4("172.16.0.1"))), "172.16.0.1", all)},
		{"RELEASE", from4(ask4(dhcpv4.MessageTypeRelease, dhcpv4.WithClientIP(ip4("10.0.0.5")), toServer("10.0.0.2")), "10.0.0.5", "10.0.0.2")},
		{"DECLINE", from4(ask4(dhcpv4.MessageTypeDecline, requested("10.0.0.5"), toServer("10.0.0.2")), any, all)},
		{"a server's message", from4(ask4(dhcpv4.MessageTypeOffer), any, all)},
		{"without a message type", from4(ask4(dhcpv4.MessageTypeNone), any, all)},
		{"through a relay", from4(ask4(discover, dhcpv4.WithRelay(ip4("10.0.0.9"))), any, all)},
		{"for another client", from4(ask4(discover, dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 9})), any, all)},
		{"from another MAC", spoofed(from4(ask4(discover), any, all))},
	}
	var w strings.Builder
	b := fullBinding()
	for _, c := range cases {
		fmt.Fprintf(&w, "== %s\n%s", c.name, describe(t, Answer(b, c.frame)))
	}
	checkGolden(t, "v4", w.String())
}

func spoofed(f []byte) []byte {
	f = bytes.Clone(f)
	f[11]++
	return f
}

// TestMessageSize4: if not everything fits, the least important options are left out first.
func TestMessageSize4(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	for i := range 60 {
		b.V4[0].Routes = append(b.V4[0].Routes, object.DHCPRoute{
			Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 0}), 24), NextHop: netip.MustParseAddr("10.0.0.9")})
	}
	for i := range 30 {
		b.DNS = append(b.DNS, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	for _, c := range []struct {
		announced, limit int
		routes           bool
	}{{0, 576, false}, {100, 576, false}, {1000, 1000, true}, {60000, 1500, true}} {
		m := ask4(dhcpv4.MessageTypeDiscover)
		if c.announced > 0 {
			m.UpdateOption(dhcpv4.OptMaxMessageSize(uint16(c.announced)))
		}
		o := Answer(b, from4(m, "0.0.0.0", "255.255.255.255"))
		if len(o.Frames) != 1 {
			t.Fatalf("max size %d: %d frames", c.announced, len(o.Frames))
		}
		if got := len(o.Frames[0]) - 14; got > c.limit {
			t.Errorf("max size %d: a datagram of %d bytes, at most %d", c.announced, got, c.limit)
		}
		d, err := packetsocket.ParseUDP(o.Frames[0])
		if err != nil {
			t.Fatal(err)
		}
		reply, err := dhcpv4.FromBytes(d.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if got := reply.Options.Has(dhcpv4.OptionClasslessStaticRoute); got != c.routes {
			t.Errorf("max size %d: routes sent: %v, want %v", c.announced, got, c.routes)
		}
		if reply.SubnetMask() == nil || len(reply.Router()) != 1 || reply.IPAddressLeaseTime(0) != time.Hour {
			t.Errorf("max size %d: what matters most is missing: %s", c.announced, reply.Summary())
		}
	}
}

// TestHostileNames4: names that a client's script could execute are not sent.
func TestHostileNames4(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	b.Hostname, b.Domain = "$(reboot)", "a; reboot"
	o := Answer(b, from4(ask4(dhcpv4.MessageTypeDiscover), "0.0.0.0", "255.255.255.255"))
	if len(o.Frames) != 1 || bytes.Contains(o.Frames[0], []byte("reboot")) {
		t.Errorf("outcome %q", o.Frames)
	}
}

func TestNoIPv4NoAnswer(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	b.V4 = nil
	if o := Answer(b, from4(ask4(dhcpv4.MessageTypeDiscover), "0.0.0.0", "255.255.255.255")); len(o.Frames) != 0 {
		t.Errorf("a port without IPv4 answers: %s", describe(t, o))
	}
}

func TestRoutes4(t *testing.T) {
	t.Parallel()
	hop := netip.MustParseAddr("10.0.0.9")
	route := func(p string) object.DHCPRoute {
		return object.DHCPRoute{Destination: netip.MustParsePrefix(p), NextHop: hop}
	}
	router := netip.MustParseAddr("10.0.0.1")
	link := netip.MustParsePrefix("10.0.0.0/24")
	alone := object.DHCPv4Lease{Prefix: netip.MustParsePrefix("192.0.2.7/32"), Router: router, Server: netip.MustParseAddr("169.254.169.254")}
	far := alone
	far.Routes = []object.DHCPRoute{route("10.1.0.0/16")}
	near := alone
	near.Prefix, near.Router = netip.MustParsePrefix("192.0.2.4/30"), netip.MustParseAddr("192.0.2.5")
	for name, c := range map[string]struct {
		lease object.DHCPv4Lease
		want  []byte
	}{
		"router and server elsewhere": {alone, []byte{32, 10, 0, 0, 1, 0, 0, 0, 0, 32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 10, 0, 0, 1}},
		"a route beside them": {far,
			[]byte{32, 10, 0, 0, 1, 0, 0, 0, 0, 32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 10, 0, 0, 1, 16, 10, 1, 10, 0, 0, 9}},
		"only the server elsewhere":           {near, []byte{32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 192, 0, 2, 5}},
		"the metadata service, and no router": {object.DHCPv4Lease{Prefix: link, OnLink: []netip.Addr{object.MetadataIPv4}}, []byte{32, 169, 254, 169, 254, 0, 0, 0, 0}},
		"the metadata service beside a route": {object.DHCPv4Lease{Prefix: link, OnLink: []netip.Addr{object.MetadataIPv4}, Routes: []object.DHCPRoute{route("0.0.0.0/0")}},
			[]byte{32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 10, 0, 0, 9}},
		"none":              {object.DHCPv4Lease{Prefix: link, Router: router}, nil},
		"without a router":  {object.DHCPv4Lease{Routes: []object.DHCPRoute{route("192.168.128.0/17")}}, []byte{17, 192, 168, 128, 10, 0, 0, 9}},
		"after the router":  {object.DHCPv4Lease{Prefix: link, Router: router, Routes: []object.DHCPRoute{route("10.0.0.0/8")}}, []byte{0, 10, 0, 0, 1, 8, 10, 10, 0, 0, 9}},
		"the router wins":   {object.DHCPv4Lease{Prefix: link, Router: router, Routes: []object.DHCPRoute{route("0.0.0.0/0")}}, []byte{0, 10, 0, 0, 1}},
		"default by itself": {object.DHCPv4Lease{Routes: []object.DHCPRoute{route("0.0.0.0/0")}}, []byte{0, 10, 0, 0, 9}},
		"IPv6 is left out":  {object.DHCPv4Lease{Routes: []object.DHCPRoute{route("2001:db8::/32")}}, nil},
		"host":              {object.DHCPv4Lease{Routes: []object.DHCPRoute{route("10.9.9.9/32")}}, []byte{32, 10, 9, 9, 9, 10, 0, 0, 9}},
	} {
		if got := routes4(c.lease); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestLastAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"10.0.0.0/24": "10.0.0.255", "10.1.0.0/20": "10.1.15.255", "10.0.0.7/32": "10.0.0.7", "0.0.0.0/0": "255.255.255.255"} {
		if got := lastAddress(netip.MustParsePrefix(in)); got.String() != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestCheckRefusesBindingsWithoutSense(t *testing.T) {
	d := New(nil, nil)
	t.Cleanup(func() { d.Close() })
	t.Parallel()
	v4, v6 := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("2001:db8::5")
	for name, change := range map[string]func(*object.DHCPBinding){
		"ipv4[0].address": func(b *object.DHCPBinding) { b.V4[0].Address = v6 },
		"ipv4[1].server":  func(b *object.DHCPBinding) { b.V4[1].Server = netip.Addr{} },
		"ipv4[0].prefix":  func(b *object.DHCPBinding) { b.V4[0].Prefix = netip.MustParsePrefix("2001:db8::/64") },
		"ipv4[0].router":  func(b *object.DHCPBinding) { b.V4[0].Router = v6 },
		"ipv6[1]":         func(b *object.DHCPBinding) { b.V6[1] = v4 },
	} {
		b := fullBinding()
		change(b)
		if _, err := d.service(b); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error that names the field", name, err)
		}
	}
	if _, err := d.service(fullBinding()); err != nil {
		t.Errorf("a good binding: %v", err)
	}
}
