package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Fabric is what joins guests, routers and the wire on a host: the objects that Host.driver chooses between. All else
// (which port may have which device, links, servers, announcements, namespaces and their NAT) is the same on every
// host. A new fabric is a folder with an implementation and its line in the daemon's list.
//
// The methods are pure: they read the site, add to the unit, and say there what they wait for. No guest, leg or uplink
// may hear or be heard before what protects it is in place, which is for each object's own dependencies to say.
type Fabric interface {
	// Host adds what all networks of the host share: the switch, the uplinks, and rules that are the same for all guests.
	Host(b *Builder, s Site)
	// Network adds what one network needs beside its ports and legs: its segment on the wire, and where group frames go.
	// The network is well-formed and has no rival.
	Network(b *Builder, s Site, n *desired.Network)
	// Port adds what joins one guest to its network, with its protection, and says what may be built on it. n is nil while
	// the network is missing or refused: the port may be plugged then, but stays mute, as it does in standby.
	Port(b *Builder, s Site, n *desired.Network, p *desired.Port) Plug
	// Leg joins the host's end of a router's veth to one of its networks. Frames from object.GatewayMAC never cross an
	// uplink in either direction: what the leg sends there leaves with the host's own router MAC, groups, ARP and ND not at all.
	// Of the plug Announce counts: the guests on this host are told of the gateway.
	Leg(b *Builder, s Site, n *desired.Network, leg Leg) Plug
	// ExternalLeg joins the host's end of an external namespace's veth to the external network, like a guest that may use
	// the leg's MAC and speak for itself; with a Gate nothing passes while it is closed. Of the plug Uplink and Announce count: floating addresses are announced there too.
	ExternalLeg(b *Builder, s Site, n *desired.Network, leg Leg) Plug
}

// Plug says how far a guest's device is, for what is built on it.
type Plug struct {
	// Device is the netdev or switch interface; empty while there is none.
	Device string
	Netdev bool // the kernel has a link of that name, so that its MTU can be set and it can be served
	// Up lists what must be in place before the link is brought up.
	Up []object.Key
	// Open says that the guest's frames will pass: its servers start, and its place is announced.
	Open bool
	// Uplink is the netdev that leads to the network's segment; empty while none does. Announce lists what must be in place
	// before the segment, and whoever is on it here, is told that the guest is here.
	Uplink   string
	Announce []object.Key
}

// Leg is one veth that joins a namespace of ours to a network.
type Leg struct {
	OwnerUID string // of the item it is part of
	Device   string // the host's end
	MAC      object.MAC
	// Addresses are those of the inner end, which nobody else on this host's part of the network may claim.
	Addresses []netip.Addr
	// Veth is the pair's key: it is there before its end can be plugged.
	Veth object.Key
	// Gate is set on the legs of centralized routers, all of which are joined by ExternalLeg.
	Gate *Gate
	// Feature tells the flow sets of one owner's legs apart; empty is FeatureExternalLeg.
	Feature string
}

// Site is what a fabric may know while it compiles one item: the desired slice, the host's facts, and the verdicts that do
// not depend on the fabric. It is only read.
type Site struct {
	compiler
	Host *desired.Host
}

// Read is all else that may be known: the items, the facts, and who shares what.
func (s Site) Read() *Reader { return s.read }

// defaultFabrics are what a compiler without any of its own knows.
func defaultFabrics() map[model.Driver]Fabric {
	return map[model.Driver]Fabric{model.DriverOVS: OpenVSwitch{}}
}

// fabric finds the host's fabric; nil when this version has none of that name.
func (c compiler) fabric(h *desired.Host) Fabric {
	if h.Driver == "" {
		return c.fabrics[model.DriverOVS]
	}
	return c.fabrics[h.Driver]
}

// site is the host's fabric with what it may know; false, with the unit pending, while there is no such host.
func (c compiler) site(b *Builder) (Site, Fabric, bool) {
	h := c.declaredHost()
	if h == nil {
		b.Pend("waits for the host's bridge")
		return Site{}, nil, false
	}
	f := c.fabric(h)
	if f == nil {
		b.Pend("waits for the host's driver")
		return Site{}, nil, false
	}
	return Site{compiler: c, Host: h}, f, true
}
