package compile

// Read names one thing that an item's result was made of, whether it existed or not: an item, a fact, or a group of items that share
// something. When it changes, its readers are compiled again.
type Read struct {
	Of Source
	// Name says which one: the uid of an item, the name of a device, or what the members of a group share. It is empty where there
	// is only one.
	Name string
}

// Source is the kind of thing that was read.
type Source uint8

// The items, by uid.
const (
	ReadHost Source = iota + 1 // there is only one
	ReadNetwork
	ReadPort
	ReadRouter
	ReadFloatingIP
	ReadNeighbors
	ReadSecurityGroup
	ReadGroupMembers
	ReadMetadata
)

// The facts: of a device by its name, of a bridge by its name, or of the host.
const (
	ReadLink Source = iota + 32
	ReadInterface
	ReadForeignBridge
	ReadDatapathType
	ReadNoIPv6
	ReadBridgeNetfilter
	ReadNoBridgeFilter
	ReadTransit // a router's slot of transit addresses, by its uid
	ReadZone    // a network's zone of the connection tracker, by its uid
)

// The groups of items or devices that share something. Items are members by their uids, devices by their names.
const (
	GroupNetwork             Source = iota + 64 // network → ports
	GroupDevice                                 // device → ports
	GroupInterfaceID                            // interface id → ports
	GroupMAC                                    // network and MAC → ports
	GroupNumber                                 // host-local network number → networks
	GroupSegment                                // physical network and segmentation id → networks
	GroupRouterInterface                        // network → routers with an interface on it
	GroupExternal                               // external network → routers
	GroupWatch                                  // network → centralized routers whose hosts watch each other on it
	GroupRouterDevice                           // host's end of a router interface → the router or external network
	GroupFloatingAddress                        // network and address → floating addresses
	GroupRouters                                // → all routers
	GroupPlugged                                // interface id → OVS interfaces
	GroupAltName                                // alternative name → netdev
	GroupStrangers                              // → OVS interfaces that others made and that belong to no port here
	GroupNetworks                               // → all networks
	GroupFiltered                               // network → ports with security groups
	GroupSound                                  // security group → itself, if its rules can be in force
	GroupOwnNumber                              // number of a security group → security groups that have it
	GroupFilters                                // → all ports with security groups, security groups, and shards of their members
	GroupSecurityGroupNumber                    // number of a security group → security groups that have it, or whose rules name a group that has it
	GroupScope                                  // router → networks that it joins, as their items say
	GroupScopeNumber                            // number of a router → networks that a router of this number joins
)

// ReadsOfBackend is the first source of the values that a backend derives (Site.Derive). What they are is the backend's own matter.
const ReadsOfBackend Source = 128
