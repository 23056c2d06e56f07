// Package desired has everything that one node must be: plain, resolved data. Nothing in it has to be looked up elsewhere.
//
// Invariants:
//
//   - Only the leading controller writes it, and only one node reads it.
//   - Readers ignore unknown fields, so that controllers and hosts of different versions work together.
package desired

import "weft/model"

// Kind is the kind segment of a desired key.
type Kind string

// The kinds of desired items.
const (
	KindHost    Kind = "host"
	KindNetwork Kind = "network"
	KindPort    Kind = "port"

	KindRouter     Kind = "router"
	KindFloatingIP Kind = "floatingip"
	KindNeighbors  Kind = "neighbors"
)

// Key names one item of a node's slice. It is comparable.
type Key struct {
	Kind Kind
	UID  string
}

// Item is implemented by pointers to the types of the kinds.
type Item interface{ Key() Key }

// Host is the node's own configuration.
type Host struct {
	UID     string       `json:"uid"`
	Name    string       `json:"name"`
	Driver  model.Driver `json:"driver"`
	Bridge  string       `json:"bridge"`
	Uplinks []Uplink     `json:"uplinks,omitempty"`
	// RouterMAC is the host's own claimed MAC. The frames of its distributed routers carry it on the physical network, and other
	// gateway hosts know the host by it. It is zero on a host that has no such router and is no gateway host.
	RouterMAC model.MAC `json:"routerMAC,omitzero"`
	// MACPrefix has, in its first three bytes, the prefix of the MACs that the controllers choose; zero when that is fa:16:3e.
	MACPrefix model.MAC `json:"macPrefix,omitzero"`
}

// Uplink is the connection of the node's bridge to a physical network. MTU is the physical network's, in bytes.
type Uplink struct {
	PhysicalNetwork string `json:"physicalNetwork"`
	Interface       string `json:"interface"`
	MTU             int    `json:"mtu"`
}

// Network is a network that a port or router of the node refers to.
type Network struct {
	UID             string            `json:"uid"`
	Project         string            `json:"project"`
	Name            string            `json:"name"`
	Type            model.NetworkType `json:"type"`
	PhysicalNetwork string            `json:"physicalNetwork,omitempty"`
	SegmentationID  uint16            `json:"segmentationID,omitempty"`
	MTU             int               `json:"mtu"`
	Subnets         []Subnet          `json:"subnets,omitempty"`
	DHCP            DHCP              `json:"dhcp"`
	// Gateway is set on an external network where the node has a distributed router that leads to it.
	Gateway *NodeGateway `json:"gateway,omitempty"`
	// CentralMAC is the MAC of the centralized router that the network is on. It is zero when there is none, and as long as no
	// gateway host has the router.
	CentralMAC model.MAC `json:"centralMAC,omitzero"`
}

// Subnet is one address block with its servers resolved. DHCPServer is set on IPv4 subnets, except those whose pools all have
// names.
type Subnet struct {
	CIDR model.Prefix `json:"cidr"`
	// Gateway is the address of which guests are told: that of a router that exists, or of a leg of one of Weft's routers.
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

// State says whether a port sends and receives here.
type State string

// The states of a desired port.
const (
	StateActive  State = "active"
	StateStandby State = "standby" // fully wired but mute in both directions
)

// Port is one guest interface on the node.
type Port struct {
	UID         string          `json:"uid"`
	Project     string          `json:"project"`
	Name        string          `json:"name"`
	Network     string          `json:"network"` // uid of a Network in the same slice
	MAC         model.MAC       `json:"mac"`
	Addresses   []model.Address `json:"addresses,omitempty"`
	Device      string          `json:"device"`
	InterfaceID string          `json:"interfaceID"`
	Hostname    string          `json:"hostname,omitempty"`
	State       State           `json:"state"`
	// Migration is the number of the migration for which the port is on standby here. The node reports it when the guest has
	// announced itself on its device. It is 0 when no guest is expected.
	Migration int64 `json:"migration,omitempty"`
}

// Key implements Item.
func (h *Host) Key() Key { return Key{KindHost, h.UID} }

// Key implements Item.
func (n *Network) Key() Key { return Key{KindNetwork, n.UID} }

// Key implements Item.
func (p *Port) Key() Key { return Key{KindPort, p.UID} }

// NewItem returns a pointer to an empty item of the kind, or nil for a kind this version does not know.
func NewItem(k Kind) Item {
	switch k {
	case KindHost:
		return &Host{}
	case KindNetwork:
		return &Network{}
	case KindPort:
		return &Port{}
	case KindRouter:
		return &Router{}
	case KindFloatingIP:
		return &FloatingIP{}
	case KindNeighbors:
		return &Neighbors{}
	}
	return nil
}

// Slice is a node's whole desired state in memory. Revision is the etcd revision to which it corresponds.
type Slice struct {
	Revision int64
	Host     *Host
	Networks map[string]*Network
	Ports    map[string]*Port

	Routers     map[string]*Router
	FloatingIPs map[string]*FloatingIP
	Neighbors   map[string]*Neighbors
}
