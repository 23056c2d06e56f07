package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Backend is what joins guests, routers and the physical network on a host. Host.driver chooses it. Everything else (which port may
// have which device, links, servers, announcements, namespaces and their NAT) is the same on every host. A new backend is a folder
// with an implementation, and a line in the daemon's list.
//
// The methods are pure. They read the site, add to the result, and say there what they wait for. No guest, router interface or uplink
// may receive or send before its protection is in place. The dependencies of each object ensure this.
type Backend interface {
	// Host adds what all networks of the host share: the switch, the uplinks, and the rules that are the same for all guests.
	Host(b *Builder, s Site)
	// Network adds what one network needs besides its ports and router interfaces: its segment on the physical network, and the
	// destinations of group frames. The network is well-formed and does not conflict with another one.
	Network(b *Builder, s Site, n *desired.Network)
	// Port joins one guest to its network, with its protection. It returns what may be built on it. n is nil while the network is
	// missing or refused. The port may be plugged then, but stays mute, as in standby.
	Port(b *Builder, s Site, n *desired.Network, p *desired.Port) Plug
	// Leg joins the host's end of a router's veth to one of its networks. Frames from object.GatewayMAC never cross an uplink in
	// either direction. What the router interface sends to the physical network leaves with the host's own router MAC; groups, ARP and
	// ND do not leave at all. Of the plug only Announce matters: the guests on this host are told of the gateway.
	RouterInterface(b *Builder, s Site, n *desired.Network, iface RouterInterface) Plug
	// ExternalGateway joins the host's end of a gateway namespace's veth to the external network. It is like a guest that may use the
	// interface's MAC and any source address. The interfaces of a centralized router pass frames only while its failover gate is
	// open. Of the plug Uplink and Announce matter: floating addresses are announced there too.
	ExternalGateway(b *Builder, s Site, n *desired.Network, iface RouterInterface) Plug
	// SecurityGroup adds what the rules of a security group allow its ports. The group is well-formed.
	SecurityGroup(b *Builder, s Site, g *desired.SecurityGroup)
	// GroupMembers adds a shard of the addresses that rules mean when they name a group. The network is here.
	GroupMembers(b *Builder, s Site, m *desired.GroupMembers)
	// FailoverGate says whether the interfaces of a centralized router pass frames on this host, as far as it is known here.
	FailoverGate(s Site, r *desired.Router) FailoverGate
}

// Plug says how far a guest's device is joined, for what is built on it.
type Plug struct {
	// Device is the netdev or switch interface; empty while there is none.
	Device string
	Netdev bool // the kernel has a link of that name, so that its MTU can be set and it can be served
	// Up lists what must be in place before the link is brought up.
	Up []object.Key
	// Polices says that the guest's device must limit all by itself: the backend limits neither what the guest sends nor packets.
	Polices bool
	// QdiscAfter lists what must be in place before the limits on the device, because making it removes them.
	QdiscAfter []object.Key
	// Open says that the guest's frames will pass. Its servers start, and it is announced.
	Open bool
	// Uplink is the netdev that leads to the network's segment; empty while there is none. Announce lists what must be in place
	// before the guest is announced, on the segment and to the others of the network here.
	Uplink   string
	Announce []object.Key
}

// Leg is a veth that joins one of our namespaces to a network.
type RouterInterface struct {
	OwnerUID string // of the item it is part of
	Device   string // the host's end
	MAC      object.MAC
	// Addresses are those of the inner end. Nobody else on this host's part of the network may use them.
	Addresses []netip.Addr
	// Veth is the key of the pair, which must exist before its end can be plugged.
	Veth object.Key
	// Central is the centralized router that the interface belongs to; nil for all others. ExternalGateway joins all interfaces of such
	// a router.
	Central *desired.Router
}

// Compiler has everything that compiling one item may use. It serves one call.
type Compiler struct {
	read     *Reader
	backends map[model.Driver]Backend
}

// Reader reads the node config and the facts, and records what was asked for.
func (c Compiler) Reader() *Reader { return c.read }

// Site is what a backend may use while it compiles one item: the node config, the host's facts, and the decisions that do not
// depend on the backend. It is only read.
type Site struct {
	Compiler
	Host    *desired.Host
	backend Backend
}

// FailoverGate is between a centralized router's interfaces on this host and their networks. Frames pass only while the router is
// active here.
type FailoverGate struct {
	// GatewayRole is the router's role, as far as it is known here.
	GatewayRole
	// Met says how often this host has met each of the others. It changes when a host is heard again, which may have opened its own
	// failover gate meanwhile, and not when one falls silent.
	Met string
}

// openFailoverGate is that of a distributed router, which is active on every host.
func openFailoverGate() FailoverGate { return FailoverGate{GatewayRole: GatewayRole{Active: true}} }
