// Package object holds, as pure data, the things that a kernel, Open vSwitch or a server of ours can hold.
//
// Invariants:
//   - There are no system calls.
//   - Two objects with the same Key describe the same thing.
//   - Diff compares only managed fields, so what a kernel adds by itself is never a difference.
//   - Dependencies name Keys and never an order.
package object

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the type of an object. It belongs to exactly one driver.
type Kind string

// The kinds of objects.
const (
	KindBridge      Kind = "bridge"       // an OVS bridge and its settings
	KindUplink      Kind = "uplink"       // a NIC as a port of the bridge
	KindOVSPort     Kind = "ovs-port"     // a guest's port and interface in OVS
	KindSession     Kind = "bfd-session"  // a BFD session with another gateway host
	KindMeter       Kind = "meter"        // an OpenFlow meter
	KindFlowSet     Kind = "flow-set"     // the flows of one owner and feature
	KindLink        Kind = "link"         // a netdev's state and MTU
	KindQdisc       Kind = "qdisc"        // the traffic control of a netdev
	KindDHCPBinding Kind = "dhcp-binding" // the DHCPv4 and DHCPv6 servers of one guest port
	KindRABinding   Kind = "ra-binding"   // the router advertisements of one guest port
	KindActivation  Kind = "activation"   // listening for a guest's own announcement on its standby port
	// KindMetadataBinding is the metadata service of one guest port.
	KindMetadataBinding Kind = "metadata-binding"
	// KindAnnouncement announces to the physical network where one guest port is now.
	KindAnnouncement Kind = "announcement"

	KindNamespace  Kind = "netns"       // a network namespace
	KindVeth       Kind = "veth"        // a pair of devices that Weft makes
	KindAddresses  Kind = "addresses"   // the addresses of a device in a namespace of ours
	KindRoute      Kind = "route"       // a route of a namespace of ours
	KindRule       Kind = "rule"        // a routing rule of a namespace of ours
	KindNeighbor   Kind = "neighbor"    // a permanent neighbour of a device in a namespace of ours
	KindProxy      Kind = "proxy"       // an address that a device in a namespace of ours answers for without having it
	KindNATTable   Kind = "nat-table"   // the nftables rules of a namespace of ours
	KindNATMapping Kind = "nat-mapping" // one floating address in the maps of a NAT table

	KindVLANDevice           Kind = "vlan-device"            // a VLAN sub-interface that Weft makes
	KindLinuxBridge          Kind = "linux-bridge"           // a bridge of the kernel that Weft makes
	KindBridgePort           Kind = "bridge-port"            // a device as a port of such a bridge
	KindPortSecurity         Kind = "port-security"          // the nftables rules that protect the kernel's bridges
	KindPortSecurityElements Kind = "port-security-elements" // what those rules know of one port or network
	KindTagFilter            Kind = "tag-filter"             // the filter that keeps 802.1ad tags from an uplink of Open vSwitch
	KindPortSecurityUplink   Kind = "port-security-uplink"   // the nftables rule that keeps wrong tags from a NIC

	KindBridgeFilter  Kind = "bridge-filter"  // the nftables rules of security groups on the kernel's bridges
	KindFilterNetwork Kind = "filter-network" // a bridge whose connections are tracked for them
	KindFilterPort    Kind = "filter-port"    // a guest's device that they filter
	KindFilterGroup   Kind = "filter-group"   // the rules of one security group there
	KindFilterMembers Kind = "filter-members" // addresses of a security group that rules name

	KindHostFilter   Kind = "host-filter"   // the nftables rules that keep the host's stack from devices that are not its own
	KindSilentDevice Kind = "silent-device" // a device that these rules are for
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		KindBridge, KindUplink, KindOVSPort, KindSession, KindMeter, KindFlowSet, KindLink, KindQdisc, KindDHCPBinding, KindRABinding,
		KindMetadataBinding, KindActivation, KindAnnouncement,
		KindNamespace, KindVeth, KindAddresses, KindRoute, KindRule, KindNeighbor, KindProxy, KindNATTable, KindNATMapping,
		KindVLANDevice, KindLinuxBridge, KindBridgePort, KindPortSecurity, KindPortSecurityElements, KindTagFilter, KindPortSecurityUplink,
		KindBridgeFilter, KindFilterNetwork, KindFilterPort, KindFilterGroup, KindFilterMembers,
		KindHostFilter, KindSilentDevice,
	}
}

// Key names one object on a host. It is comparable.
type Key struct {
	Kind Kind
	Name string
}

// String writes "kind/name".
func (k Key) String() string { return string(k.Kind) + "/" + k.Name }

// Compare orders keys by kind and name, for stable output.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(string(k.Kind), string(o.Kind)); c != 0 {
		return c
	}
	return strings.Compare(k.Name, o.Name)
}

// Object is one thing on a host, desired or observed. Implementations are pointers to plain structs. They must not be changed
// after they were passed on.
type Object interface {
	// Key names the object.
	Key() Key
	// Owner is the uid of the desired item that the object serves. It is "" for an observed object whose owner is unknown.
	Owner() string
	// DependsOn lists objects that must be programmed before this one is created or updated. They may be removed only after it is
	// removed.
	DependsOn() []Key
	// Diff compares the managed fields with an observed object of the same Key and lists the differences. No difference means
	// equal. It is called on the desired object.
	Diff(observed Object) []Difference
}

// OnDevice is implemented by objects on one netdev or OVS interface that somebody else may have made. If that device is removed
// and made again, these objects are gone or belong to the old device.
type OnDevice interface {
	// Netdev is the name of the device.
	Netdev() string
}

// Difference is one managed field that differs from the desired one.
type Difference struct {
	Field    string
	Observed string
	Desired  string
}

// String writes "field: observed → desired".
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s → %s", d.Field, orNone(d.Observed), orNone(d.Desired))
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// differ collects differences field by field.
type differ []Difference

func (d *differ) field(name string, observed, desired any) {
	o, w := fmt.Sprint(observed), fmt.Sprint(desired)
	if o != w {
		*d = append(*d, Difference{name, o, w})
	}
}

func (d *differ) set(name string, observed, desired []string) {
	o, w := slices.Sorted(slices.Values(observed)), slices.Sorted(slices.Values(desired))
	d.field(name, strings.Join(o, ","), strings.Join(w, ","))
}
