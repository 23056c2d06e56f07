package compile_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
	"weft/reconcile/compile/openvswitch"
)

// uids of the fixture. The first halves of the networks' uids are their numbers.
const (
	hostUID  = "00000000-0000-4000-8000-0000000000ff"
	netRed   = "aaaaaaaa-0000-4000-8000-000000000001"
	netBlue  = "bbbbbbbb-0000-4000-8000-000000000002"
	portWeb  = "10000000-0000-4000-8000-000000000001"
	portDB   = "20000000-0000-4000-8000-000000000002"
	portMove = "30000000-0000-4000-8000-000000000003"
	portBlue = "40000000-0000-4000-8000-000000000004"
)

func key(k desired.Kind, uid string) desired.Key { return desired.Key{Kind: k, UID: uid} }

func address(s string) model.Address { return model.Address{Addr: netip.MustParseAddr(s)} }
func prefix(s string) model.Prefix   { return model.Prefix{Prefix: netip.MustParsePrefix(s)} }

func mac(s string) model.MAC {
	m, err := model.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

func network(uid, name string, vlan uint16, octet int) *desired.Network {
	return &desired.Network{
		UID: uid, Project: "alpha", Name: name, Type: model.NetworkTypeVLAN, PhysicalNetwork: "rack", SegmentationID: vlan, MTU: 1450,
		Subnets: []desired.Subnet{
			{CIDR: prefix(fmt.Sprintf("10.%d.0.0/24", octet)), Gateway: address(fmt.Sprintf("10.%d.0.1", octet)),
				DHCPServer: address(fmt.Sprintf("10.%d.0.2", octet))},
			{CIDR: prefix(fmt.Sprintf("fd00:%d::/64", octet))},
		},
		DHCP: desired.DHCP{
			DNSServers: []model.Address{address("192.0.2.53"), address("2001:db8::53")}, NTPServers: []model.Address{address("192.0.2.123")},
			Domain: "alpha.test", MTU: 1450, LeaseSeconds: 3600,
			Routes: []model.Route{{Destination: prefix("198.51.100.0/24"), NextHop: address(fmt.Sprintf("10.%d.0.1", octet))}},
		},
	}
}

func port(uid, network, device string, octet, last int) *desired.Port {
	return &desired.Port{
		UID: uid, Project: "alpha", Name: device, Network: network, MAC: mac(fmt.Sprintf("fa:16:3e:00:%02x:%02x", octet, last)),
		Addresses: []model.Address{address(fmt.Sprintf("fd00:%d::%x", octet, last)), address(fmt.Sprintf("10.%d.0.%d", octet, last))},
		Device:    device, InterfaceID: "if-" + device, Hostname: "host-" + device, State: desired.StateActive,
	}
}

// fixture is a host with two networks. red has a port that Weft plugged, one that libvirt plugged, and one in standby. blue has a
// port that nobody plugged.
func fixture() compile.Input {
	moving := port(portMove, netRed, "tapmove", 1, 30)
	moving.State, moving.Migration = desired.StateStandby, 7
	return compile.Input{
		Backends: map[model.Driver]compile.Backend{model.DriverOVS: openvswitch.Backend{}, model.DriverBridge: linuxbridge.Backend{}},
		Config: desired.NewNodeConfig(
			&desired.Host{UID: hostUID, Name: "h1", Driver: model.DriverOVS, Bridge: "br-int",
				Uplinks: []desired.Uplink{{PhysicalNetwork: "rack", Interface: "eth1", MTU: 1500}}},
			network(netRed, "red", 101, 1), network(netBlue, "blue", 102, 2),
			port(portWeb, netRed, "tapweb", 1, 10), port(portDB, netRed, "tapdb", 1, 20), moving, port(portBlue, netBlue, "tapblue", 2, 40),
		),
		Facts: &object.Facts{
			DatapathType: "netdev",
			Links: map[string]object.LinkFacts{
				"eth0":    {Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")}, DefaultRoute: true, EtcdRoute: true, MTU: 1500},
				"eth1":    {MTU: 1500, Up: true},
				"tapweb":  {MTU: 1500},
				"vnet7":   {MTU: 1500, Up: true},
				"tapmove": {MTU: 1500},
			},
			Interfaces: map[string]object.InterfaceFacts{
				"eth1":    {Bridge: "br-int", OFPort: 1, OwnerUID: hostUID, Created: true},
				"tapweb":  {Bridge: "br-int", OFPort: 5, OwnerUID: portWeb, Created: true, InterfaceID: "if-tapweb"},
				"vnet7":   {Bridge: "br-int", OFPort: 6, InterfaceID: "if-tapdb"},
				"tapmove": {Bridge: "br-int", OFPort: 7, OwnerUID: portMove, Created: true, InterfaceID: "if-tapmove"},
			},
		},
	}
}

// text writes a unit for people and goldens.
func text(u compile.Unit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", u.Key.Kind, u.Key.UID)
	if u.Pending != "" {
		fmt.Fprintf(&b, "pending: %s\n", u.Pending)
	}
	if u.Refused != "" {
		fmt.Fprintf(&b, "refused: %s\n", u.Refused)
	}
	for _, o := range u.Objects {
		set, ok := o.(*object.FlowSet)
		if !ok {
			fmt.Fprintf(&b, "%s %+v\n", o.Key(), o)
			continue
		}
		fmt.Fprintf(&b, "%s owner=%s feature=%s after=%v\n", o.Key(), set.OwnerUID, set.Feature, set.After)
		for _, f := range set.Flows {
			fmt.Fprintf(&b, "    %s\n", f)
		}
	}
	return b.String()
}

// noted compiles an item and records in the index what it was made of.
func noted(in compile.Input, k desired.Key) compile.Unit {
	u := compile.Compile(in, k)
	in.Index.Compiled(u)
	return u
}

// indexed is an index in which all items are compiled.
func indexed(in compile.Input) *compile.Index {
	in.Index = compile.NewIndex(in.Config, in.Facts)
	for _, k := range in.Config.Keys() {
		noted(in, k)
	}
	return in.Index
}

// dependents lists what must be compiled again when the item changes.
func dependents(in compile.Input, k desired.Key) []desired.Key {
	return indexed(in).Update(in.Config, k)
}

// byDevice lists what must be compiled again when the device's facts change. A device that does not exist appears.
func byDevice(in compile.Input, device string) []desired.Key {
	x := indexed(in)
	other := *in.Facts
	other.Links, other.Interfaces = maps.Clone(in.Facts.Links), maps.Clone(in.Facts.Interfaces)
	link := other.Links[device]
	link.Index += 999
	other.Links[device] = link
	if i, there := other.Interfaces[device]; there {
		i.OFPort += 999
		other.Interfaces[device] = i
	}
	return x.Observe(&other, []string{device})
}

// uids lists the items of a kind, in order.
func uids(c *desired.NodeConfig, of desired.Kind) (all []string) {
	for _, k := range c.Keys() {
		if k.Kind == of {
			all = append(all, k.UID)
		}
	}
	return all
}

// clearKinds removes all items of the kinds.
func clearKinds(c *desired.NodeConfig, kinds ...desired.Kind) {
	for k := range c.All() {
		if slices.Contains(kinds, k.Kind) {
			c.Remove(k)
		}
	}
}
