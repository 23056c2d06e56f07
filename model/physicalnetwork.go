package model

// KindPhysicalNetwork is the kind of objects with a PhysicalNetworkSpec.
const KindPhysicalNetwork Kind = "PhysicalNetwork"

// PhysicalNetworkKind is the row of the kind in AllKinds.
func PhysicalNetworkKind() KindInfo {
	return KindInfo{Kind: KindPhysicalNetwork, ClusterScoped: true, New: func() Spec { return &PhysicalNetworkSpec{} }}
}

// PhysicalNetworkSpec declares a layer-2 network to which hosts are cabled, and which of its VLANs Weft may use.
type PhysicalNetworkSpec struct {
	// Role says what the physical network is for. Empty is as NetworkRoleService.
	Role NetworkRole `json:"role,omitempty"`
	// CIDRs are the prefixes, of either family, of the addresses on a management network: etcd, controllers, hosts, their API. No guest
	// can send there. Only a management network has them, at least one.
	CIDRs      []Prefix    `json:"cidrs,omitempty"`
	VLANRanges []VLANRange `json:"vlanRanges,omitempty"`
	// MTU is the largest layer-3 packet in bytes that the network carries; DefaultMTU when 0.
	MTU int `json:"mtu,omitempty"`
}

// NetworkRole says what a physical network is for.
type NetworkRole string

// The roles of physical networks.
const (
	// NetworkRolePublic leads to machines outside of the cloud. Networks of any type may be on it.
	NetworkRolePublic NetworkRole = "public"
	// NetworkRoleService carries the networks of projects. Networks of any type may be on it.
	NetworkRoleService NetworkRole = "service"
	// NetworkRoleManagement carries controllers, etcd and hosts. No network is on it, so no port is, and no guest reaches its CIDRs.
	NetworkRoleManagement NetworkRole = "management"
)

// DefaultMTU is the MTU of a physical network that declares none (IEEE 802.3).
const DefaultMTU = 1500

// VLANRange is an inclusive range of VLAN ids from 1 to 4094.
type VLANRange struct {
	Minimum uint16 `json:"minimum"`
	Maximum uint16 `json:"maximum"`
}

// Kind implements Spec.
func (*PhysicalNetworkSpec) Kind() Kind { return KindPhysicalNetwork }

// References implements Spec: a physical network refers to nothing.
func (*PhysicalNetworkSpec) References(string) []Reference { return nil }
