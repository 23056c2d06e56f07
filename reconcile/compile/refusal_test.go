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
)

// ask is one unusual state of a host or its items, with what the unit of a key must say then.
type ask struct {
	name             string
	make             func(in compile.Input)
	pending, refused string // substrings; empty: the unit must have none
}

// all compiles the key in a fresh fixture for each case.
func all(t *testing.T, fixture func() compile.Input, k desired.Key, cases []ask) {
	t.Helper()
	for _, c := range cases {
		in := fixture()
		c.make(in)
		u := compile.Compile(in, k)
		verdict(t, c.name, u, c.pending, c.refused)
		if c.refused != "" && k.Kind != desired.KindHost && k.Kind != desired.KindNeighbors && k.Kind != desired.KindRouter && len(u.Objects) > 0 {
			t.Errorf("%s: refused, and has %d objects", c.name, len(u.Objects))
		}
	}
}

// manyAddresses are n addresses of red.
func manyAddresses(n int) (all []model.Address) {
	for i := range n {
		all = append(all, address(fmt.Sprintf("10.1.0.%d", 100+i)))
	}
	return all
}

// TestPortFaults: each fault of a port by itself, and what is just within the bounds.
func TestPortFaults(t *testing.T) {
	t.Parallel()
	port := func(change func(p *desired.Port)) func(compile.Input) {
		return func(in compile.Input) { change(in.Config.Port(portWeb)) }
	}
	is := func(a string) func(compile.Input) {
		return port(func(p *desired.Port) { p.Addresses[0] = model.Address{Addr: netip.MustParseAddr(a)} })
	}
	all(t, fixture, key(desired.KindPort, portWeb), []ask{
		{"no uid", port(func(p *desired.Port) { p.UID = "" }), "", "the port has no uid"},
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

// TestWhatTheHostNeedsIsNoGuests: an adopted interface, or a device, that the host itself needs.
func TestWhatTheHostNeedsIsNoGuests(t *testing.T) {
	t.Parallel()
	all(t, routed, key(desired.KindPort, portWeb), []ask{
		{"an external network's device", func(in compile.Input) { in.Config.Port(portWeb).Device = compile.ExternalLegDevice(netPublic) }, "", "is an external network's"},
		{"a device with an address", func(in compile.Input) {
			delete(in.Facts.Interfaces, "tapweb")
			link(in, "tapweb", func(l *object.LinkFacts) { l.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")} })
		}, "", "device tapweb carries address 192.0.2.9/24"},
		{"a device with the default route", func(in compile.Input) {
			delete(in.Facts.Interfaces, "tapweb")
			link(in, "tapweb", func(l *object.LinkFacts) { l.DefaultRoute = true })
		}, "", "device tapweb carries the default route"},
		{"a device that is plugged already may be up and have anything", func(in compile.Input) {
			link(in, "tapweb", func(l *object.LinkFacts) { l.Kind, l.Master = "device", "ovs-system" })
		}, "", ""},
		{"netkit", func(in compile.Input) {
			delete(in.Facts.Interfaces, "tapweb")
			link(in, "tapweb", func(l *object.LinkFacts) { l.Kind = "netkit" })
		}, "OpenFlow port number", ""},
	})
	all(t, fixture, key(desired.KindPort, portDB), []ask{
		{"the adopted one is the uplink", func(in compile.Input) {
			delete(in.Facts.Interfaces, "vnet7")
			iface(in, "eth1", func(i *object.InterfaceFacts) { i.Created, i.OwnerUID, i.InterfaceID = false, "", "if-tapdb" })
		}, "", "device eth1 is the uplink of physical network rack"},
		{"the adopted one is the bridge", func(in compile.Input) {
			delete(in.Facts.Interfaces, "vnet7")
			in.Facts.Interfaces["br-int"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 65534, InterfaceID: "if-tapdb"}
		}, "", "device br-int is the host's bridge"},
		{"the adopted one has no number", func(in compile.Input) {
			iface(in, "vnet7", func(i *object.InterfaceFacts) { i.OFPort, i.Error = 0, "busy" })
		}, `waits for an OpenFlow port number of vnet7: OVS says "busy"`, ""},
		{"a number that is none", func(in compile.Input) { iface(in, "vnet7", func(i *object.InterfaceFacts) { i.OFPort = 0xff00 }) },
			"waits for an OpenFlow port number of vnet7", ""},
		{"the highest number", func(in compile.Input) { iface(in, "vnet7", func(i *object.InterfaceFacts) { i.OFPort = 0xfeff }) }, "", ""},
	})
}

// TestNetworkFaults: each fault of a network by itself, and what is just within the bounds.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	net := func(change func(n *desired.Network)) func(compile.Input) {
		return func(in compile.Input) { change(in.Config.Network(netRed)) }
	}
	subnets := func(n int) func(compile.Input) {
		return net(func(red *desired.Network) { red.Subnets = make([]desired.Subnet, n) })
	}
	all(t, fixture, key(desired.KindNetwork, netRed), []ask{
		{"VLAN 0", net(func(n *desired.Network) { n.SegmentationID = 0 }), "", "VLAN id is not between 1 and 4094"},
		{"VLAN 1", net(func(n *desired.Network) { n.SegmentationID = 1 }), "", ""},
		{"VLAN 4094", net(func(n *desired.Network) { n.SegmentationID = 4094 }), "", ""},
		{"MTU 67", net(func(n *desired.Network) { n.MTU = 67 }), "", "MTU is not between 68 and 65535"},
		{"MTU 68", net(func(n *desired.Network) { n.MTU = 68 }), "", ""},
		{"MTU 65535", net(func(n *desired.Network) { n.MTU = 65535 }), "", ""},
		{"MTU 65536", net(func(n *desired.Network) { n.MTU = 65536 }), "", "MTU is not between 68 and 65535"},
		{"64 subnets", subnets(64), "", ""},
		{"65 subnets", subnets(65), "", "more than 64 subnets"},
		{"the bridge is foreign", func(in compile.Input) { in.Facts.ForeignBridges = map[string]string{"br-int": "x"} }, "waits for the host's bridge", ""},
		{"the driver is unknown", func(in compile.Input) { in.Config.Host().Driver = "tokenring" }, "waits for the host's driver", ""},
		{"no driver is the default", func(in compile.Input) { in.Config.Host().Driver = "" }, "", ""},
		{"another physical network has the VLAN", func(in compile.Input) {
			blue := in.Config.Network(netBlue)
			blue.UID, blue.PhysicalNetwork, blue.SegmentationID = netBlue, "other", 101
		}, "", ""},
		{"the uplink waits", func(in compile.Input) { delete(in.Facts.Interfaces, "eth1") }, "uplink eth1 of physical network rack: waits for an OpenFlow port number", ""},
		{"the uplink is missing", func(in compile.Input) { delete(in.Facts.Links, "eth1") }, "guests reach only this host: uplink eth1 of physical network rack: waits", ""},
		{"the uplink has got an address", func(in compile.Input) {
			link(in, "eth1", func(l *object.LinkFacts) { l.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")} })
		}, "", ""},
	})
	in := fixture()
	for _, uid := range []string{"00000000-0000-0000-8000-000000000001", "aaaaaaaa-0000-4000-8000-00000000000", "aaaaaaaa-0000-4000-8000-00000000000g",
		"aaaaaaaa_0000-4000-8000-000000000001", "aaaaaaaa-0000_4000-8000-000000000001", "aaaaaaaa-0000-4000_8000-000000000001",
		"aaaaaaaa-0000-4000-8000_000000000001", "aaaaaaaa-0000-4000-8000-0000000000-1"} {
		twin(in, uid)
		in.Index = nil
		verdict(t, uid, compile.Compile(in, key(desired.KindNetwork, uid)), "", "is no UUID with a number of its own")
	}
}

// TestUplinkFaults: an uplink that the host needs, or that is declared wrongly, is not used. The bridge and the others stay.
func TestUplinkFaults(t *testing.T) {
	t.Parallel()
	second := func(up desired.Uplink) func(compile.Input) {
		return func(in compile.Input) {
			in.Config.Host().Uplinks = append(in.Config.Host().Uplinks, up)
			in.Facts.Links["eth2"] = object.LinkFacts{MTU: 1500}
			in.Facts.Interfaces["eth2"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 2, OwnerUID: hostUID, Created: true}
		}
	}
	all(t, fixture, key(desired.KindHost, hostUID), []ask{
		{"two of one physical network", second(desired.Uplink{PhysicalNetwork: "rack", Interface: "eth2"}), "", "the physical network has uplink eth1 already"},
		{"two of two", second(desired.Uplink{PhysicalNetwork: "other", Interface: "eth2"}), "", ""},
		{"the bridge itself", second(desired.Uplink{PhysicalNetwork: "other", Interface: "br-int"}), "", "uplink br-int of physical network other: it is the bridge itself"},
		{"without a name", second(desired.Uplink{PhysicalNetwork: "other"}), "", `uplink "" of physical network other: the name is empty`},
		{"a star", second(desired.Uplink{PhysicalNetwork: "other", Interface: "eth*"}), "", "the name holds a byte"},
		{"no number", func(in compile.Input) {
			iface(in, "eth1", func(i *object.InterfaceFacts) { i.OFPort, i.Error = 0, "busy" })
		}, `uplink eth1 of physical network rack: waits for an OpenFlow port number: OVS says "busy"`, ""},
		{"enslaved to the datapath", func(in compile.Input) { link(in, "eth1", func(l *object.LinkFacts) { l.Master = "ovs-system" }) }, "", ""},
		{"the road to etcd, without address", func(in compile.Input) { link(in, "eth1", func(l *object.LinkFacts) { l.EtcdRoute = true }) },
			"is in use by guests but carries the road to etcd", ""},
		{"no bridge", func(in compile.Input) { in.Config.Host().Bridge = "" }, "", `bridge "" is empty`},
		{"a bridge with a long name", func(in compile.Input) { in.Config.Host().Bridge = "br-" + strings.Repeat("é", 40) }, "", `\u00e9`},
	})
	in := fixture()
	in.Config.Host().Bridge = strings.Repeat("b", 200)
	if u := compile.Compile(in, key(desired.KindHost, hostUID)); !strings.Contains(u.Refused, `"`+strings.Repeat("b", 64)+`"…`) {
		t.Errorf("a name of 200 bytes is told as %s", u.Refused)
	}
}
