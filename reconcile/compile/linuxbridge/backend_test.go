package linuxbridge_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
)

const (
	hostUID = "00000000-0000-4000-8000-0000000000ff"
	netUID  = "aaaaaaaa-0000-4000-8000-000000000001"
	portUID = "10000000-0000-4000-8000-000000000001"
)

func address(s string) model.Address { return model.Address{Addr: netip.MustParseAddr(s)} }

// site is a host whose NIC carries an address and the default route, with one network and one port.
func site() compile.Input {
	return compile.Input{
		Backends: map[model.Driver]compile.Backend{model.DriverBridge: linuxbridge.Backend{}},
		Config: desired.NewNodeConfig(
			&desired.Host{UID: hostUID, Name: "h1", Driver: model.DriverBridge,
				Uplinks: []desired.Uplink{{PhysicalNetwork: "rack", Interface: "eth0", MTU: 1500}}},
			&desired.Network{
				UID: netUID, Project: "alpha", Name: "red", Type: model.NetworkTypeVLAN, PhysicalNetwork: "rack", SegmentationID: 101, MTU: 1450,
				Subnets: []desired.Subnet{{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("10.1.0.0/24")}, DHCPServer: address("10.1.0.2")}},
			},
			&desired.Port{
				UID: portUID, Project: "alpha", Name: "web", Network: netUID, MAC: model.MAC{0xfa, 0x16, 0x3e, 0, 1, 10},
				Addresses: []model.Address{address("10.1.0.10")}, Device: "tapweb", InterfaceID: "if-web", State: desired.StateActive,
			},
		),
		Facts: &object.Facts{Links: map[string]object.LinkFacts{
			"eth0":   {Kind: "device", MTU: 9000, DefaultRoute: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")}},
			"tapweb": {Kind: "tuntap", MTU: 1500},
		}},
	}
}

// find returns the result's object of a kind; nil when it has none.
func find[T object.Object](u compile.Result) (found T) {
	for _, o := range u.Objects {
		if x, ok := o.(T); ok {
			return x
		}
	}
	return found
}

func compiled(t *testing.T, in compile.Input, kind desired.Kind, uid string) compile.Result {
	t.Helper()
	u := compile.Compile(in, desired.Key{Kind: kind, UID: uid})
	if u.Refused != "" {
		t.Fatalf("%s %s is refused: %s", kind, uid, u.Refused)
	}
	return u
}

func TestHostKeepsItsNIC(t *testing.T) {
	t.Parallel()
	u := compiled(t, site(), desired.KindHost, hostUID)
	l := find[*object.Link](u)
	if l == nil || l.Name != "eth0" || l.MTU != 9000 || find[*object.PortSecurity](u) == nil || find[*object.PortSecurityUplink](u) == nil ||
		find[*object.HostFilter](u) == nil || len(u.Objects) != 4 {
		t.Errorf("the host's objects are %v: its NIC must not be silent", u.Objects)
	}
}

// TestBridgeNetfilterIsTold: the host's own rules then filter guests' frames, and only the host's item is compiled again.
func TestBridgeNetfilterIsTold(t *testing.T) {
	t.Parallel()
	in := site()
	if w := compiled(t, in, desired.KindHost, hostUID).Warnings; len(w) != 0 {
		t.Errorf("warned of nothing: %v", w)
	}
	x := compile.NewIndex(in.Config, in.Facts)
	x.Compiled(compiled(t, in, desired.KindHost, hostUID))
	x.Compiled(compiled(t, in, desired.KindNetwork, netUID))
	x.Compiled(compiled(t, in, desired.KindPort, portUID))
	in.Facts.BridgeNetfilter = "net.bridge.bridge-nf-call-iptables"
	host := desired.Key{Kind: desired.KindHost, UID: hostUID}
	if dirty := x.Observe(in.Facts, nil); !slices.Equal(dirty, []desired.Key{host}) {
		t.Errorf("compiled again: %v, expected the host alone", dirty)
	}
	if dirty := x.Observe(in.Facts, nil); len(dirty) != 0 {
		t.Errorf("nothing is new, and compiled again: %v", dirty)
	}
	w := compiled(t, in, desired.KindHost, hostUID).Warnings
	if len(w) != 1 || w[0].Reason != object.WarnBridgeNetfilter || !strings.Contains(w[0].Message, in.Facts.BridgeNetfilter) {
		t.Errorf("warnings: %v", w)
	}
}

