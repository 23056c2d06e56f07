package compile_test

import (
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// TestWhatAGuestIsServed: leases by the families of its addresses, the MTU, and the router that it is told of.
func TestWhatAGuestIsServed(t *testing.T) {
	t.Parallel()
	served := func(in compile.Input, change func(in compile.Input, n *desired.Network, p *desired.Port)) (*object.DHCPBinding, *object.RABinding) {
		change(in, in.Config.Network(fixture.NetRed), in.Config.Port(fixture.PortWeb))
		u := compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortWeb))
		return fixture.First[*object.DHCPBinding](u), fixture.First[*object.RABinding](u)
	}
	dhcp, ra := served(fixture.Plain(), func(_ compile.Input, n *desired.Network, _ *desired.Port) { n.DHCP.MTU, n.DHCP.LeaseSeconds = 0, 59 })
	if dhcp.MTU != 1450 || ra.MTU != 1450 || dhcp.Lease.Seconds() != 60 || ra.Lease.Seconds() != 60 {
		t.Errorf("without an MTU and with a short lease: %+v, %+v", dhcp, ra)
	}
	dhcp, _ = served(fixture.Plain(), func(_ compile.Input, n *desired.Network, _ *desired.Port) { n.DHCP.MTU, n.DHCP.LeaseSeconds = 1400, 61 })
	if dhcp.MTU != 1400 || dhcp.Lease.Seconds() != 61 {
		t.Errorf("with an MTU: %+v", dhcp)
	}
	dhcp, _ = served(fixture.Plain(), func(_ compile.Input, _ *desired.Network, p *desired.Port) { p.Addresses = p.Addresses[:1] })
	if dhcp == nil || len(dhcp.V4) != 0 || len(dhcp.V6) != 1 {
		t.Errorf("a guest with IPv6 only: %+v", dhcp)
	}
	dhcp, ra = served(fixture.Plain(), func(_ compile.Input, n *desired.Network, p *desired.Port) {
		p.Addresses, n.Subnets[0].DHCPServer = p.Addresses[1:], model.Address{}
	})
	if dhcp != nil || ra == nil {
		t.Errorf("a guest whose only subnet has no server: %+v, %+v", dhcp, ra)
	}
	_, ra = served(fixture.Plain(), func(_ compile.Input, n *desired.Network, p *desired.Port) {
		n.Subnets = append([]desired.Subnet{{CIDR: fixture.Prefix("fd00:2::/64"), Gateway: fixture.Address("fe80::2")}}, n.Subnets...)
		n.Subnets[2].Gateway = fixture.Address("fe80::1")
	})
	if ra.Gateway != netip.MustParseAddr("fe80::1") || ra.Router {
		t.Errorf("the router of the guest's own subnet: %+v", ra)
	}
	_, ra = served(fixture.Plain(), func(_ compile.Input, n *desired.Network, _ *desired.Port) {
		n.Subnets[1].Gateway = fixture.Address("fd00:1::1")
	})
	if ra.Gateway.IsValid() {
		t.Errorf("a router without link-local address: %+v", ra)
	}
	_, ra = served(fixture.Plain(), func(_ compile.Input, n *desired.Network, _ *desired.Port) { n.DHCP.DNSServers = n.DHCP.DNSServers[:1] })
	if len(ra.DNS) != 0 || len(ra.Prefixes) != 1 || ra.Router {
		t.Errorf("servers of IPv4 only, and no router: %+v", ra)
	}
	for name, c := range map[string]struct {
		change func(in compile.Input, n *desired.Network, p *desired.Port)
		router bool
		mac    object.MAC
	}{
		"a distributed router": {func(compile.Input, *desired.Network, *desired.Port) {}, true, object.MAC{}},
		"a router without IPv6": {func(in compile.Input, _ *desired.Network, _ *desired.Port) {
			iface := &in.Config.Router(fixture.RouterUID).Interfaces[0]
			iface.Addresses = iface.Addresses[:1]
		}, false, object.MAC{}},
		"a kernel without IPv6": {func(in compile.Input, _ *desired.Network, _ *desired.Port) { in.Facts.NoIPv6 = true }, false, object.MAC{}},
		"a router on gateway hosts, without IPv6": {func(in compile.Input, n *desired.Network, _ *desired.Port) {
			n.CentralMAC = fixture.MAC("fa:16:3e:cc:00:01")
		}, false, object.MAC{}},
		"a router on gateway hosts": {func(in compile.Input, n *desired.Network, _ *desired.Port) {
			n.CentralMAC, n.Subnets[1].Gateway = fixture.MAC("fa:16:3e:cc:00:01"), fixture.Address("fd00:1::1")
		}, true, object.MAC{0xfa, 0x16, 0x3e, 0xcc, 0, 1}},
		"a network without IPv6": {func(in compile.Input, n *desired.Network, p *desired.Port) {
			n.Subnets, p.Addresses = n.Subnets[:1], p.Addresses[1:]
		}, false, object.MAC{}},
	} {
		if _, ra := served(fixture.Routed(), c.change); ra.Router != c.router || ra.RouterMAC != c.mac {
			t.Errorf("%s: %+v", name, ra)
		}
	}
}

