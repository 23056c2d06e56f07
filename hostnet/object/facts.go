package object

import "net/netip"

// Facts is what the host is like, as far as compiling depends on it: drivers fill it, the compiler only reads it.
type Facts struct {
	// Links by name: every netdev of the host's namespace.
	Links map[string]LinkFacts
	// Interfaces by name: every OVS interface on any bridge, whoever made it.
	Interfaces map[string]InterfaceFacts
	// DatapathType is what bridges of ours use on this host ("system", "netdev").
	DatapathType string
	// NoIPv6 says that the kernel has no IPv6 at all (started with ipv6.disable=1). IPv6 that is only switched off on the host's own
	// devices (net.ipv6.conf.all.disable_ipv6) is no matter: namespaces of ours have settings of their own.
	NoIPv6 bool
	// BridgeNetfilter names the settings that are on of those by which br_netfilter hands bridged frames to the host's own iptables,
	// ip6tables and arptables, with commas between; empty when none is (net/bridge/br_netfilter_hooks.c).
	BridgeNetfilter string
	// ForeignBridges are OVS bridges and netdevs of a bridge's name that are not ours.
	ForeignBridges map[string]string // name → why it is not ours
}

// LinkFacts describes one netdev.
type LinkFacts struct {
	Index     int
	MAC       MAC
	MTU       int
	Up        bool
	Addresses []netip.Prefix // configured on it, link-local ones left out
	// DefaultRoute and EtcdRoute say that the host's default route, or its road to an etcd endpoint, leaves by it: such
	// a link is never taken as an uplink.
	DefaultRoute bool
	EtcdRoute    bool
	// Kind is what the kernel calls the link's driver ("veth", "tuntap", "bond"); "device" when it has none, as hardware
	// has; empty when it is not known.
	Kind   string
	Master string // of a kernel bridge or bond it is enslaved to, if any
	// MasterOwner is the owner in the master's alias: empty when the master is not one that Weft made.
	MasterOwner string
	// AltNames are further names that the kernel knows the link by (ip link property; IFLA_ALT_IFNAME).
	AltNames []string
}

// InterfaceFacts describes one OVS interface.
type InterfaceFacts struct {
	Bridge      string
	OFPort      uint32 // OpenFlow port number; 0 while OVS has not given it one
	Error       string // why OVS could not open the device
	InterfaceID string // external_ids:iface-id
	AttachedMAC string // external_ids:attached-mac: the guest's, as its hypervisor says
	Row         string // of the database: another row is another interface, whatever its name is
	OwnerUID    string // external_ids:weft-owner: set on what Weft created or adopted
	Created     bool   // Weft created it (external_ids:weft-created)
	Session     SessionFacts
}
