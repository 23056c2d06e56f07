package desired

import (
	"net/netip"

	"weft/model"
)

// Router is a project's router on a node that has guests of its networks, or, for a centralized one, on a gateway host. The
// slice also holds a Network for each of its legs and for External, and the Neighbors of each leg's network.
type Router struct {
	UID     string `json:"uid"`
	Project string `json:"project"`
	Name    string `json:"name"`
	// Legs are the networks it routes between, in the order of their uids.
	Legs []RouterLeg `json:"legs"`
	// External is the uid of its external network, whose Network in the same slice has a Gateway unless the router is
	// centralized; empty for none.
	External string `json:"external,omitempty"`
	// Central is set on a centralized router, which only the nodes among its Peers have.
	Central *CentralGateway `json:"central,omitempty"`
}

// CentralGateway is what a centralized router is on the wire, on whichever of its nodes is active.
type CentralGateway struct {
	// MAC is the router's own claimed address: all of its legs, the one on the external network included, speak with it.
	MAC model.MAC `json:"mac"`
	// External is its place on the external network: claimed by the router, so that it moves with it. Nil for none.
	External *NodeGateway `json:"external,omitempty"`
	// Peers are the nodes that have the router, in order of precedence, this one among them: the first that is reachable is
	// active. At most MaxGatewayPeers.
	Peers []GatewayPeer `json:"peers"`
	// Watch is the uid of the network on whose segment the peers watch each other: the external one, else the first leg's.
	Watch string `json:"watch"`
}

// GatewayPeer is a node that has a centralized router.
type GatewayPeer struct {
	Node string    `json:"node"`
	MAC  model.MAC `json:"mac"` // its Host.RouterMAC
	// Secret is what the node's BFD packets on the watched network carry where everybody else's have well-known values:
	// SessionSecretSize bytes, in hexadecimal. All peers of a router have one, or none has.
	Secret string `json:"secret,omitempty"`
}

// SessionSecretSize is the length of a GatewayPeer's Secret, in bytes.
const SessionSecretSize = 10

// MaxGatewayPeers bounds the nodes that have one centralized router.
const MaxGatewayPeers = 3

// RouterLeg is the router's place on one network.
type RouterLeg struct {
	Network string `json:"network"` // uid
	// Addresses are the gateway's, one for each subnet, with the subnet's prefix length. They are the same on every host.
	Addresses []netip.Prefix `json:"addresses"`
}

// NodeGateway is this node's own place on an external network.
type NodeGateway struct {
	// Addresses that this node has claimed, at most one for each family, with the subnet's prefix length: what its guests'
	// traffic leaves as.
	Addresses []netip.Prefix `json:"addresses"`
	// NextHops are the routers of the external network, at most one for each family.
	NextHops []model.Address `json:"nextHops,omitempty"`
	// RoutedIPv6 says that guests' IPv6 addresses are not translated: the upstream router routes their prefixes.
	RoutedIPv6 bool `json:"routedIPv6,omitempty"`
	// ConnectionLimits are the external network's; a value that is 0 stands for the default.
	ConnectionLimits model.ConnectionLimits `json:"connectionLimits,omitzero"`
}

// FloatingIP is one floating address on the node of the port it leads to.
type FloatingIP struct {
	UID     string        `json:"uid"`
	Project string        `json:"project"`
	Name    string        `json:"name"`
	Network string        `json:"network"` // uid of the external Network in the same slice
	Address model.Address `json:"address"`
	// Router, Port and Fixed are the uids of router and port, and the port's address that all traffic is translated to and
	// from; empty when Forwards say where it goes.
	Router string        `json:"router,omitempty"`
	Port   string        `json:"port,omitempty"`
	Fixed  model.Address `json:"fixed,omitzero"`
	// Forwards translate single ports instead. All of one floating address lead to ports of this node.
	Forwards []Forward `json:"forwards,omitempty"`
}

// Forward leads ports First to Last of the floating address to as many from ToFirst on of a guest's address.
type Forward struct {
	Protocol string        `json:"protocol"` // "tcp" or "udp"
	First    uint16        `json:"first"`
	Last     uint16        `json:"last"`
	Router   string        `json:"router"` // uid
	Port     string        `json:"port"`   // uid
	To       model.Address `json:"to"`
	ToFirst  uint16        `json:"toFirst"`
}

// Neighbors is a part of who is where on a network that a router of the node leads to: at most 500 entries.
type Neighbors struct {
	UID     string     `json:"uid"`     // the network's, "-" and the part's number
	Network string     `json:"network"` // uid
	Entries []Neighbor `json:"entries"` // in the order of their addresses
}

// Neighbor is the MAC that an address of a guest stands for.
type Neighbor struct {
	Address model.Address `json:"address"`
	MAC     model.MAC     `json:"mac"`
}

// Key implements Item.
func (r *Router) Key() Key { return Key{KindRouter, r.UID} }

// Key implements Item.
func (f *FloatingIP) Key() Key { return Key{KindFloatingIP, f.UID} }

// Key implements Item.
func (n *Neighbors) Key() Key { return Key{KindNeighbors, n.UID} }
