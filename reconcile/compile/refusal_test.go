package compile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// ask is fixture.Ask.
type ask fixture.Ask

// manyAddresses are n addresses of red.
func manyAddresses(n int) (all []model.Address) {
	for i := range n {
		all = append(all, fixture.Address(fmt.Sprintf("10.1.0.%d", 100+i)))
	}
	return all
}

// TestPortFaults: each fault of a port by itself, and what is just within the bounds.
func TestPortFaults(t *testing.T) {
	t.Parallel()
	port := func(change func(p *desired.Port)) func(compile.Input) {
		return func(in compile.Input) { change(in.Config.Port(fixture.PortWeb)) }
	}
	is := func(a string) func(compile.Input) {
		return port(func(p *desired.Port) { p.Addresses[0] = model.Address{Addr: netip.MustParseAddr(a)} })
	}
	own := fixture.Plain().Config.Port(fixture.PortWeb).MAC
	paired := func(block string, m model.MAC) func(compile.Input) {
		return port(func(p *desired.Port) {
			p.AddressPairs = []desired.AddressPair{{Address: model.AddressBlock{Prefix: netip.MustParsePrefix(block)}, MAC: m}}
		})
	}
	fixture.AskAll(t, fixture.Plain, fixture.Key(desired.KindPort, fixture.PortWeb), []ask{
		{"no uid", port(func(p *desired.Port) { p.UID = "" }), "", "the port has no uid"},
		{"a pair", paired("10.1.0.50/32", model.MAC{0, 0, 0x5e, 0, 1, 0x33}), "", ""},
		{"a pair of every address", paired("0.0.0.0/0", own), "", "allowed address pair 0.0.0.0/0 has addresses that no guest may use"},
		{"a link-local pair", paired("fe80::/64", own), "", "has addresses that no guest may use"},
		{"a pair with host bits", paired("10.1.0.65/28", own), "", "is not in canonical form"},
		{"a pair with the DHCP server", paired("10.1.0.0/28", own), "", "allowed address pair 10.1.0.0/28 has the address of the network's DHCP server"},
		{"a pair with a group's MAC", paired("10.1.0.50/32", model.MAC{1}), "", "MAC is not a unicast address"},
		{"a pair with the servers' MAC", paired("10.1.0.50/32", model.MAC(object.ServerMAC)), "", "is reserved for Weft's own servers"},
		{"a pair with the gateway's MAC", paired("10.1.0.50/32", model.MAC(object.GatewayMAC)), "", "is reserved for routers"},
		{"a pair with another port's MAC", func(in compile.Input) { paired("10.1.0.50/32", in.Config.Port(fixture.PortDB).MAC)(in) }, "",
			"of an allowed address pair belongs to port " + fixture.PortDB},
		{"too many pairs", port(func(p *desired.Port) { p.AddressPairs = make([]desired.AddressPair, 11) }), "", "more than 10 allowed address pairs"},
		{"no MAC", port(func(p *desired.Port) { p.MAC = model.MAC{} }), "", "MAC is not a unicast address"},
		{"neither device nor id", port(func(p *desired.Port) { p.Device, p.InterfaceID = "", "" }), "", "neither a device nor an interface id"},
		{"a long device", port(func(p *desired.Port) { p.Device = strings.Repeat("d", 16) }), "", "is longer than 15 bytes"},
		{"a device as long as can be", port(func(p *desired.Port) { p.Device, p.InterfaceID = strings.Repeat("d", 15), "" }), "waits for device ddddddddddddddd", ""},
		{"a device that is a folder", port(func(p *desired.Port) { p.Device = ".." }), "", `device ".." is no interface name`},
		{"this folder", port(func(p *desired.Port) { p.Device = "." }), "", `device "." is no interface name`},
		{"a device that begins with a dot", port(func(p *desired.Port) { p.Device, p.InterfaceID = ".d", "" }), "waits for device .d", ""},
		{"a long id", port(func(p *desired.Port) { p.InterfaceID = strings.Repeat("i", 256) }), "", "interface id is longer than 255 bytes"},
		{"an id as long as can be", port(func(p *desired.Port) { p.Device, p.InterfaceID = "", strings.Repeat("i", 255) }), "waits for an OVS interface with iface-id", ""},
		{"too many addresses", port(func(p *desired.Port) { p.Addresses = manyAddresses(65) }), "", "more than 64 addresses"},
		{"as many as can be", port(func(p *desired.Port) { p.Addresses = manyAddresses(64) }), "", ""},
		{"no address at all", port(func(p *desired.Port) { p.Addresses[0] = model.Address{} }), "", "is not in canonical form"},
		{"IPv4 in IPv6", is("::ffff:10.1.0.9"), "", "is not in canonical form"},
		{"a zone", is("fd00:1::9%eth0"), "", "is not in canonical form"},
		{"the gateway's", port(func(p *desired.Port) { p.Addresses[0] = model.Address{Addr: object.GatewayLinkLocal} }), "", "is reserved for routers"},
		{"the metadata service's", port(func(p *desired.Port) { p.Addresses[0] = model.Address{Addr: object.MetadataIPv6} }), "", "is reserved for the metadata service"},
		{"the metadata service's IPv4", port(func(p *desired.Port) { p.Addresses[1] = model.Address{Addr: object.MetadataIPv4} }), "", "is reserved for the metadata service"},
		{"unspecified", is("::"), "", "is no address a port can be given"},
		{"loopback", is("127.0.0.1"), "", "is no address a port can be given"},
		{"multicast", is("ff02::1"), "", "is no address a port can be given"},
		{"link-local of IPv6", is("fe80::9"), "", "is no address a port can be given"},
		{"link-local of IPv4", is("169.254.0.9"), "", "is in no subnet of its network"},
		{"the last of its subnet", is("10.1.0.255"), "", ""},
		{"after its subnet", is("10.1.1.0"), "", "is in no subnet of its network"},
		{"the bridge is foreign", func(in compile.Input) { in.Facts.ForeignBridges = map[string]string{"br-int": "x"} }, "waits for the host's bridge", ""},
	})
}

