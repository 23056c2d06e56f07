package desired

import (
	"weft/model"
)

// KindHost is the node itself.
const KindHost Kind = "host"

// HostKind is the row of the kind in AllKinds.
func HostKind() ItemKind { return ItemKind{Kind: KindHost, New: func() Item { return &Host{} }} }

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
	// ManagementCIDRs are the prefixes of all management networks, in order and without overlaps. Nothing that is from or to them passes
	// from a guest, and nothing passes a router.
	ManagementCIDRs []model.Prefix `json:"managementCIDRs,omitempty"`
	// ManagementInterfaces are the host's own interfaces on management networks, sorted. They are no uplinks, and no port gets them.
	ManagementInterfaces []string `json:"managementInterfaces,omitempty"`
	// Services are what guests with a HostNet reach on the host, in order of their ports.
	Services []HostService `json:"services,omitempty"`
}

// Uplink is the connection of the node's bridge to a physical network. MTU is the physical network's, in bytes.
type Uplink struct {
	PhysicalNetwork string `json:"physicalNetwork"`
	Interface       string `json:"interface"`
	MTU             int    `json:"mtu"`
}

// Key implements Item.
func (h *Host) Key() Key { return Key{KindHost, h.UID} }

// Title implements Titled.
func (h *Host) Title() string { return "Host " + h.Name }

// Host is the node's own item; nil when there is none. A node has at most one.
func (c *NodeConfig) Host() *Host {
	for h := range each[*Host](c, KindHost) {
		return h
	}
	return nil
}