func TestNetworkIsBridgeAndVLANDevice(t *testing.T) {
	t.Parallel()
	u := compiled(t, site(), desired.KindNetwork, netUID)
	bridge, vlan, port := find[*object.LinuxBridge](u), find[*object.VLANDevice](u), find[*object.BridgePort](u)
	if u.Pending != "" || bridge == nil || vlan == nil || port == nil {
		t.Fatalf("pending %q, objects %v", u.Pending, u.Objects)
	}
	if vlan.Parent != "eth0" || vlan.ID != 101 || port.Device != vlan.Name || port.Bridge != bridge.Name || len(bridge.Name) != 15 {
		t.Errorf("%+v, %+v, %+v", bridge, vlan, port)
	}
	if !slices.Contains(vlan.DependsOn(), object.Key{Kind: object.KindPortSecurityUplink, Name: "eth0"}) {
		t.Errorf("the VLAN device is made after %v", vlan.DependsOn())
	}
	elements := find[*object.PortSecurityElements](u)
	if elements == nil || !slices.Contains(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityUplinks, Interface: vlan.Name}) {
		t.Fatalf("port security does not know the uplink: %+v", elements)
	}
	if !slices.Contains(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityBridges, Interface: bridge.Name}) {
		t.Errorf("port security does not know the bridge: %v", elements.Elements)
	}
	if !slices.Contains(port.DependsOn(), elements.Key()) || !slices.Contains(bridge.DependsOn(), elements.Key()) ||
		!slices.Contains(port.DependsOn(), bridge.Key()) || !slices.Contains(elements.DependsOn(), (&object.PortSecurity{}).Key()) {
		t.Error("a device is enslaved before port security knows it and its bridge")
	}
}

// TestCentralRouterIsReserved: no guest here may use the link-local address of a router on other hosts.
func TestCentralRouterIsReserved(t *testing.T) {
	t.Parallel()
	in := site()
	mac := object.MAC{0x52, 0x54, 0, 1, 2, 3}
	in.Config.Network(netUID).CentralMAC = model.MAC(mac)
	elements := find[*object.PortSecurityElements](compiled(t, in, desired.KindNetwork, netUID))
	want := object.PortSecurityElement{Set: object.PortSecurityReserved, Interface: linuxbridge.BridgeName(netUID), Address: mac.LinkLocal()}
	if !slices.Contains(elements.Elements, want) {
		t.Errorf("elements %v lack %v", elements.Elements, want)
	}
}

// TestLinkLocalGatewayIsReserved: no guest may use the link-local address of a router that exists on the network.
func TestLinkLocalGatewayIsReserved(t *testing.T) {
	t.Parallel()
	in, gateway := site(), netip.MustParseAddr("fe80::1")
	n := in.Config.Network(netUID)
	n.Subnets = append(n.Subnets, desired.Subnet{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("fd00::/64")}, Gateway: model.Address{Addr: gateway}})
	elements := find[*object.PortSecurityElements](compiled(t, in, desired.KindNetwork, netUID))
	want := object.PortSecurityElement{Set: object.PortSecurityReserved, Interface: linuxbridge.BridgeName(netUID), Address: gateway}
	if !slices.Contains(elements.Elements, want) {
		t.Errorf("elements %v lack %v", elements.Elements, want)
	}
}

