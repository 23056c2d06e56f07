package dhcp

import (
	"slices"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"pgregory.net/rapid"

	"weft/hostnet/frame"
	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every port of accepted intent is served: the client has its address, in a packet that every client takes, and names
// are such as are told.
func TestDoor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for _, o := range limits.Draw(t).Objects() {
			b, is := o.(*object.DHCPBinding)
			if !is {
				continue
			}
			if err := check(b); err != nil {
				t.Fatalf("%s: %v", b.Key(), err)
			}
			if !frame.IsName(b.Hostname) || b.Domain != "" && !frame.IsName(b.Domain) {
				t.Fatalf("%s: its names %q and %q are not told", b.Key(), b.Hostname, b.Domain)
			}
			if len(b.V4) > 0 {
				offered(t, b)
			}
		}
	})
}

// offered asks for everything as the guest of the binding.
func offered(t *rapid.T, b *object.DHCPBinding) {
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
