package desired

import (
	"iter"

	"weft/model"
)

// KindPort is a port of a guest.
const KindPort Kind = "port"

// PortKind is the row of the kind in AllKinds.
func PortKind() ItemKind { return ItemKind{Kind: KindPort, New: func() Item { return &Port{} }} }

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
	Network     string          `json:"network"` // uid of a Network in the same node config
	MAC         model.MAC       `json:"mac"`
	Addresses   []model.Address `json:"addresses,omitempty"`
	Device      string          `json:"device"`
	InterfaceID string          `json:"interfaceID"`
	Hostname    string          `json:"hostname,omitempty"`
	State       State           `json:"state"`
	// Migration is the number of the migration for which the port is on standby here. The node reports it when the guest has
	// announced itself on its device. It is 0 when no guest is expected.
	Migration int64 `json:"migration,omitempty"`
	// Limits are those that count for the port, with the defaults of its network and project.
	Limits PortLimits `json:"limits,omitzero"`
	// AddressPairs are what the guest may use besides its MAC and its addresses. A node that gets some has FeatureAddressPairs.
	AddressPairs []AddressPair `json:"allowedAddressPairs,omitempty"`
	// SecurityGroups are the uids of the security groups that filter the port, in order; without any it is not filtered. Of a group that is
	// not in the node config nothing passes. A node that gets some has FeatureSecurityGroups.
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// HostNet is how the guest reaches the services of the host (Host.Services). A node that gets some has FeatureHostNet.
	HostNet HostNet `json:"hostNet,omitzero"`
}

// AddressPair is a block of addresses and the MAC with which the guest uses them. It is comparable.
type AddressPair struct {
	Address model.AddressBlock `json:"address"`
	MAC     model.MAC          `json:"mac"` // the port's own where the intent names none
}

// PortLimits are the limits of a port. It is comparable.
type PortLimits struct {
	Ingress RateLimit `json:"ingress,omitzero"`
	Egress  RateLimit `json:"egress,omitzero"`
	// Broadcast bounds what the guest sends to many. When zero, the node's default counts. A node that gets one has FeatureBroadcastLimit.
	Broadcast BroadcastLimit `json:"broadcast,omitzero"`
}

// Rates are the limits of the two directions.
func (l PortLimits) Rates() RateLimits { return RateLimits{Ingress: l.Ingress, Egress: l.Egress} }

// BroadcastLimit is the limit of what is copied to many, as in model.BroadcastLimit.
type BroadcastLimit struct {
	PacketRate   uint32 `json:"packetRate,omitempty"`
	BurstPackets uint32 `json:"burstPackets,omitempty"`
	Unlimited    bool   `json:"unlimited,omitempty"`
}

// Key implements Item.
func (p *Port) Key() Key { return Key{KindPort, p.UID} }

// Title implements Titled.
func (p *Port) Title() string { return "Port " + p.Project + "/" + p.Name }

// Port finds a port; nil when there is none.
func (c *NodeConfig) Port(uid string) *Port { return find[*Port](c, Key{KindPort, uid}) }

// Ports are all ports, in no order.
func (c *NodeConfig) Ports() iter.Seq[*Port] { return each[*Port](c, KindPort) }
