package model

import "net/netip"

// KindNetwork is the kind of objects with a NetworkSpec.
const KindNetwork Kind = "Network"

// NetworkKind is the row of the kind in AllKinds.
func NetworkKind() KindInfo {
	return KindInfo{Kind: KindNetwork, New: func() Spec { return &NetworkSpec{} }}
}

// NetworkType names how a network's frames travel between hosts.
type NetworkType string

// The types of networks.
const (
	// NetworkTypeVLAN transports frames in an IEEE 802.1Q VLAN of a physical network.
	NetworkTypeVLAN NetworkType = "vlan"
	// NetworkTypeFlat transports frames without a tag. A physical network carries at most one flat network.
	NetworkTypeFlat NetworkType = "flat"
)

// NetworkSpec declares a project's network: one broadcast domain with subnets of either family.
type NetworkSpec struct {
	Type            NetworkType `json:"type"`
	PhysicalNetwork string      `json:"physicalNetwork,omitempty"`
	// SegmentationID is the VLAN id. With 0 the controllers claim a free one of the physical network's ranges. A flat network has none.
	SegmentationID uint16 `json:"segmentationID,omitempty"`
	// MTU is the network's MTU in bytes; 0 means the physical network's.
	MTU     int      `json:"mtu,omitempty"`
	Subnets []Subnet `json:"subnets,omitempty"`
	DHCP    DHCP     `json:"dhcp,omitzero"`
	// AddressMobility says where a guest may move with its addresses; MobilityRegion when empty.
	AddressMobility AddressMobility `json:"addressMobility,omitempty"`
	// External makes the network an external one, to which routers lead. Each of its subnets names the upstream router as its
	// gateway. Hosts and floating addresses get addresses of it. Routers of any project may use it.
	External *External `json:"external,omitempty"`
	// IsolateGuests keeps the network's guests from reaching each other on layer 2, on one host and across hosts. They still reach
	// routers and the physical network's other machines. The MACs of its ports begin with a prefix by which hosts tell guests from others.
	IsolateGuests bool `json:"isolateGuests,omitempty"`
	// PortLimits are the limits of each port of the network that has none of its own. They count before those of the project.
	PortLimits PortLimits `json:"portLimits,omitzero"`
}

// AddressMobility says where a guest may move with its addresses. An address that is in no address pool may go everywhere.
type AddressMobility string

// The kinds of address mobility.
const (
	// MobilityRegion: a guest keeps its addresses on every host. The default.
	MobilityRegion AddressMobility = "region"
	// MobilityHostGroup: an address of a pool stays on hosts of the pool's groups. The physical network routes it nowhere else.
	// A port that would take it to another host is refused.
	MobilityHostGroup AddressMobility = "hostGroup"
)

// External says how an external network is reached.
type External struct {
	// IPv6 says how guests' IPv6 addresses are handled; ExternalIPv6Translate when empty.
	IPv6 ExternalIPv6 `json:"ipv6,omitempty"`
	// RoutedPrefixes limit, where IPv6 is routed, which prefixes guests' networks may have, and which projects may have them.
	// Without them every prefix belongs to whoever declares it first. A prefix is always on only one router of the external
	// network.
	RoutedPrefixes []RoutedPrefix `json:"routedPrefixes,omitempty"`
	// ConnectionLimits bound each router that leads to the network.
	ConnectionLimits ConnectionLimits `json:"connectionLimits,omitzero"`
}

// ExternalIPv6 says how guests' IPv6 addresses are handled on an external network.
type ExternalIPv6 string

// The ways of IPv6 on an external network.
const (
	// ExternalIPv6Translate: guests' addresses are translated as IPv4 ones are (NAT66). The default.
	ExternalIPv6Translate ExternalIPv6 = "translate"
	// ExternalIPv6Routed: the upstream router routes the prefixes of guests' networks, and nothing is translated.
	ExternalIPv6Routed ExternalIPv6 = "routed"
)

// Mode is how IPv6 is handled, with the default filled in.
func (e External) Mode() ExternalIPv6 {
	if e.IPv6 == "" {
		return ExternalIPv6Translate
	}
	return e.IPv6
}

// Subnet is one address block of a network.
type Subnet struct {
	CIDR Prefix `json:"cidr"`
	// Gateway is the address of a router of which guests are told. If the network is on a Router, it is the address of that Router.
	// Otherwise it is the address of a router that already exists on the network. Without a Gateway the block's first host address
	// is reserved for a Router, and guests are told of it only when there is one.
	//
	// The address of a router that exists may be outside of the block. Guests then reach it on the link: DHCPv4 tells them a route to
	// it (RFC 3442), a router advertisement comes from it. An IPv6 address outside of the block must be link-local. Several subnets may
	// have the same gateway.
	Gateway Address `json:"gateway,omitzero"`
	// DHCPServer is the address of Weft's DHCPv4 server, the same on every host (RFC 2131 server identifier). IPv4 only. When it is
	// not set, the controllers choose one:
	//
	//   - without allocation pools the first free address after the gateway;
	//   - with allocation pools the last free address of those without a name;
	//   - ServiceIPv4 in a block of at most four addresses, which has no room for one;
	//   - none if all pools have names.
	DHCPServer Address `json:"dhcpServer,omitzero"`
	// AllocationPools limit the addresses that are chosen for objects which ask for none; the whole block when empty.
	AllocationPools []AllocationPool `json:"allocationPools,omitempty"`
}

// ServiceIPv4 is the link-local address at which Weft's servers answer a guest on its own device, for subnets without an address for
// them. Guests get a route to it.
var ServiceIPv4 = Address{netip.AddrFrom4([4]byte{169, 254, 169, 254})}

// ServiceIPv6 is the link-local address of the metadata service, beside ServiceIPv4.
var ServiceIPv6 = Address{netip.MustParseAddr("fe80::a9fe:a9fe")}

// DHCP has what guests are told in addition to their addresses, by DHCPv4, DHCPv6 and router advertisements alike.
type DHCP struct {
	// DNSServers may be of both families. The protocol of each family carries its own.
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

// EffectiveMTU is the network's MTU on a physical network with this one, in bytes.
func (s *NetworkSpec) EffectiveMTU(physical int) int {
	if s.MTU != 0 {
		return min(physical, s.MTU)
	}
	return physical
}

// GuestMTU is the MTU that guests are told on a physical network with this one, in bytes.
func (s *NetworkSpec) GuestMTU(physical int) int {
	if s.DHCP.MTU != 0 {
		return min(s.EffectiveMTU(physical), s.DHCP.MTU)
	}
	return s.EffectiveMTU(physical)
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
