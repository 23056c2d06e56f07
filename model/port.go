package model

// PortSpec declares one guest interface on a network.
type PortSpec struct {
	// Network is the name of a network of the same project, or "project/name".
	Network string `json:"network"`
	// Host is where the guest runs; without one the port has addresses but is wired nowhere.
	Host string `json:"host,omitempty"`
	// MigrateTo is the host the guest is about to move to: the port is wired there too, but mute (standby).
	MigrateTo string `json:"migrateTo,omitempty"`
	// MAC of the guest's interface; claimed from the cluster's prefix when not set.
	MAC MAC `json:"mac,omitzero"`
	// Addresses of either family, each in a subnet of the network. A family for which the network has a subnet and no
	// address is listed here gets one allotted.
	Addresses []Address `json:"addresses,omitempty"`
	// Device is the name of the guest's netdev on its host. When empty it is "tap" and the first 11 characters of the interface id,
	// as Nova names it; where another port has that name, "tap" and 11 characters made of the whole id, which the status tells.
	Device string `json:"device,omitempty"`
	// InterfaceID is what the hypervisor writes to external_ids:iface-id of an OVS interface it creates; the port's
	// name when that is a UUID, else the port's uid, when empty.
	InterfaceID string `json:"interfaceID,omitempty"`
	// Hostname told to the guest by DHCP; the port's name when empty.
	Hostname string `json:"hostname,omitempty"`
}

// Kind implements Spec.
func (*PortSpec) Kind() Kind { return KindPort }

// References implements Spec: the project, the network and the hosts.
func (s *PortSpec) References(project string) []Reference {
	refs := []Reference{
		{"metadata.project", ID{ClusterProject, KindProject, project}},
		{"spec.network", s.NetworkID(project)},
	}
	if s.Host != "" {
		refs = append(refs, Reference{"spec.host", ID{ClusterProject, KindHost, s.Host}})
	}
	if s.MigrateTo != "" {
		refs = append(refs, Reference{"spec.migrateTo", ID{ClusterProject, KindHost, s.MigrateTo}})
	}
	return refs
}

// NetworkID resolves Network against the port's own project.
func (s *PortSpec) NetworkID(project string) ID {
	return networkID(project, s.Network)
}
