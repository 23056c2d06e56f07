package compile_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// first is the first object of a type in a unit; nil when there is none.
func first[T object.Object](u compile.Unit) (found T) {
	for _, o := range u.Objects {
		if o, is := o.(T); is {
			return o
		}
	}
	return found
}

// TestWhatAGuestIsServed: leases by the families of its addresses, the MTU, and the router that it is told of.
func TestWhatAGuestIsServed(t *testing.T) {
	t.Parallel()
	served := func(in compile.Input, change func(in compile.Input, n *desired.Network, p *desired.Port)) (*object.DHCPBinding, *object.RABinding) {
		change(in, in.Config.Network(netRed), in.Config.Port(portWeb))
		u := compile.Compile(in, key(desired.KindPort, portWeb))
		return first[*object.DHCPBinding](u), first[*object.RABinding](u)
	}
	dhcp, ra := served(fixture(), func(_ compile.Input, n *desired.Network, _ *desired.Port) { n.DHCP.MTU, n.DHCP.LeaseSeconds = 0, 59 })
	if dhcp.MTU != 1450 || ra.MTU != 1450 || dhcp.Lease.Seconds() != 60 || ra.Lease.Seconds() != 60 {
		t.Errorf("without an MTU and with a short lease: %+v, %+v", dhcp, ra)
	}
	dhcp, _ = served(fixture(), func(_ compile.Input, n *desired.Network, _ *desired.Port) { n.DHCP.MTU, n.DHCP.LeaseSeconds = 1400, 61 })
	if dhcp.MTU != 1400 || dhcp.Lease.Seconds() != 61 {
		t.Errorf("with an MTU: %+v", dhcp)
	}
	dhcp, _ = served(fixture(), func(_ compile.Input, _ *desired.Network, p *desired.Port) { p.Addresses = p.Addresses[:1] })
	if dhcp == nil || len(dhcp.V4) != 0 || len(dhcp.V6) != 1 {
		t.Errorf("a guest with IPv6 only: %+v", dhcp)
	}
	dhcp, ra = served(fixture(), func(_ compile.Input, n *desired.Network, p *desired.Port) {
		p.Addresses, n.Subnets[0].DHCPServer = p.Addresses[1:], model.Address{}
	})
	if dhcp != nil || ra == nil {
		t.Errorf("a guest whose only subnet has no server: %+v, %+v", dhcp, ra)
	}
	_, ra = served(fixture(), func(_ compile.Input, n *desired.Network, _ *desired.Port) { n.DHCP.DNSServers = n.DHCP.DNSServers[:1] })
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
			leg := &in.Config.Router(routerUID).Legs[0]
			leg.Addresses = leg.Addresses[:1]
		}, false, object.MAC{}},
		"a kernel without IPv6": {func(in compile.Input, _ *desired.Network, _ *desired.Port) { in.Facts.NoIPv6 = true }, false, object.MAC{}},
		"a router on gateway hosts, without IPv6": {func(in compile.Input, n *desired.Network, _ *desired.Port) {
			n.CentralMAC = mac("fa:16:3e:cc:00:01")
		}, false, object.MAC{}},
		"a router on gateway hosts": {func(in compile.Input, n *desired.Network, _ *desired.Port) {
			n.CentralMAC, n.Subnets[1].Gateway = mac("fa:16:3e:cc:00:01"), address("fd00:1::1")
		}, true, object.MAC{0xfa, 0x16, 0x3e, 0xcc, 0, 1}},
		"a network without IPv6": {func(in compile.Input, n *desired.Network, p *desired.Port) {
			n.Subnets, p.Addresses = n.Subnets[:1], p.Addresses[1:]
		}, false, object.MAC{}},
	} {
		if _, ra := served(routed(), c.change); ra.Router != c.router || ra.RouterMAC != c.mac {
			t.Errorf("%s: %+v", name, ra)
		}
	}
}

