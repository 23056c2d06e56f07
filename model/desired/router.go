package desired

import (
	"net/netip"

	"weft/model"
)

// KindRouter is a router.
const KindRouter Kind = "router"

// RouterKind is the row of the kind in AllKinds.
func RouterKind() ItemKind { return ItemKind{Kind: KindRouter, New: func() Item { return &Router{} }} }

// Router is a project's router. A distributed one is on a node that has guests of its networks; a centralized one is on a gateway
// host. The node config also has a Network for each of its interfaces and for External, and the Neighbors of these networks.
type Router struct {
	UID     string `json:"uid"`
	Project string `json:"project"`
	Name    string `json:"name"`
	// Interfaces are in the order of the networks' uids. The JSON name is that of former versions, so that nodes and controllers of
	// both read each other.
	Interfaces []RouterInterface `json:"legs"`
	// External is the uid of its external network; empty for none. This Network in the same node config has a Gateway, unless the router
	// is centralized.
	External string `json:"external,omitempty"`
	// Central is set on a centralized router, which is only on the nodes among its Peers.
	Central *CentralGateway `json:"central,omitempty"`
	// Limits bound what passes between the router and External on this node. A node that gets some has FeatureRouterLimits.
	Limits RateLimits `json:"limits,omitzero"`
}

// CentralGateway has the MAC, addresses and nodes of a centralized router. They are the same on whichever of its nodes is active.
type CentralGateway struct {
	// MAC is the router's own claimed MAC. All of its interfaces use it, including the one on the external network.
	MAC model.MAC `json:"mac"`
	// External is its gateway on the external network. The router itself claims the addresses, so that they move with it. Nil for
	// none.
	External *NodeGateway `json:"external,omitempty"`
	// Peers are the nodes that have the router, this one included, in order of precedence. The first one that is reachable is
	// active. There are at most MaxGatewayPeers.
	Peers []GatewayPeer `json:"peers"`
	// Watch is the uid of the network on whose segment the peers watch each other: the external network, otherwise the network of
	// the first of Interfaces.
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

// RouterInterface is the router's interface on one network.
type RouterInterface struct {
	Network string `json:"network"` // uid
	// Addresses are the gateway's addresses, one for each subnet, with the prefix length of the subnet. They are the same on every
	// host.
	Addresses []netip.Prefix `json:"addresses"`
}

// Key implements Item.
func (r *Router) Key() Key { return Key{KindRouter, r.UID} }

// Title implements Titled.
func (r *Router) Title() string { return "Router " + r.Project + "/" + r.Name }

// Router finds a router; nil when there is none.
func (c *NodeConfig) Router(uid string) *Router { return find[*Router](c, Key{KindRouter, uid}) }
