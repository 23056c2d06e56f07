// Package object holds the things a kernel, Open vSwitch or a server of ours can hold, as pure data.
//
// Invariants: no syscalls; two objects with the same Key describe the same thing; Diff compares managed fields only, so
// what a kernel adds by itself is never a difference; dependencies name Keys, never order.
package object

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the type of an object and belongs to exactly one driver.
type Kind string

// The kinds of objects.
const (
	KindBridge      Kind = "bridge"       // an OVS bridge and its settings
	KindUplink      Kind = "uplink"       // a NIC as a port of the bridge
	KindOVSPort     Kind = "ovs-port"     // a guest's port and interface in OVS
	KindSession     Kind = "bfd-session"  // a BFD session with another gateway host
	KindFlowSet     Kind = "flow-set"     // the flows of one owner and feature
	KindLink        Kind = "link"         // a netdev's state and MTU
	KindQdisc       Kind = "qdisc"        // the traffic control of a netdev
	KindDHCPBinding Kind = "dhcp-binding" // the DHCPv4 and DHCPv6 servers of one guest port
	KindRABinding   Kind = "ra-binding"   // the router advertisements of one guest port
	KindArrival     Kind = "arrival"      // the waiting for a guest's own announcement on its standby port
	// KindAnnouncement is the telling of the physical network where one guest port is now.
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

	KindVLANDevice   Kind = "vlan-device"   // a VLAN sub-interface that Weft makes
	KindLinuxBridge  Kind = "linux-bridge"  // a bridge of the kernel that Weft makes
	KindBridgePort   Kind = "bridge-port"   // a device's place in such a bridge
	KindGuard        Kind = "guard"         // the nftables rules that protect the kernel's bridges
	KindGuardMembers Kind = "guard-members" // what those rules know of one port or network
	KindTagFilter    Kind = "tag-filter"    // what keeps tags of 802.1ad from an uplink of Open vSwitch
	KindGuardUplink  Kind = "guard-uplink"  // the nftables rule that keeps strange tags from a NIC

	KindHostFilter   Kind = "host-filter"   // the nftables rules that keep the host's stack from devices not its own
	KindSilentDevice Kind = "silent-device" // a device that they are about
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		KindBridge, KindUplink, KindOVSPort, KindSession, KindFlowSet, KindLink, KindQdisc, KindDHCPBinding, KindRABinding,
		KindArrival, KindAnnouncement,
		KindNamespace, KindVeth, KindAddresses, KindRoute, KindRule, KindNeighbor, KindProxy, KindNATTable, KindNATMapping,
		KindVLANDevice, KindLinuxBridge, KindBridgePort, KindGuard, KindGuardMembers, KindTagFilter, KindGuardUplink,
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

// Object is one thing on a host, desired or observed. Implementations are pointers to plain structs and are not changed
// after they are handed over.
type Object interface {
	// Key names the object.
	Key() Key
	// Owner is the uid of the desired item the object serves. An observed object whose owner cannot be told has "".
	Owner() string
	// DependsOn lists objects that must be programmed before this one is created or updated, and that may be removed
	// only after it is.
	DependsOn() []Key
	// Diff compares the managed fields with an observed object of the same Key and lists the differences; none means
	// equal. It is called on the desired object.
	Diff(observed Object) []Difference
}

// OnDevice is implemented by objects that stand on one netdev or OVS interface which somebody else may have made: when it goes
// and comes back they are gone, or hold what was on another device.
type OnDevice interface {
	// Netdev is the name of the device.
	Netdev() string
}

// Difference is one managed field that is not as desired.
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