// TestArrivalIsWaitedFor: only on the netdev of a standby port that a guest is moving to.
func TestArrivalIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(in compile.Input)
		want bool
	}{
		"moving":         {func(compile.Input) {}, true},
		"nobody moves":   {func(in compile.Input) { in.Config.Port(portMove).Migration = 0 }, false},
		"active already": {func(in compile.Input) { in.Config.Port(portMove).State = desired.StateActive }, false},
		"no netdev": {func(in compile.Input) {
			delete(in.Facts.Links, "tapmove")
			iface(in, "tapmove", func(i *object.InterfaceFacts) { i.Created, i.OwnerUID = false, "" })
		}, false},
	} {
		in := fixture()
		c.make(in)
		a := first[*object.Arrival](compile.Compile(in, key(desired.KindPort, portMove)))
		if (a != nil) != c.want || a != nil && (a.Migration != 7 || a.Device != "tapmove" || a.MAC != object.MAC(in.Config.Port(portMove).MAC)) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestMACPrefixesOfTheCloud: link-local addresses that are derived from MACs of the cloud belong to the owners of the MACs, with the
// present prefix and with the default one.
func TestMACPrefixesOfTheCloud(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[object.MAC][]string{
		{}:                      {"fe80::f816:3eff:fe00:0/104"},
		object.DefaultMACPrefix: {"fe80::f816:3eff:fe00:0/104"},
		{2, 0xaa, 0xbb}:         {"fe80::f816:3eff:fe00:0/104", "fe80::aa:bbff:fe00:0/104"},
	} {
		in := fixture()
		in.Config.Host().MACPrefix = model.MAC(prefix)
		var got []string
		for _, f := range first[*object.FlowSet](compile.Compile(in, key(desired.KindHost, hostUID))).Flows {
			if f.Table == 11 && f.Priority == 50 {
				got = append(got, f.Match.IPSrc.String())
				if text := f.String(); !strings.HasSuffix(text, "→ reg5:=0xffff") {
					t.Errorf("%s", text)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("prefix %s: %v, want %v", prefix, got, want)
		}
	}
}

// TestTheFirstRivalIsNamed: of several ports that outrank one, the lowest uid is named. Each has what both want.
func TestTheFirstRivalIsNamed(t *testing.T) {
	t.Parallel()
	in := fixture()
	const low, lower = "02000000-0000-4000-8000-000000000001", "01000000-0000-4000-8000-000000000001"
	for i, uid := range []string{low, lower} {
		rival := port(uid, netRed, "", 1, 90+i)
		rival.Device, rival.InterfaceID = "", "if-new"
		in.Config.Put(rival)
	}
	in.Config.Port(portBlue).InterfaceID = "if-new"
	all := map[string]string{portBlue: lower, low: lower, lower: ""}
	for uid, rival := range all {
		u := compile.Compile(in, key(desired.KindPort, uid))
		if want := `interface id "if-new" belongs to port ` + rival + " already"; rival == "" && u.Refused != "" || rival != "" && u.Refused != want {
			t.Errorf("%s: %q, want %q", uid, u.Refused, want)
		}
	}
	in.Facts.Interfaces["vnet9"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 9, InterfaceID: "if-new", OwnerUID: portBlue}
	if u := compile.Compile(in, key(desired.KindPort, portBlue)); u.Refused != "" {
		t.Errorf("the port that is plugged already is refused: %s", u.Refused)
	}
}

// TestExitOfOneFamily: the smallest MTU with IPv6, a kernel without it, and an exit without address.
func TestExitOfOneFamily(t *testing.T) {
	t.Parallel()
	in := routed()
	in.Config.Network(netPublic).MTU = model.MinMTUv6
	transits := 0
	for _, o := range compile.Compile(in, key(desired.KindRouter, routerUID)).Objects {
		if a, is := o.(*object.Addresses); is && a.Device == "transit" {
			transits = len(a.Prefixes)
		}
	}
	if transits != 2 {
		t.Errorf("with the smallest MTU of IPv6 the transit has %d addresses", transits)
	}
	for noIPv6, want := range map[bool]int{false: 2, true: 1} {
		in = routed()
		in.Facts.NoIPv6 = noIPv6
		public := in.Config.Network(netPublic)
		public.Subnets = append(public.Subnets, desired.Subnet{CIDR: prefix("10.8.0.0/24")}, desired.Subnet{CIDR: prefix("fd00:8::/64")})
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
	in = routed()
	in.Config.Network(netPublic).Gateway.Addresses = []netip.Prefix{}
	if a := first[*object.Announcement](compile.Compile(in, key(desired.KindNetwork, netPublic))); a != nil {
		t.Errorf("an exit without address is announced: %+v", a)
	}
}

// TestALegWithoutTheHostsMAC: what a leg sends leaves the host only with the host's own MAC and through an uplink.
func TestALegWithoutTheHostsMAC(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make   func(in compile.Input)
		leaves bool
	}{
		"as is":     {func(compile.Input) {}, true},
		"no MAC":    {func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, false},
		"no uplink": {func(in compile.Input) { in.Config.Host().Uplinks = nil }, false},
	} {
		in := routed()
		c.make(in)
		flows := strings.Join(flowsOf(compile.Compile(in, key(desired.KindRouter, routerUID)), compile.FeatureLeg(netRed)), "\n")
		if flows == "" || strings.Contains(flows, "push_vlan:101") != c.leaves || strings.Contains(flows, "dl_src=fa:16:3e:ff:00:01") != c.leaves {
			t.Errorf("%s: leaves %v\n%s", name, !c.leaves, flows)
		}
	}
}

// TestBytesOfDeviceNames: what no interface's name may have, alone and inside.
func TestBytesOfDeviceNames(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		bad := c <= ' ' || c > '~' || strings.ContainsRune(`/:*\"'`, rune(c))
		in := fixture()
		p := in.Config.Port(portWeb)
		p.Device, p.InterfaceID = "a"+string([]byte{byte(c)})+"b", ""
		if refused := compile.Compile(in, p.Key()).Refused; strings.Contains(refused, "holds a byte that no interface name may have") != bad {
			t.Errorf("byte %#x: %q", c, refused)
		}
	}
}
