package dhcp

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/integration/limits"
)

// TestDoor: every port of accepted intent is served. The client gets its address in a packet that every client accepts, and the
// names are valid.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			b, is := o.(*object.DHCPBinding)
			if !is {
				continue
			}
			if err := check(b); err != nil {
				t.Fatalf("%s: %v", b.Key(), err)
			}
			if !packetsocket.IsName(b.Hostname) || b.Domain != "" && !packetsocket.IsName(b.Domain) {
				t.Fatalf("%s: its names %q and %q are not told", b.Key(), b.Hostname, b.Domain)
			}
			if len(b.V4) > 0 {
				offered(t, b)
			}
			if len(b.V6) > 0 {
				advertised(t, b)
			}
		}
	})
}

// offered requests everything as the guest of the binding.
func offered(t limits.T, b *object.DHCPBinding) {
	m := ask4(dhcpv4.MessageTypeDiscover)
	m.ClientHWAddr = slices.Clone(b.MAC[:])
	f := from4(m, "0.0.0.0", "255.255.255.255")
	copy(f[6:12], b.MAC[:])
	d := one(t, Answer(b, f), max(b.MTU, minMessage4))
	reply, err := dhcpv4.FromBytes(d.Payload)
	if err != nil || !reply.YourIPAddr.Equal(b.V4[0].Address.AsSlice()) || reply.SubnetMask() == nil || reply.IPAddressLeaseTime(0) != b.Lease {
		t.Fatalf("%s: the lease is not whole: %v, %v", b.Key(), reply, err)
	}
}

// advertised requests all IPv6 addresses as the guest of the binding.
func advertised(t limits.T, b *object.DHCPBinding) {
	f := from6(ask6(dhcpv6.MessageTypeSolicit, ia(1)), "ff02::1:2")
	copy(f[6:12], b.MAC[:])
	d := one(t, Answer(b, f), max(b.MTU, minPacket6))
	reply, err := dhcpv6.MessageFromBytes(d.Payload)
	if err != nil {
		t.Fatalf("%s: %v", b.Key(), err)
	}
	var have []netip.Addr
	for _, a := range reply.Options.OneIANA().Options.Addresses() {
		own, _ := netip.AddrFromSlice(a.IPv6Addr)
		have = append(have, own)
	}
	if !slices.Equal(have, b.V6) {
		t.Fatalf("%s: %v are advertised, expected %v", b.Key(), have, b.V6)
	}
}