// flatNetwork is a flat network on the fixture's physical network.
func flatNetwork(uid string) *desired.Network {
	n := fixture.Network(uid, "flat", 0, 9)
	n.Type = model.NetworkTypeFlat
	return n
}

// TestNetworkFaults: each fault of a network by itself, and what is just within the bounds.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	net := func(change func(n *desired.Network)) func(compile.Input) {
		return func(in compile.Input) { change(in.Config.Network(fixture.NetRed)) }
	}
	subnets := func(n int) func(compile.Input) {
		return net(func(red *desired.Network) { red.Subnets = make([]desired.Subnet, n) })
	}
	gateway := func(subnet int, address string) func(compile.Input) {
		return net(func(n *desired.Network) { n.Subnets[subnet].Gateway = fixture.Address(address) })
	}
	fixture.AskAll(t, fixture.Plain, fixture.Key(desired.KindNetwork, fixture.NetRed), []ask{
		{"VLAN 0", net(func(n *desired.Network) { n.SegmentationID = 0 }), "", "VLAN id is not between 1 and 4094"},
		{"VLAN 1", net(func(n *desired.Network) { n.SegmentationID = 1 }), "", ""},
		{"VLAN 4094", net(func(n *desired.Network) { n.SegmentationID = 4094 }), "", ""},
		{"flat", net(func(n *desired.Network) { n.Type, n.SegmentationID = model.NetworkTypeFlat, 0 }), "", ""},
		{"flat with a VLAN", net(func(n *desired.Network) { n.Type = model.NetworkTypeFlat }), "", "a flat network has no VLAN id"},
		{"flat without a physical network", net(func(n *desired.Network) { n.Type, n.SegmentationID, n.PhysicalNetwork = model.NetworkTypeFlat, 0, "" }), "",
			"a flat network has no physical network"},
		{"a type of tomorrow", net(func(n *desired.Network) { n.Type = "geneve" }), "", `network type "geneve" is not known to this version`},
		{"the second flat one", func(in compile.Input) {
			for _, uid := range []string{fixture.NetRed, fixture.NetBlue} {
				n := in.Config.Network(uid)
				n.Type, n.SegmentationID = model.NetworkTypeFlat, 0
			}
			in.Config.Put(flatNetwork("00000001-0000-4000-8000-000000000001"))
		}, "", `the untagged segment of physical network "rack" belongs to network 00000001-0000-4000-8000-000000000001`},
		{"MTU 67", net(func(n *desired.Network) { n.MTU = 67 }), "", "MTU is not between 68 and 65535"},
		{"MTU 68", net(func(n *desired.Network) { n.MTU = 68 }), "", ""},
		{"MTU 65535", net(func(n *desired.Network) { n.MTU = 65535 }), "", ""},
		{"MTU 65536", net(func(n *desired.Network) { n.MTU = 65536 }), "", "MTU is not between 68 and 65535"},
		{"64 subnets", subnets(64), "", ""},
		{"65 subnets", subnets(65), "", "more than 64 subnets"},
		{"a gateway on the link", gateway(0, "192.0.2.1"), "", ""},
		{"a link-local gateway", gateway(1, "fe80::1"), "", ""},
		{"the server is the gateway", gateway(1, object.ServerLinkLocal.String()), "", "is reserved for Weft's own servers and routers"},
		{"the metadata service is the gateway", gateway(1, object.MetadataIPv6.String()), "", "is reserved for Weft's own servers and routers"},
		{"a router of ours is the gateway", gateway(1, object.GatewayLinkLocal.String()), "", "is reserved for Weft's own servers and routers"},
		{"a gateway of the other family", gateway(0, "fe80::1"), "", "not of the family of 10.1.0.0/24"},
		{"an IPv6 gateway elsewhere", gateway(1, "2001:db8::1"), "", "is neither in fd00:1::/64 nor link-local"},
		{"the bridge is foreign", func(in compile.Input) { in.Facts.ForeignBridges = map[string]string{"br-int": "x"} }, "waits for the host's bridge", ""},
		{"the driver is unknown", func(in compile.Input) { in.Config.Host().Driver = "tokenring" }, "waits for the host's driver", ""},
		{"no driver is the default", func(in compile.Input) { in.Config.Host().Driver = "" }, "", ""},
		{"another physical network has the VLAN", func(in compile.Input) {
			blue := in.Config.Network(fixture.NetBlue)
			blue.UID, blue.PhysicalNetwork, blue.SegmentationID = fixture.NetBlue, "other", 101
		}, "", ""},
		{"the uplink waits", func(in compile.Input) { delete(in.Facts.Interfaces, "eth1") }, "uplink eth1 of physical network rack: waits for an OpenFlow port number", ""},
		{"the uplink is missing", func(in compile.Input) { delete(in.Facts.Links, "eth1") }, "guests reach only this host: uplink eth1 of physical network rack: waits", ""},
		{"the uplink has got an address", func(in compile.Input) {
			fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")} })
		}, "", ""},
	})
	in := fixture.Plain()
	for _, uid := range []string{"00000000-0000-0000-8000-000000000001", "aaaaaaaa-0000-4000-8000-00000000000", "aaaaaaaa-0000-4000-8000-00000000000g",
		"aaaaaaaa_0000-4000-8000-000000000001", "aaaaaaaa-0000_4000-8000-000000000001", "aaaaaaaa-0000-4000_8000-000000000001",
		"aaaaaaaa-0000-4000-8000_000000000001", "aaaaaaaa-0000-4000-8000-0000000000-1"} {
		fixture.Twin(in, uid)
		in.Index = nil
		fixture.CheckReasons(t, uid, compile.Compile(in, fixture.Key(desired.KindNetwork, uid)), "", "is no UUID with a number of its own")
	}
}
