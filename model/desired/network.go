package desired

import (
	"iter"
	"net/netip"

	"weft/model"
)

// KindNetwork is a network.
const KindNetwork Kind = "network"

// NetworkKind is the row of the kind in AllKinds.
func NetworkKind() ItemKind {
	return ItemKind{Kind: KindNetwork, New: func() Item { return &Network{} }}
}

// Network is a network that a port or router of the node refers to.
type Network struct {
	UID             string            `json:"uid"`
	Project         string            `json:"project"`
	Name            string            `json:"name"`
	Type            model.NetworkType `json:"type"`
	PhysicalNetwork string            `json:"physicalNetwork,omitempty"`
	SegmentationID  uint16            `json:"segmentationID,omitempty"` // 0 for a flat network
	MTU             int               `json:"mtu"`
	Subnets         []Subnet          `json:"subnets,omitempty"`
	DHCP            DHCP              `json:"dhcp"`
	// Gateway is set on an external network where the node has a distributed router that leads to it.
	Gateway *NodeGateway `json:"gateway,omitempty"`
	// CentralMAC is the MAC of the centralized router that the network is on. It is zero when there is none, and as long as no
	// gateway host has the router.
	CentralMAC model.MAC `json:"centralMAC,omitzero"`
	// IsolateGuests says that the network's guests must not reach each other on layer 2. A node that gets it has FeatureIsolation,
	// or no port of the network.
	IsolateGuests bool `json:"isolateGuests,omitempty"`
	// RouterMACs are those with which Weft's routers on any node may send to the network's guests, in order. They are set with
	// IsolateGuests only, because the MACs of guests begin with the same prefix.
	RouterMACs []model.MAC `json:"routerMACs,omitempty"`
	// AddressPairs says that ports of the network have allowed address pairs, on this node or others. Routers must find out where such an
	// address is at present. It is set on nodes with FeatureAddressPairs only.
	AddressPairs bool `json:"addressPairs,omitempty"`
	// Router is the uid of the router that joins the network with others. It says whose GroupMembers count for the network's packets beside the
	// network's own. It is set on nodes with a port of the network that has security groups.
	Router string `json:"router,omitempty"`
}

// Subnet is one address block with its servers resolved. DHCPServer is set on IPv4 subnets, except those whose pools all have
// names.
type Subnet struct {
	CIDR model.Prefix `json:"cidr"`
	// Gateway is the address of which guests are told: that of a router that exists, or that of one of Weft's routers.
	Gateway    model.Address `json:"gateway,omitzero"`
	DHCPServer model.Address `json:"dhcpServer,omitzero"`
}

// DHCP is what the network's guests are told, with every default filled in. LeaseSeconds is at least 60.
type DHCP struct {
	DNSServers   []model.Address `json:"dnsServers,omitempty"`
	NTPServers   []model.Address `json:"ntpServers,omitempty"`
	Domain       string          `json:"domain,omitempty"`
	Routes       []model.Route   `json:"routes,omitempty"`
	MTU          int             `json:"mtu"`
	LeaseSeconds uint32          `json:"leaseSeconds"`
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

// Key implements Item.
func (n *Network) Key() Key { return Key{KindNetwork, n.UID} }

// Title implements Titled.
func (n *Network) Title() string { return "Network " + n.Project + "/" + n.Name }

// Network finds a network; nil when there is none.
func (c *NodeConfig) Network(uid string) *Network { return find[*Network](c, Key{KindNetwork, uid}) }

// Networks are all networks, in no order.
func (c *NodeConfig) Networks() iter.Seq[*Network] { return each[*Network](c, KindNetwork) }
