package model

import "fmt"

// KindHost is the kind of objects with a HostSpec.
const KindHost Kind = "Host"

// HostKind is the row of the kind in AllKinds.
func HostKind() KindInfo {
	return KindInfo{Kind: KindHost, ClusterScoped: true, New: func() Spec { return &HostSpec{} }}
}

// Driver names how a host wires guests (its backend).
type Driver string

// The drivers.
const (
	DriverOVS    Driver = "ovs"    // Open vSwitch; the default
	DriverBridge Driver = "bridge" // a Linux bridge for each network, and a VLAN device or the NIC itself as its uplink
)

// HostRole is a task of a host in addition to running guests.
type HostRole string

// RoleGateway lets the controllers put centralized routers on the host.
const RoleGateway HostRole = "gateway"

// DefaultBridge is the OVS bridge of a host that names none; libvirt and os-vif use the same name.
const DefaultBridge = "br-int"

// HostSpec declares a hypervisor. Its name is the node name and the common name of its etcd certificate.
type HostSpec struct {
	Driver Driver `json:"driver,omitempty"`
	// Roles, each at most once.
	Roles []HostRole `json:"roles,omitempty"`
	// Bridge is the OVS bridge that Weft owns on the host; DefaultBridge when empty.
	Bridge string `json:"bridge,omitempty"`
	// Group is the group that the host belongs to, such as its rack. Address pools name the groups whose ports they serve.
	Group string `json:"group,omitempty"`
	// PhysicalNetworks maps physical networks to the host's interfaces. Each network and each interface may occur at most once.
	PhysicalNetworks []HostPhysicalNetwork `json:"physicalNetworks,omitempty"`
	// Services are what guests with hostNet reach on the host, each with its own name and port.
	Services []HostService `json:"services,omitempty"`
}

// HostPhysicalNetwork says which interface connects a host to a physical network.
type HostPhysicalNetwork struct {
	Name      string `json:"name"`      // of a PhysicalNetwork
	Interface string `json:"interface"` // of the host, at most 15 characters
}

// Kind implements Spec.
func (*HostSpec) Kind() Kind { return KindHost }

// References implements Spec.
func (s *HostSpec) References(string) []Reference {
	var refs []Reference
	for i, p := range s.PhysicalNetworks {
		refs = append(refs, Reference{
			Field: fmt.Sprintf("spec.physicalNetworks[%d].name", i),
			To:    ID{ClusterProject, KindPhysicalNetwork, p.Name},
		})
	}
	return refs
}
