package model

// KindPhysicalNetwork is the kind of objects with a PhysicalNetworkSpec.
const KindPhysicalNetwork Kind = "PhysicalNetwork"

// PhysicalNetworkKind is the row of the kind in AllKinds.
func PhysicalNetworkKind() KindInfo {
	return KindInfo{Kind: KindPhysicalNetwork, ClusterScoped: true, New: func() Spec { return &PhysicalNetworkSpec{} }}
}

// PhysicalNetworkSpec declares a layer-2 network to which hosts are cabled, and which of its VLANs Weft may use.
type PhysicalNetworkSpec struct {
	VLANRanges []VLANRange `json:"vlanRanges,omitempty"`
	// MTU is the largest layer-3 packet in bytes that the network carries; DefaultMTU when 0.
	MTU int `json:"mtu,omitempty"`
}

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
