package object

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
)

// Facts is what compiling depends on of the host. Drivers fill it, and the compiler only reads it.
type Facts struct {
	// Links by name: every netdev in the host's namespace.
	Links map[string]LinkFacts
	// Interfaces by name: every OVS interface on any bridge, whoever made it.
	Interfaces map[string]InterfaceFacts
	// DatapathType is what our bridges use on this host ("system" or "netdev").
	DatapathType string
	// NoIPv6 says that the kernel has no IPv6 at all (started with ipv6.disable=1). IPv6 that is only switched off on the host's
	// own devices (net.ipv6.conf.all.disable_ipv6) does not count, because our namespaces have their own settings.
	NoIPv6 bool
	// BridgeNetfilter names the settings that are on with which br_netfilter passes bridged frames to the host's own iptables,
	// ip6tables and arptables, separated by commas. It is empty if none is on (net/bridge/br_netfilter_hooks.c).
	BridgeNetfilter string
	// NoBridgeFilter says why the host cannot filter the ports of its own bridges. It is empty as long as nothing has failed, because the rules
	// are loaded only when a port needs them.
	NoBridgeFilter string
	// ForeignBridges are OVS bridges, and netdevs with a bridge's name, that are not ours.
	ForeignBridges map[string]string // name → why it is not ours
}

// LinkFacts describes one netdev.
type LinkFacts struct {
	Index     int
	MAC       MAC
	MTU       int
	Up        bool
	Addresses []netip.Prefix // configured on it, without link-local ones
	// DefaultRoute and EtcdRoute say that the host's default route, or its route to an etcd endpoint, uses this link. Such a link
	// is never used as an uplink.
	DefaultRoute bool
	EtcdRoute    bool
	// Kind is what the kernel calls the link's driver ("veth", "tuntap", "bond"). It is "device" for hardware, which has no kind,
	// and empty if it is unknown.
	Kind   string
	Master string // the kernel bridge or bond that it is enslaved to, if any
	// MasterOwner is the owner in the master's alias. It is empty if Weft did not make the master.
	MasterOwner string
	// AltNames are more names by which the kernel knows the link (ip link property; IFLA_ALT_IFNAME).
	AltNames []string
}

// InterfaceFacts describes one OVS interface.
type InterfaceFacts struct {
	Bridge      string
	OFPort      uint32 // OpenFlow port number; 0 if OVS has not assigned one yet
	Error       string // why OVS could not open the device
	InterfaceID string // external_ids:iface-id
	AttachedMAC string // external_ids:attached-mac: the guest's MAC, as its hypervisor says
	Row         string // its row in the database: another row is another interface, even with the same name
	OwnerUID    string // external_ids:weft-owner: set on what Weft created or adopted
	Created     bool   // Weft created it (external_ids:weft-created)
	Session     SessionFacts
}

// DevicesThatDiffer lists the links and interfaces of which f and other know different things.
func (f *Facts) DevicesThatDiffer(other *Facts) []string {
	differ := map[string]bool{}
	for _, pair := range [][2]*Facts{{f, other}, {other, f}} {
		for name, l := range pair[0].Links {
			if o, there := pair[1].Links[name]; !there || !reflect.DeepEqual(l, o) {
				differ[name] = true
			}
		}
		for name, i := range pair[0].Interfaces {
			if o, there := pair[1].Interfaces[name]; !there || i != o {
				differ[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(differ))
}
