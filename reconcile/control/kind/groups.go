package kind

import "weft/reconcile/control/cache"

// The groups of routers on a node.
const (
	routersOn        cache.Source = "routers"          // uids of routers
	RoutedNetworks   cache.Source = "routed-networks"  // uids of networks on which a router has an interface
	externalNetworks cache.Source = "external-network" // uids of the external networks of routers
	SharedNetworks   cache.Source = "shared-network"   // those of distributed routers, which use the host's own addresses
)

// GuestNetworks has, for a node, the uids of the networks that ports in its node config are on.
const GuestNetworks cache.Source = "guest-networks"

// The security groups of a node, of items of ports and of security groups.
const (
	usedGroups       cache.Source = "security-groups"   // uids of groups that filter ports
	filteredNetworks cache.Source = "filtered-networks" // the project of a filtered port, and the uid of its network
	trackedNetworks  cache.Source = "tracked-networks"  // uids of networks with a filtered port of any project
	remoteGroups     cache.Source = "remote-groups"     // uids of groups that rules name
)

// tracks says that a port in the node config is on the network and has security groups.
func tracks(s *cache.Reader, name, network string) bool { return s.Has(trackedNetworks, name, network) }

func filteredMember(project, network string) string { return project + " " + network }

// mappedNetworks has the physical networks on which hosts have an interface.
const mappedNetworks cache.Source = "mapped"

// gatewayRole has the hosts with the role gateway. A member is the name of a host and a sum of everything that decides whether the host
// can have a centralized router, so that the group changes with it.
const gatewayRole cache.Source = "gateway-role"

// hostMACs has the MACs of distributed routers, one for each host. centralMACs has those of centralized routers: a member is the external network and
// the MAC.
const (
	hostMACs    cache.Source = "host-mac"
	centralMACs cache.Source = "central-mac"
)

// leads says that a router on the node has an interface on the network.
func leads(s *cache.Reader, name, network string) bool { return s.Has(RoutedNetworks, name, network) }

// needs says that something in the node config refers to the network.
func needs(s *cache.Reader, name, network string) bool {
	guests, leads, outside := s.Has(GuestNetworks, name, network), leads(s, name, network), s.Has(externalNetworks, name, network)
	return guests || leads || outside // all three are recorded
}

// shares says that a distributed router on the node uses the external network, with the host's own addresses.
func shares(s *cache.Reader, name, network string) bool { return s.Has(SharedNetworks, name, network) }
