package model

// KindPort is the kind of objects with a PortSpec.
const KindPort Kind = "Port"

// PortKind is the row of the kind in AllKinds.
func PortKind() KindInfo {
	return KindInfo{Kind: KindPort, New: func() Spec { return &PortSpec{} }}
}

// PortSpec declares one guest interface on a network.
type PortSpec struct {
	// Network is the name of a network of the same project, or "project/name".
	Network string `json:"network"`
	// Host is the host on which the guest runs. Without one the port has addresses but is not wired.
	Host string `json:"host,omitempty"`
	// MigrateTo is the host to which the guest is about to migrate. The port is wired there too, but mute (standby).
	MigrateTo string `json:"migrateTo,omitempty"`
	// MAC is the MAC of the guest's interface. When it is not set, the controllers choose and claim one with the cluster's prefix.
	MAC MAC `json:"mac,omitzero"`
	// Addresses of both families, each in a subnet of the network. When the network has subnets of a family and no address of it is
	// listed, the controllers choose one.
	Addresses []Address `json:"addresses,omitempty"`
	// Device is the name of the guest's netdev on its host. When empty it is "tap" and the first 11 characters of the interface id,
	// as Nova names it. If another port has that name, it is "tap" and 11 characters made of the whole id; the status shows it.
	Device string `json:"device,omitempty"`
	// InterfaceID is what the hypervisor writes to external_ids:iface-id of the OVS interface that it creates. When empty it is the
	// port's name if that is a UUID, otherwise the port's uid.
	InterfaceID string `json:"interfaceID,omitempty"`
	// Hostname is the name of the guest, which DHCP tells it; the port's name when empty.
	Hostname string `json:"hostname,omitempty"`
	// Limits bound what the guest sends and receives. A direction that is not set has the limit of the network or the project.
	Limits PortLimits `json:"limits,omitzero"`
	// AllowedAddressPairs are what the guest may use besides its MAC and its addresses.
	AllowedAddressPairs []AddressPair `json:"allowedAddressPairs,omitempty"`
	// SecurityGroups are the names of security groups of the project: the guest sends and receives what a rule of one of them allows. A
	// port that names none has the project's default, if there is one. Otherwise it is not filtered.
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// UserData is what the guest's first boot runs or reads, as cloud-init knows it, in text. It often holds secrets: only the port's own
	// hosts get it, for the metadata service, and neither errors nor `weft describe` show it. UserDataBase64 takes its place for other bytes than text, for example those of gzip.
	UserData       string `json:"userData,omitempty"`
	UserDataBase64 string `json:"userDataBase64,omitempty"`
	// SSHKeys are public keys, each as a line of authorized_keys without options: type, key and comment.
	SSHKeys []string `json:"sshKeys,omitempty"`
	// Metadata are words for the guest, each key once.
	Metadata []MetadataItem `json:"metadata,omitempty"`
	// HostNet is how the guest reaches the services of its host; it reaches none when empty.
	HostNet HostNet `json:"hostNet,omitempty"`
}

// Kind implements Spec.
func (*PortSpec) Kind() Kind { return KindPort }

// References implements Spec: the project, the network, the hosts and the security groups.
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
	for i, name := range s.SecurityGroups {
		refs = append(refs, Reference{item("spec.securityGroups", i), SecurityGroupID(project, name)})
	}
	return refs
}

// NetworkID resolves Network against the port's own project.
func (s *PortSpec) NetworkID(project string) ID {
	return networkID(project, s.Network)
}
