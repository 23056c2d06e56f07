package compile

import (
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Reader gives everything that compiling an item may use, and records what was asked for. It serves one item, in one goroutine.
type Reader struct {
	config *desired.NodeConfig
	facts  *object.Facts
	index  *Index
	reads  map[Read]struct{}
}

func (r *Reader) note(of Source, name string) { r.reads[Read{of, name}] = struct{}{} }

// list is what was read.
func (r *Reader) list() []Read {
	reads := make([]Read, 0, len(r.reads))
	for k := range r.reads {
		reads = append(reads, k)
	}
	return reads
}

// derive returns a value that results are made of. It is computed once and kept until something that it was made of changes. A result
// that uses several values records once the read within which they are.
func (r *Reader) derive(of, within Read, compute func(*Reader) uint32) uint32 {
	x := &r.index.recorded
	if n := x.derived[of]; n != nil {
		return n.value
	}
	own := &Reader{r.config, r.facts, r.index, map[Read]struct{}{}}
	n := &node{derived: of, within: within, value: compute(own)}
	x.record(n, own.list())
	x.derived[of] = n
	return n.value
}

// Host is the host's item; nil when there is none.
func (r *Reader) Host() *desired.Host {
	r.note(ReadHost, "")
	return r.config.Host()
}

// Network finds a network by its uid; nil when there is none, as with the other items.
func (r *Reader) Network(uid string) *desired.Network {
	r.note(ReadNetwork, uid)
	return r.config.Network(uid)
}

// Port finds a port by its uid.
func (r *Reader) Port(uid string) *desired.Port {
	r.note(ReadPort, uid)
	return r.config.Port(uid)
}

// Router finds a router by its uid.
func (r *Reader) Router(uid string) *desired.Router {
	r.note(ReadRouter, uid)
	return r.config.Router(uid)
}

// FloatingIP finds a floating address by its uid.
func (r *Reader) FloatingIP(uid string) *desired.FloatingIP {
	r.note(ReadFloatingIP, uid)
	return r.config.FloatingIP(uid)
}

// Neighbors finds a shard of a network's neighbor entries by its uid.
func (r *Reader) Neighbors(uid string) *desired.Neighbors {
	r.note(ReadNeighbors, uid)
	return r.config.Neighbors(uid)
}

// SecurityGroup finds a security group by its uid.
func (r *Reader) SecurityGroup(uid string) *desired.SecurityGroup {
	r.note(ReadSecurityGroup, uid)
	return r.config.SecurityGroup(uid)
}

// GroupMembers finds a shard of the members of a security group by its uid.
func (r *Reader) GroupMembers(uid string) *desired.GroupMembers {
	r.note(ReadGroupMembers, uid)
	return r.config.GroupMembers(uid)
}

// Metadata finds what the guest of a port is configured with by the port's uid.
func (r *Reader) Metadata(port string) *desired.Metadata {
	r.note(ReadMetadata, port)
	return r.config.Metadata(port)
}

// Item finds an item of any kind; nil when there is none, or when the host does not know the kind.
func (r *Reader) Item(k desired.Key) desired.Item {
	kind, ok := r.index.kinds.find(k.Kind)
	if !ok {
		return nil
	}
	r.reads[kind.read(k.UID)] = struct{}{}
	return r.config.Item(k)
}

// Link is what the kernel says of a netdev; false when there is none of that name.
func (r *Reader) Link(device string) (object.LinkFacts, bool) {
	r.note(ReadLink, device)
	l, ok := r.facts.Links[device]
	return l, ok
}

// Interface is what Open vSwitch says of an interface; false when it has none of that name.
func (r *Reader) Interface(name string) (object.InterfaceFacts, bool) {
	r.note(ReadInterface, name)
	i, ok := r.facts.Interfaces[name]
	return i, ok
}

// ForeignBridge says why a bridge is not Weft's; false when it may be Weft's.
func (r *Reader) ForeignBridge(name string) (why string, foreign bool) {
	r.note(ReadForeignBridge, name)
	why, foreign = r.facts.ForeignBridges[name]
	return why, foreign
}

// DatapathType is Open vSwitch's datapath_type.
func (r *Reader) DatapathType() string {
	r.note(ReadDatapathType, "")
	return r.facts.DatapathType
}

// NoIPv6 says that the host's kernel has no IPv6.
func (r *Reader) NoIPv6() bool {
	r.note(ReadNoIPv6, "")
	return r.facts.NoIPv6
}

// BridgeNetfilter says how the host's iptables filter bridged frames; empty when they do not.
func (r *Reader) BridgeNetfilter() string {
	r.note(ReadBridgeNetfilter, "")
	return r.facts.BridgeNetfilter
}

// NoBridgeFilter says why the host cannot filter the ports of the kernel's bridges; empty as long as it could.
func (r *Reader) NoBridgeFilter() string {
	r.note(ReadNoBridgeFilter, "")
	return r.facts.NoBridgeFilter
}

// Transit is a router's slot of transit addresses.
func (r *Reader) Transit(router string) uint32 {
	r.note(ReadTransit, router)
	return r.index.transits[router]
}

// Zone is a network's zone of the connection tracker, between 1 and 65535. It is 0 for a network that is not here.
func (r *Reader) Zone(network string) uint16 {
	r.note(ReadZone, network)
	return uint16(r.index.zones[network])
}

// Group returns the members of a group, which must not be changed. A group without a name has no members.
func (r *Reader) Group(of Source, name string) map[string]struct{} {
	r.note(of, name)
	return r.index.groups[Read{of, name}]
}

// Sorted lists the members of a group in order.
func (r *Reader) Sorted(of Source, name string) []string {
	group := r.Group(of, name)
	members := make([]string, 0, len(group))
	for m := range group {
		members = append(members, m)
	}
	slices.Sort(members)
	return members
}

// AltName finds the netdev that has an alternative name.
func (r *Reader) AltName(name string) (device string, ok bool) {
	for _, device := range r.Sorted(GroupAltName, name) {
		return device, true
	}
	return "", false
}
