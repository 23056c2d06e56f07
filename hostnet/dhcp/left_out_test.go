package dhcp

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"weft/hostnet/object"
)

// crowdedBinding has more options than the smallest packets of either protocol carry.
func crowdedBinding() *object.DHCPBinding {
	b := fullBinding()
	b.MTU = minPacket6
	label := strings.Repeat("a", 63)
	b.Domain = label + "." + label + "." + label + "." + label[:61]
	b.DNS, b.NTP = nil, nil
	for i := range byte(27) {
		b.V4[0].Routes = append(b.V4[0].Routes, object.DHCPRoute{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, 0, i}), 32), NextHop: b.V4[0].Router})
	}
	for i := range byte(16) {
		b.DNS = append(b.DNS, netip.AddrFrom4([4]byte{192, 0, 2, i}), netip.AddrFrom16([16]byte{0x20, 1, 13: 2, 15: i}))
		b.NTP = append(b.NTP, netip.AddrFrom4([4]byte{198, 51, 100, i}), netip.AddrFrom16([16]byte{0x20, 1, 15: i}))
		b.V6 = append(b.V6, netip.AddrFrom16([16]byte{0x20, 1, 14: 1, 15: i}))
	}
	return b
}

// everything4 requests everything that a client can request, and accepts only the smallest packets.
func everything4() []byte {
	m := ask4(dhcpv4.MessageTypeDiscover)
	m.UpdateOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionDomainNameServer, dhcpv4.OptionRouter, dhcpv4.OptionNTPServers,
		dhcpv4.OptionDomainName, dhcpv4.OptionDNSDomainSearchList, dhcpv4.OptionClasslessStaticRoute, microsoftRoutes,
		dhcpv4.OptionHostName, dhcpv4.OptionInterfaceMTU, dhcpv4.OptionBroadcastAddress))
	return from4(m, "0.0.0.0", "255.255.255.255")
}

// everything6 is the same for DHCPv6.
func everything6() []byte {
	p := []byte{byte(dhcpv6.MessageTypeSolicit), 1, 2, 3, 0, 1, 0, 4, 0, 3, 0, 1} // client identifier
	p = append(p, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)                // IA_NA
	p = append(p, 0, 6, 0, 8, 0, 23, 0, 24, 0, 31, 0, 56)                         // option request
	return heard("[fe80::1]:546", "[ff02::1:2]:547", p)
}

// TestOptionsLeftOutAreAWarning: the warning says what to do. It stays whatever the guest requests next, and ends when everything
// fits.
func TestOptionsLeftOutAreAWarning(t *testing.T) {
	t.Parallel()
	d := New(nil, nil)
	t.Cleanup(func() { d.Close() })
	b := crowdedBinding()
	say := func(b *object.DHCPBinding, frames ...[]byte) {
		s, err := d.service(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			s.Answer(f, slog.New(slog.DiscardHandler))
		}
	}
	modest := ask4(dhcpv4.MessageTypeDiscover)
	modest.UpdateOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionRouter))
	less := from4(modest, "0.0.0.0", "255.255.255.255")
	if say(b, less); len(d.Warnings(b)) != 0 {
		t.Error("nothing is left out, and it is told of")
	}
	for range 100 {
		say(b, everything4(), less, everything6())
	}
	if len(d.news) != 2 || d.news[0] != b.Key() || d.news[1] != b.Key() {
		t.Errorf("a hundred times the same of two protocols: told of %v", d.news)
	}
	w := d.Warnings(b)
	if len(w) != 1 || w[0].Reason != object.WarnOptionsLeftOut || len(w[0].Message) > 400 {
		t.Fatalf("warnings are %+v", w)
	}
	for _, part := range []string{"spec.dhcp", "dnsServers", "DHCPv4 options do not fit 576 bytes: ", "NTP (42)", "DHCPv6 options do not fit 1280 bytes: ", "SNTP (31)"} {
		if !strings.Contains(w[0].Message, part) {
			t.Errorf("%q is not in %q", part, w[0].Message)
		}
	}
	leaner := fullBinding()
	if w := d.Warnings(leaner); len(w) != 0 {
		t.Errorf("everything fits now, and still told of: %+v", w)
	}
	other := crowdedBinding()
	other.OwnerUID = "another"
	if len(d.Warnings(other)) != 0 {
		t.Error("another port on the device has the warning")
	}
	d.Apply(context.Background(), []object.Change{{Op: object.Delete, Observed: b}})
	if len(d.Warnings(b)) != 0 {
		t.Error("the device is gone, and still told of")
	}
}

// TestTheGreatestOmissionStands: a request that loses more than the one before is reported and takes its place.
func TestTheGreatestOmissionStands(t *testing.T) {
	t.Parallel()
	d := New(nil, nil)
	t.Cleanup(func() { d.Close() })
	b := crowdedBinding()
	m := ask4(dhcpv4.MessageTypeDiscover)
	m.UpdateOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionDomainNameServer, dhcpv4.OptionClasslessStaticRoute))
	for i, f := range [][]byte{from4(m, "0.0.0.0", "255.255.255.255"), everything4(), from4(m, "0.0.0.0", "255.255.255.255")} {
		d.omit(b, f, Answer(b, f).leftOut)
		if want := min(i+1, 2); len(d.news) != want {
			t.Fatalf("after %d requests told %d times, expected %d", i+1, len(d.news), want)
		}
	}
}
