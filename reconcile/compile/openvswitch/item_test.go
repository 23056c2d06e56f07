package openvswitch_test

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

// change is one unusual state of a host or its items, with what the result of a key must say then.
type change struct {
	name             string
	make             func(in compile.Input)
	key              desired.Key
	pending, refused string // substrings; empty: the result must have none
	kinds            string // of the objects, in order
}

const fullPort = "ovs-port meter flow-set silent-device qdisc link dhcp-binding ra-binding metadata-binding announcement"

func (c change) run(t *testing.T) {
	t.Helper()
	in := fixture.Plain()
	c.make(in)
	u := compile.Compile(in, c.key)
	fixture.CheckReasons(t, c.name, u, c.pending, c.refused)
	var kinds []string
	for _, o := range u.Objects {
		kinds = append(kinds, string(o.Key().Kind))
	}
	if got := strings.Join(kinds, " "); got != c.kinds {
		t.Errorf("%s: objects are %q, want %q", c.name, got, c.kinds)
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	k := fixture.Key(desired.KindHost, fixture.HostUID)
	unplugged := func(in compile.Input) { delete(in.Facts.Interfaces, "eth1") }
	for _, c := range []change{
		{name: "as is", make: func(compile.Input) {}, key: k, kinds: "host-filter bridge silent-device uplink tag-filter silent-device link flow-set"},
		{name: "address", key: k, refused: "uplink eth1 of physical network rack carries address 203.0.113.5/24", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) {
				unplugged(in)
				fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.Addresses = []netip.Prefix{netip.MustParsePrefix("203.0.113.5/24")} })
			}},
		{name: "route to etcd", key: k, refused: "eth0 of physical network rack carries the route to etcd and address 192.0.2.11/24", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) { in.Config.Host().Uplinks[0].Interface = "eth0" }},
		{name: "default route", key: k, refused: "carries the default route", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) {
				unplugged(in)
				fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.DefaultRoute = true })
			}},
		{name: "enslaved", key: k, refused: "is enslaved to bond0", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) {
				unplugged(in)
				fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.Master = "bond0" })
			}},
		{name: "other bridge", key: k, refused: "is a port of OVS bridge br-ex", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) {
				fixture.Interface(in, "eth1", func(i *object.InterfaceFacts) { i.Bridge = "br-ex" })
			}},
		{name: "ours already and addressed", key: k, pending: "is in use by guests but carries address", kinds: "host-filter bridge silent-device uplink tag-filter link flow-set",
			make: func(in compile.Input) {
				fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.Addresses = []netip.Prefix{netip.MustParsePrefix("203.0.113.5/24")} })
			}},
		{name: "not plugged yet", key: k, pending: "waits for an OpenFlow port number", kinds: "host-filter bridge silent-device uplink tag-filter silent-device link flow-set", make: unplugged},
		{name: "missing", key: k, pending: "waits for the interface to appear", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) { delete(in.Facts.Links, "eth1") }},
		{name: "hostile name", key: k, refused: "no interface name may have", kinds: "host-filter bridge silent-device flow-set",
			make: func(in compile.Input) { in.Config.Host().Uplinks[0].Interface = "eth1;reboot" + "\n" }},
		{name: "second with the same interface", key: k, refused: "is the uplink of physical network rack already", kinds: "host-filter bridge silent-device uplink tag-filter silent-device link flow-set",
			make: func(in compile.Input) {
				in.Config.Host().Uplinks = append(in.Config.Host().Uplinks, desired.Uplink{PhysicalNetwork: "other", Interface: "eth1"})
			}},
		{name: "foreign bridge", key: k, refused: "bridge br-int is not Weft's: made by others", kinds: "host-filter",
			make: func(in compile.Input) { in.Facts.ForeignBridges = map[string]string{"br-int": "made by others"} }},
		{name: "unknown driver", key: k, refused: `driver "tokenring"`, kinds: "",
			make: func(in compile.Input) { in.Config.Host().Driver = "tokenring" }},
	} {
		c.run(t)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	red, blue := fixture.Key(desired.KindNetwork, fixture.NetRed), fixture.Key(desired.KindNetwork, fixture.NetBlue)
	for _, c := range []change{
		{name: "as is", make: func(compile.Input) {}, key: red, kinds: "flow-set"},
		{name: "no uplink", key: red, pending: `no uplink to physical network "rack"`, kinds: "flow-set",
			make: func(in compile.Input) { in.Config.Host().Uplinks = nil }},
		{name: "uplink refused", key: red, pending: "only this host: uplink eth0 of physical network rack carries the route to etcd", kinds: "flow-set",
			make: func(in compile.Input) { in.Config.Host().Uplinks[0].Interface = "eth0" }},
		{name: "no host", key: red, pending: "waits for the host's bridge", make: func(in compile.Input) { in.Config.Remove(in.Config.Host().Key()) }},
		{name: "same VLAN", key: blue, refused: "belongs to network " + fixture.NetRed,
			make: func(in compile.Input) { in.Config.Network(fixture.NetBlue).SegmentationID = 101 }},
		{name: "the first keeps the VLAN", key: red, kinds: "flow-set",
			make: func(in compile.Input) { in.Config.Network(fixture.NetBlue).SegmentationID = 101 }},
		{name: "VLAN out of range", key: red, refused: "VLAN id", make: func(in compile.Input) { in.Config.Network(fixture.NetRed).SegmentationID = 4095 }},
		{name: "unknown type", key: red, refused: `type "vxlan"`, make: func(in compile.Input) { in.Config.Network(fixture.NetRed).Type = "vxlan" }},
		{name: "MTU", key: red, refused: "MTU", make: func(in compile.Input) { in.Config.Network(fixture.NetRed).MTU = 0 }},
		{name: "another number", key: fixture.Key(desired.KindNetwork, "aaaaaaaa-0000-4001-8000-000000000001"), kinds: "flow-set",
			make: func(in compile.Input) { fixture.Twin(in, "aaaaaaaa-0000-4001-8000-000000000001") }},
		{name: "number collides", key: fixture.Key(desired.KindNetwork, "aaaaaaaa-0000-4000-8000-000000000009"), refused: "its number on this host",
			make: func(in compile.Input) { fixture.Twin(in, "aaaaaaaa-0000-4000-8000-000000000009") }},
		{name: "uid is no UUID", key: fixture.Key(desired.KindNetwork, "../../etc"), refused: "no UUID",
			make: func(in compile.Input) { fixture.Twin(in, "../../etc") }},
	} {
		c.run(t)
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	web, db, blue := fixture.Key(desired.KindPort, fixture.PortWeb), fixture.Key(desired.KindPort, fixture.PortDB), fixture.Key(desired.KindPort, fixture.PortBlue)
	p := func(in compile.Input) *desired.Port { return in.Config.Port(fixture.PortWeb) }
	for _, c := range []change{
		{name: "as is", make: func(compile.Input) {}, key: web, kinds: fullPort},
		{name: "waits", make: func(compile.Input) {}, key: blue, pending: `waits for device tapblue or an OVS interface with iface-id "if-tapblue"`},
		{name: "no OpenFlow port yet", key: web, pending: "waits for an OpenFlow port number of tapweb", kinds: "ovs-port silent-device qdisc",
			make: func(in compile.Input) { delete(in.Facts.Interfaces, "tapweb") }},
		{name: "OVS error", key: web, pending: `OVS says "could not open"`, kinds: "ovs-port silent-device qdisc",
			make: func(in compile.Input) {
				fixture.Interface(in, "tapweb", func(i *object.InterfaceFacts) { i.OFPort, i.Error = 0, "could not open" })
			}},
		{name: "device gone", key: web, pending: "waits for device tapweb", make: func(in compile.Input) { delete(in.Facts.Links, "tapweb") }},
		{name: "no network", key: web, pending: "waits for network", kinds: "ovs-port silent-device", make: func(in compile.Input) { in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: fixture.NetRed}) }},
		{name: "no uplink", key: web, kinds: fullPort, make: func(in compile.Input) { in.Config.Host().Uplinks = nil }},
		{name: "adopted", make: func(compile.Input) {}, key: db, kinds: fullPort},
		{name: "adopted, no netdev", key: db, pending: "vnet7 is no netdev", kinds: "ovs-port meter flow-set announcement",
			make: func(in compile.Input) { delete(in.Facts.Links, "vnet7") }},
		{name: "iface-id on another bridge", key: db, pending: `is on bridge "br-ex"`,
			make: func(in compile.Input) {
				fixture.Interface(in, "vnet7", func(i *object.InterfaceFacts) { i.Bridge = "br-ex" })
			}},
		{name: "iface-id twice", key: db, refused: "OVS interfaces vnet7 and vnet8 carry the same iface-id",
			make: func(in compile.Input) { in.Facts.Interfaces["vnet8"] = in.Facts.Interfaces["vnet7"] }},
		{name: "device plugged by somebody else", key: web, pending: `somebody else made, with iface-id "x"`,
			make: func(in compile.Input) {
				in.Facts.Interfaces["tapweb"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 9, InterfaceID: "x"}
			}},
		{name: "device is the uplink", key: web, refused: "is the uplink", make: func(in compile.Input) { p(in).Device = "eth1" }},
		{name: "device is the management link", key: web, refused: "carries the route to etcd", make: func(in compile.Input) { p(in).Device = "eth0" }},
		{name: "device is a spare NIC", key: web, refused: "device eth2 is a NIC of the host",
			make: func(in compile.Input) {
				p(in).Device = "eth2"
				in.Facts.Links["eth2"] = object.LinkFacts{Kind: "device"}
			}},
		{name: "device is the host's bond", key: web, refused: "device bond0 is a bond of the host",
			make: func(in compile.Input) {
				p(in).Device = "bond0"
				in.Facts.Links["bond0"] = object.LinkFacts{Kind: "bond"}
			}},
		{name: "device is a tap", key: web, pending: "OpenFlow port number", kinds: "ovs-port silent-device qdisc",
			make: func(in compile.Input) {
				p(in).Device = "tap9"
				in.Facts.Links["tap9"] = object.LinkFacts{Kind: "tuntap"}
			}},
		{name: "device is the bridge", key: web, refused: "bridge",
			make: func(in compile.Input) { p(in).Device = "br-int"; in.Facts.Links["br-int"] = object.LinkFacts{} }},
		{name: "hostile device", key: web, refused: "no interface name may have", make: func(in compile.Input) { p(in).Device = "a/../b" }},
		{name: "server MAC", key: web, refused: "reserved", make: func(in compile.Input) { p(in).MAC = model.MAC(object.ServerMAC) }},
		{name: "group MAC", key: web, refused: "unicast", make: func(in compile.Input) { p(in).MAC = model.MAC{1, 2, 3, 4, 5, 6} }},
		{name: "server's address", key: web, refused: "DHCP server", make: func(in compile.Input) { p(in).Addresses[1] = fixture.Address("10.1.0.2") }},
		{name: "server's link-local", key: web, refused: "reserved",
			make: func(in compile.Input) { p(in).Addresses[0] = model.Address{Addr: object.ServerLinkLocal} }},
		{name: "multicast address", key: web, refused: "no address a port can be given", make: func(in compile.Input) { p(in).Addresses[1] = fixture.Address("224.0.0.1") }},
		{name: "address elsewhere", key: web, refused: "in no subnet", make: func(in compile.Input) { p(in).Addresses[1] = fixture.Address("192.0.2.1") }},
		{name: "address twice", key: web, refused: "listed twice", make: func(in compile.Input) { p(in).Addresses[1] = p(in).Addresses[0] }},
		{name: "unknown state", key: web, refused: "state", make: func(in compile.Input) { p(in).State = "half" }},
		{name: "same MAC, second", key: db, refused: "MAC fa:16:3e:00:01:0a belongs to port " + fixture.PortWeb,
			make: func(in compile.Input) { in.Config.Port(fixture.PortDB).MAC = p(in).MAC }},
		{name: "same MAC, first", key: web, kinds: fullPort, make: func(in compile.Input) { in.Config.Port(fixture.PortDB).MAC = p(in).MAC }},
		{name: "same device, who is plugged keeps it", key: web, kinds: fullPort,
			make: func(in compile.Input) {
				early := fixture.Port("00000000-0000-4000-8000-000000000001", fixture.NetRed, "tapweb", 1, 77)
				in.Config.Put(early)
			}},
		{name: "same device, the other is refused", key: fixture.Key(desired.KindPort, "00000000-0000-4000-8000-000000000001"), refused: "device tapweb belongs to port " + fixture.PortWeb,
			make: func(in compile.Input) {
				early := fixture.Port("00000000-0000-4000-8000-000000000001", fixture.NetRed, "tapweb", 1, 77)
				in.Config.Put(early)
			}},
		{name: "a faulty rival takes nothing", key: db, kinds: fullPort,
			make: func(in compile.Input) { p(in).InterfaceID, p(in).State = "if-tapdb", "half" }},
	} {
		c.run(t)
	}
}
