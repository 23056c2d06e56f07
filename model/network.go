package model

// NetworkType names how a network's frames travel between hosts.
type NetworkType string

// NetworkTypeVLAN carries frames in an IEEE 802.1Q VLAN of a physical network.
const NetworkTypeVLAN NetworkType = "vlan"

// NetworkSpec declares a project's network: one broadcast domain with subnets of either family.
type NetworkSpec struct {
	Type            NetworkType `json:"type"`
	PhysicalNetwork string      `json:"physicalNetwork,omitempty"`
	// SegmentationID is the VLAN id; 0 lets the controllers claim a free one in the physical network's ranges.
	SegmentationID uint16 `json:"segmentationID,omitempty"`
	// MTU is the network's MTU in bytes; 0 means the physical network's.
	MTU     int      `json:"mtu,omitempty"`
	Subnets []Subnet `json:"subnets,omitempty"`
	DHCP    DHCP     `json:"dhcp,omitzero"`
	// External makes the network one that routers lead to: each of its subnets names the upstream router as its gateway,
	// hosts and floating addresses get addresses of it. Routers of any project may name it.
	External *External `json:"external,omitempty"`
}

// External says how an external network is reached.
type External struct {
	// IPv6 says what becomes of guests' IPv6 addresses; ExternalIPv6Translate when empty.
	IPv6 ExternalIPv6 `json:"ipv6,omitempty"`
	// RoutedPrefixes limit, where IPv6 is routed, the prefixes of guests' networks and whose they may be; without them every
	// prefix belongs to whoever declares it first. A prefix is always on one router of the external network only.
	RoutedPrefixes []RoutedPrefix `json:"routedPrefixes,omitempty"`
	// ConnectionLimits bound each router that leads to the network.
	ConnectionLimits ConnectionLimits `json:"connectionLimits,omitzero"`
}

// ExternalIPv6 says what becomes of guests' IPv6 addresses on an external network.
type ExternalIPv6 string

// The ways of IPv6 on an external network.
const (
	// ExternalIPv6Translate: guests' addresses are translated as IPv4 ones are (NAT66). The default.
	ExternalIPv6Translate ExternalIPv6 = "translate"
	// ExternalIPv6Routed: the upstream router routes the prefixes of guests' networks, and nothing is translated.
	ExternalIPv6Routed ExternalIPv6 = "routed"
)

// Mode is how IPv6 goes, the default filled in.
func (e External) Mode() ExternalIPv6 {
	if e.IPv6 == "" {
		return ExternalIPv6Translate
	}
	return e.IPv6
}

// Subnet is one address block of a network.
type Subnet struct {
	CIDR Prefix `json:"cidr"`
	// Gateway is a router's address: of one that already exists on the network, or, when the network is on a Router, of
	// that one. Guests are told of it. Without one the block's first host address is kept free for a Router, and guests
	// are told of it only when there is one.
	Gateway Address `json:"gateway,omitzero"`
	// DHCPServer is the address that Weft's DHCPv4 server goes by, the same on every host (RFC 2131 server
	// identifier). When not set it is the first free address after the gateway, or where the subnet has allocation pools
	// the last free one of those without a name. IPv4 only.
	DHCPServer Address `json:"dhcpServer,omitzero"`
	// AllocationPools limit what is allotted to whoever asks for no address; the whole block when empty.
	AllocationPools []AllocationPool `json:"allocationPools,omitempty"`
}

// DHCP holds what guests are told besides their addresses, by DHCPv4, DHCPv6 and router advertisements alike.
type DHCP struct {
	// DNSServers of either family; each family's protocol carries its own.
	DNSServers []Address `json:"dnsServers,omitempty"`
	NTPServers []Address `json:"ntpServers,omitempty"`
	// Domain is the DNS domain of the guests.
	Domain string  `json:"domain,omitempty"`
	Routes []Route `json:"routes,omitempty"`
	// MTU told to guests in bytes; 0 means the network's.
	MTU int `json:"mtu,omitempty"`
	// LeaseTime is a Go duration ("1h"); DefaultLeaseTime when empty; from 60 s to 8760 h.
	LeaseTime Duration `json:"leaseTime,omitzero"`
}

// Route is one classless static route (RFC 3442); both addresses are IPv4.
type Route struct {
	Destination Prefix  `json:"destination"`
	NextHop     Address `json:"nextHop"`
}

// Kind implements Spec.
func (*NetworkSpec) Kind() Kind { return KindNetwork }

// References implements Spec: the network's project and its physical network.
func (s *NetworkSpec) References(project string) []Reference {
	refs := []Reference{{Field: "metadata.project", To: ID{ClusterProject, KindProject, project}}}
	if s.PhysicalNetwork != "" {
		refs = append(refs, Reference{"spec.physicalNetwork", ID{ClusterProject, KindPhysicalNetwork, s.PhysicalNetwork}})
	}
	return refs
}