// TestActivationIsWaitedFor: only on the netdev of a standby port that a guest is moving to.
func TestActivationIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(in compile.Input)
		want bool
	}{
		"moving":         {func(compile.Input) {}, true},
		"nobody moves":   {func(in compile.Input) { in.Config.Port(fixture.PortMove).Migration = 0 }, false},
		"active already": {func(in compile.Input) { in.Config.Port(fixture.PortMove).State = desired.StateActive }, false},
		"no netdev": {func(in compile.Input) {
			delete(in.Facts.Links, "tapmove")
			fixture.Interface(in, "tapmove", func(i *object.InterfaceFacts) { i.Created, i.OwnerUID = false, "" })
		}, false},
	} {
		in := fixture.Plain()
		c.make(in)
		a := fixture.First[*object.Activation](compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortMove)))
		if (a != nil) != c.want || a != nil && (a.Migration != 7 || a.Device != "tapmove" || a.MAC != object.MAC(in.Config.Port(fixture.PortMove).MAC)) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestTheFirstRivalIsNamed: of several ports that outrank one, the lowest uid is named. Each has what both want.
func TestTheFirstRivalIsNamed(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	const low, lower = "02000000-0000-4000-8000-000000000001", "01000000-0000-4000-8000-000000000001"
	for i, uid := range []string{low, lower} {
		rival := fixture.Port(uid, fixture.NetRed, "", 1, 90+i)
		rival.Device, rival.InterfaceID = "", "if-new"
		in.Config.Put(rival)
	}
	in.Config.Port(fixture.PortBlue).InterfaceID = "if-new"
	all := map[string]string{fixture.PortBlue: lower, low: lower, lower: ""}
	for uid, rival := range all {
		u := compile.Compile(in, fixture.Key(desired.KindPort, uid))
		if want := `interface id "if-new" belongs to port ` + rival + " already"; rival == "" && u.Refused != "" || rival != "" && u.Refused != want {
			t.Errorf("%s: %q, want %q", uid, u.Refused, want)
		}
	}
	in.Facts.Interfaces["vnet9"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 9, InterfaceID: "if-new", OwnerUID: fixture.PortBlue}
	if u := compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortBlue)); u.Refused != "" {
		t.Errorf("the port that is plugged already is refused: %s", u.Refused)
	}
}

// TestExternalGatewayOfOneFamily: the smallest MTU with IPv6, a kernel without it, and an external gateway without address.
func TestExternalGatewayOfOneFamily(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	in.Config.Network(fixture.NetPublic).MTU = model.MinMTUv6
	transits := 0
	for _, o := range compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID)).Objects {
		if a, is := o.(*object.Addresses); is && a.Device == "transit" {
			transits = len(a.Prefixes)
		}
	}
	if transits != 2 {
		t.Errorf("with the smallest MTU of IPv6 the transit has %d addresses", transits)
	}
	for noIPv6, want := range map[bool]int{false: 2, true: 1} {
		in = fixture.Routed()
		in.Facts.NoIPv6 = noIPv6
		public := in.Config.Network(fixture.NetPublic)
		public.Subnets = append(public.Subnets, desired.Subnet{CIDR: fixture.Prefix("10.8.0.0/24")}, desired.Subnet{CIDR: fixture.Prefix("fd00:8::/64")})
		onLink := 0
		for _, o := range compile.Compile(in, public.Key()).Objects {
			if r, is := o.(*object.Route); is && !r.Via.IsValid() {
				onLink++
			}
		}
		if onLink != want {
			t.Errorf("no IPv6 %v: %d further subnets have a route", noIPv6, onLink)
		}
	}
	in = fixture.Routed()
	in.Config.Network(fixture.NetPublic).Gateway.Addresses = []netip.Prefix{}
	if a := fixture.First[*object.Announcement](compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic))); a != nil {
		t.Errorf("an external gateway without address is announced: %+v", a)
	}
}

// TestAGuestWithAnotherMACIsToldOnce: the hypervisor says which MAC the guest has, and the port has another.
func TestAGuestWithAnotherMACIsToldOnce(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	fixture.Interface(in, "vnet7", func(i *object.InterfaceFacts) { i.AttachedMAC = "fa:16:3e:99:99:99" })
	u := compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortDB))
	if len(u.Warnings) != 1 || u.Warnings[0].Reason != object.WarnMACMismatch || !strings.Contains(u.Warnings[0].Message, "fa:16:3e:99:99:99") {
		t.Errorf("warnings: %+v", u.Warnings)
	}
	in = fixture.Plain()
	fixture.Interface(in, "vnet7", func(i *object.InterfaceFacts) { i.AttachedMAC = in.Config.Port(fixture.PortDB).MAC.String() })
	if u := compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortDB)); len(u.Warnings) != 0 {
		t.Errorf("with the port's own MAC: %+v", u.Warnings)
	}
}

// TestBytesOfDeviceNames: what no interface's name may have, alone and inside.
func TestBytesOfDeviceNames(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		bad := c <= ' ' || c > '~' || strings.ContainsRune(`/:*\"'`, rune(c))
		in := fixture.Plain()
		p := in.Config.Port(fixture.PortWeb)
		p.Device, p.InterfaceID = "a"+string([]byte{byte(c)})+"b", ""
		if refused := compile.Compile(in, p.Key()).Refused; strings.Contains(refused, "holds a byte that no interface name may have") != bad {
			t.Errorf("byte %#x: %q", c, refused)
		}
	}
}
