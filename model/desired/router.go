package desired

import (
	"net/netip"

	"weft/model"
)

// Router is a project's router. A distributed one is on a node that has guests of its networks; a centralized one is on a gateway
// host. The slice also has a Network for each leg and for External, and the Neighbors of each leg's network.
type Router struct {
	UID     string `json:"uid"`
	Project string `json:"project"`
	Name    string `json:"name"`
	// Legs are the router's interfaces on its networks, in the order of the networks' uids.
	Legs []RouterLeg `json:"legs"`
	// External is the uid of its external network; empty for none. This Network in the same slice has a Gateway, unless the router
	// is centralized.
	External string `json:"external,omitempty"`
	// Central is set on a centralized router, which is only on the nodes among its Peers.
	Central *CentralGateway `json:"central,omitempty"`
}

// CentralGateway has the MAC, addresses and nodes of a centralized router. They are the same on whichever of its nodes is active.
type CentralGateway struct {
	// MAC is the router's own claimed MAC. All of its legs use it, including the one on the external network.
	MAC model.MAC `json:"mac"`
	// External is its gateway on the external network. The router itself claims the addresses, so that they move with it. Nil for
	// none.
	External *NodeGateway `json:"external,omitempty"`
	// Peers are the nodes that have the router, this one included, in order of precedence. The first one that is reachable is
	// active. There are at most MaxGatewayPeers.
	Peers []GatewayPeer `json:"peers"`
	// Watch is the uid of the network on whose segment the peers watch each other: the external network, otherwise the network of
	// the first leg.
	Watch string `json:"watch"`
}

// GatewayPeer is a node that has a centralized router.
type GatewayPeer struct {
	Node string    `json:"node"`
	MAC  model.MAC `json:"mac"` // its Host.RouterMAC
	// Secret is what the node's BFD packets on the watched network carry in the place of well-known values: SessionSecretSize
	// bytes, in hexadecimal. Either all peers of a router have one, or none has.
	Secret string `json:"secret,omitempty"`
}

// SessionSecretSize is the length of a GatewayPeer's Secret, in bytes.
const SessionSecretSize = 10

// MaxGatewayPeers bounds the nodes that have one centralized router.
const MaxGatewayPeers = 3

// RouterLeg is the router's interface on one network.
type RouterLeg struct {
	Network string `json:"network"` // uid
	// Addresses are the gateway's addresses, one for each subnet, with the prefix length of the subnet. They are the same on every
	// host.
	Addresses []netip.Prefix `json:"addresses"`
}

// NodeGateway is the gateway on an external network: the node's own for its distributed routers, or that of a centralized router.
type NodeGateway struct {
	// Addresses are those that the node or the centralized router has claimed, at most one for each family, with the prefix length
	// of the subnet. Guests' traffic leaves with them as source.
	Addresses []netip.Prefix `json:"addresses"`
	// NextHops are the upstream routers of the external network, at most one for each family.
	NextHops []model.Address `json:"nextHops,omitempty"`
	// RoutedIPv6 says that guests' IPv6 addresses are not translated: the upstream router routes their prefixes.
	RoutedIPv6 bool `json:"routedIPv6,omitempty"`
	// ConnectionLimits are those of the external network. A value of 0 means the default.
	ConnectionLimits model.ConnectionLimits `json:"connectionLimits,omitzero"`
}

// FloatingIP is one floating address. It is on the node of the guest that it leads to, or on all nodes of the guest's centralized
// router.
type FloatingIP struct {
	UID     string        `json:"uid"`
	Project string        `json:"project"`
	Name    string        `json:"name"`
	Network string        `json:"network"` // uid of the external Network in the same slice
	Address model.Address `json:"address"`
	// Router and Port are the uids of the router and the port. Fixed is the port's address to and from which all traffic is
	// translated. They are empty when there are Forwards.
	Router string        `json:"router,omitempty"`
	Port   string        `json:"port,omitempty"`
	Fixed  model.Address `json:"fixed,omitzero"`
	// Forwards translate single ports instead. All forwards of one floating address lead to ports of this node, or through one
	// centralized router.
	Forwards []Forward `json:"forwards,omitempty"`
}

// Forward forwards the ports First to Last of the floating address to as many ports, from ToFirst on, of a guest's address.
type Forward struct {
	Protocol string        `json:"protocol"` // "tcp" or "udp"
	First    uint16        `json:"first"`
	Last     uint16        `json:"last"`
	Router   string        `json:"router"` // uid
	Port     string        `json:"port"`   // uid
	To       model.Address `json:"to"`
	ToFirst  uint16        `json:"toFirst"`
}

// Neighbors is a part of the neighbour entries of a network on which a router of the node has a leg. The controllers put about 200
// entries at most into a part on average. A node refuses a part with more than 1000.
type Neighbors struct {
	UID     string     `json:"uid"`     // the network's, "-" and the part's number
	Network string     `json:"network"` // uid
	Entries []Neighbor `json:"entries"` // in the order of their addresses
}

// Neighbor is an address of a guest with its MAC.
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