// TestMACPrefixIsKnown: port security has a prefix that is not the default one on every network, also on one without an uplink.
func TestMACPrefixIsKnown(t *testing.T) {
	t.Parallel()
	for _, nic := range []string{"eth0", ""} {
		in := site()
		in.Config.Host().MACPrefix = model.MAC{0x52, 0x54, 1}
		if nic == "" {
			delete(in.Facts.Links, "eth0")
		}
		elements := find[*object.PortSecurityElements](compiled(t, in, desired.KindNetwork, netUID))
		want := object.PortSecurityElement{Set: object.PortSecurityDerived, Interface: linuxbridge.BridgeName(netUID), Address: netip.MustParseAddr("fe80::5054:1ff:fe00:0")}
		if !slices.Contains(elements.Elements, want) {
			t.Errorf("elements %v lack %v", elements.Elements, want)
		}
	}
}

func TestNetworkWithoutNICIsLocal(t *testing.T) {
	t.Parallel()
	in := site()
	delete(in.Facts.Links, "eth0")
	u := compiled(t, in, desired.KindNetwork, netUID)
	if find[*object.VLANDevice](u) != nil || find[*object.LinuxBridge](u) == nil || find[*object.PortSecurityElements](u) == nil || !strings.Contains(u.Pending, "only this host") {
		t.Errorf("pending %q, objects %v", u.Pending, u.Objects)
	}
}

func TestPortIsProtectedFirst(t *testing.T) {
	t.Parallel()
	u := compiled(t, site(), desired.KindPort, portUID)
	elements, port, link := find[*object.PortSecurityElements](u), find[*object.BridgePort](u), find[*object.Link](u)
	if elements == nil || port == nil || link == nil || port.Mute || find[*object.DHCPBinding](u) == nil || find[*object.Announcement](u) == nil {
		t.Fatalf("pending %q, objects %v", u.Pending, u.Objects)
	}
	if len(elements.Elements) != 7 || !slices.Contains(port.DependsOn(), elements.Key()) || !slices.Contains(link.DependsOn(), port.Key()) {
		t.Errorf("elements %v; port after %v, link after %v", elements.Elements, port.DependsOn(), link.DependsOn())
	}
	if a := find[*object.Announcement](u); a.Device != "eth0" || a.VLAN != 101 {
		t.Errorf("it is announced by %s, VLAN %d", a.Device, a.VLAN)
	}
}

func TestStandbyIsMute(t *testing.T) {
	t.Parallel()
	in := site()
	in.Config.Port(portUID).State = desired.StateStandby
	u := compiled(t, in, desired.KindPort, portUID)
	port := find[*object.BridgePort](u)
	if port == nil || !port.Mute || len(port.MACs) > 0 || find[*object.PortSecurityElements](u) != nil || find[*object.DHCPBinding](u) != nil {
		t.Errorf("pending %q, objects %v", u.Pending, u.Objects)
	}
}

func TestPortRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*compile.Input)
		want   string
	}{
		"the host's own NIC": {func(in *compile.Input) { in.Config.Port(portUID).Device = "eth0" }, "is the uplink"},
		"in a bridge that is named as ours are": {func(in *compile.Input) {
			in.Facts.Links["tapweb"] = object.LinkFacts{Kind: "tuntap", Master: linuxbridge.BridgeName(netUID)}
		}, linuxbridge.BridgeName(netUID)},
		"in somebody else's bridge": {func(in *compile.Input) { in.Facts.Links["tapweb"] = object.LinkFacts{Kind: "tuntap", Master: "virbr0"} }, "virbr0"},
	} {
		in := site()
		c.change(&in)
		u := compile.Compile(in, desired.Key{Kind: desired.KindPort, UID: portUID})
		if !strings.Contains(u.Refused, c.want) || len(u.Objects) > 0 {
			t.Errorf("%s: refused %q with objects %v", name, u.Refused, u.Objects)
		}
	}
	in := site()
	in.Facts.Links["tapweb"] = object.LinkFacts{Kind: "tuntap", Master: linuxbridge.BridgeName(netUID), MasterOwner: netUID}
	compiled(t, in, desired.KindPort, portUID)
}
