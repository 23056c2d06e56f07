package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Index answers, without walking the slice or the facts, who shares what: which ports a network has, who waits for a
// device, an interface id, a MAC or a VLAN. The engine keeps one, and calls Update for each item it puts into or takes
// out of its slice and Observe for each change of the facts; both return what has to be compiled again. It is not safe
// for use from several goroutines.
type Index struct {
	ports    map[string]portRelations    // by uid, as last updated
	networks map[string]networkRelations // by uid, as last updated
	host     *desired.Host
	routerIndex

	byNetwork     groups[string]    // network uid → ports
	byDevice      groups[string]    // device → ports
	byInterfaceID groups[string]    // interface id → ports
	byMAC         groups[portMAC]   // → ports
	byNumber      groups[uint64]    // host-local network number → networks
	bySegment     groups[segment]   // → networks
	byPhysnet     groups[string]    // physical network → networks
	interfaces    groups[string]    // interface id → OVS interfaces
	strangers     map[string]bool   // OVS interfaces that others made, and that no port has by their interface id
	turned        map[string]bool   // those that became strangers, or ceased to be, in the update under way
	altNames      map[string]string // alternative name → netdev
	facts         object.Facts      // copies of what Observe saw last
}

type portMAC struct {
	network string
	mac     model.MAC
}

type segment struct {
	physnet string
	id      uint16
}

type portRelations struct {
	network, device, interfaceID string
	mac                          model.MAC
}

type networkRelations struct {
	number    uint64
	hasNumber bool
	segment   segment
}

// NewIndex builds the index of a whole slice and of the facts; either may be nil. Its cost is that of both.
func NewIndex(slice *desired.Slice, facts *object.Facts) *Index {
	x := &Index{
		ports: map[string]portRelations{}, networks: map[string]networkRelations{},
		byNetwork: groups[string]{}, byDevice: groups[string]{}, byInterfaceID: groups[string]{},
		byMAC: groups[portMAC]{}, byNumber: groups[uint64]{}, bySegment: groups[segment]{}, byPhysnet: groups[string]{},
		interfaces: groups[string]{}, strangers: map[string]bool{}, turned: map[string]bool{}, altNames: map[string]string{}, routerIndex: newRouterIndex(),
		facts: object.Facts{
			Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{},
		},
	}
	if slice != nil {
		x.host = slice.Host
		for _, n := range slice.Networks {
			x.fileNetwork(n)
		}
		for _, p := range slice.Ports {
			x.filePort(p)
		}
		x.fileRouters(slice)
	}
	if facts != nil {
		x.observeAll(facts)
	}
	clear(x.turned)
	return x
}

// Update files one item as the slice has it now (absent: gone) and returns, sorted, every key that has to be compiled
// again because of it, its own included: the dependents of what it was and of what it is. The slice already holds the
// change.
func (x *Index) Update(slice *desired.Slice, key desired.Key) []desired.Key {
	dirty := x.dependents(slice, key)
	x.refile(slice, key)
	maps.Copy(dirty, x.dependents(slice, key))
	if key.Kind == desired.KindRouter {
		for _, uid := range x.assignTransits() {
			x.addRouterUsers(uid, dirty)
		}
	}
	x.strangersTurned(dirty)
	return dirty.sorted()
}

// refile takes the item over as the slice has it now.
func (x *Index) refile(slice *desired.Slice, key desired.Key) {
	switch key.Kind {
	case desired.KindHost:
		x.host = slice.Host
	case desired.KindNetwork:
		x.dropNetwork(key.UID)
		if n := slice.Networks[key.UID]; n != nil {
			x.fileNetwork(n)
		}
	case desired.KindPort:
		x.dropPort(key.UID)
		if p := slice.Ports[key.UID]; p != nil {
			x.filePort(p)
		}
	case desired.KindRouter:
		x.dropRouter(key.UID)
		if r := slice.Routers[key.UID]; r != nil {
			x.fileRouter(r)
		}
	case desired.KindFloatingIP:
		x.dropFloating(key.UID)
		if f := slice.FloatingIPs[key.UID]; f != nil {
			x.fileFloating(f)
		}
	case desired.KindNeighbors:
		x.dropPart(key.UID)
		if n := slice.Neighbors[key.UID]; n != nil {
			x.filePart(n)
		}
	}
}

// Observe takes over the facts and returns, sorted, the keys that have to be compiled again. With devices named, only
// those are looked at, at a cost that does not depend on the rest; with nil, all facts are compared with those seen last.
func (x *Index) Observe(slice *desired.Slice, facts *object.Facts, devices []string) []desired.Key {
	dirty := keySet{}
	if facts.DatapathType != x.facts.DatapathType || !maps.Equal(facts.ForeignBridges, x.facts.ForeignBridges) {
		x.facts.DatapathType, x.facts.ForeignBridges = facts.DatapathType, maps.Clone(facts.ForeignBridges)
		x.everything(slice, dirty)
	}
	if facts.BridgeNetfilter != x.facts.BridgeNetfilter {
		x.facts.BridgeNetfilter = facts.BridgeNetfilter
		if x.host != nil {
			dirty.add(desired.KindHost, x.host.UID)
		}
	}
	if devices == nil {
		devices = deviceNames(facts, &x.facts)
	}
	for _, d := range devices {
		x.observe(slice, facts, d, dirty)
	}
	x.strangersTurned(dirty)
	return dirty.sorted()
}

func (x *Index) observe(slice *desired.Slice, facts *object.Facts, device string, dirty keySet) {
	link, hasLink := facts.Links[device]
	oldLink, hadLink := x.facts.Links[device]
	iface, hasIface := facts.Interfaces[device]
	oldIface, hadIface := x.facts.Interfaces[device]
	if hasLink == hadLink && hasIface == hadIface && iface == oldIface && sameLink(link, oldLink) {
		return
	}
	x.concerned(slice, device, iface.InterfaceID, dirty)
	for _, alt := range append(slices.Clone(oldLink.AltNames), link.AltNames...) {
		x.concerned(slice, alt, "", dirty)
	}
	x.fileFacts(facts, device)
	if x.strangers[device] && x.host != nil { // it may carry an address now, or none any more
		dirty.add(desired.KindHost, x.host.UID)
	}
}

func (x *Index) observeAll(facts *object.Facts) {
	x.facts.DatapathType, x.facts.ForeignBridges = facts.DatapathType, maps.Clone(facts.ForeignBridges)
	x.facts.BridgeNetfilter = facts.BridgeNetfilter
	for _, d := range deviceNames(facts, &x.facts) {
		x.fileFacts(facts, d)
	}
}

func (x *Index) fileFacts(facts *object.Facts, device string) {
	for _, alt := range x.facts.Links[device].AltNames {
		if x.altNames[alt] == device {
			delete(x.altNames, alt)
		}
	}
	for _, alt := range facts.Links[device].AltNames {
		x.altNames[alt] = device
	}
	if link, ok := facts.Links[device]; ok {
		link.Addresses = slices.Clone(link.Addresses)
		x.facts.Links[device] = link
	} else {
		delete(x.facts.Links, device)
	}
	x.interfaces.remove(x.facts.Interfaces[device].InterfaceID, device)
	if iface, ok := facts.Interfaces[device]; ok {
		x.facts.Interfaces[device] = iface
		x.interfaces.add(iface.InterfaceID, device)
	} else {
		delete(x.facts.Interfaces, device)
	}
	x.fileStranger(device)
}

func deviceNames(all ...*object.Facts) []string {
	names := map[string]struct{}{}
	for _, f := range all {
		for n := range f.Links {
			names[n] = struct{}{}
		}
		for n := range f.Interfaces {
			names[n] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(names))
}

func sameLink(a, b object.LinkFacts) bool {
	return a.Index == b.Index && a.MAC == b.MAC && a.MTU == b.MTU && a.Up == b.Up && a.DefaultRoute == b.DefaultRoute &&
		a.EtcdRoute == b.EtcdRoute && a.Master == b.Master && a.Kind == b.Kind && slices.Equal(a.Addresses, b.Addresses) &&
		slices.Equal(a.AltNames, b.AltNames)
}

func (x *Index) filePort(p *desired.Port) {
	r := portRelations{p.Network, p.Device, p.InterfaceID, p.MAC}
	x.ports[p.UID] = r
	x.byNetwork.add(r.network, p.UID)
	x.byDevice.add(r.device, p.UID)
	x.byInterfaceID.add(r.interfaceID, p.UID)
	x.byMAC.add(portMAC{r.network, r.mac}, p.UID)
	x.fileStrangers(r.interfaceID)
}

func (x *Index) dropPort(uid string) {
	r := x.ports[uid]
	delete(x.ports, uid)
	x.byNetwork.remove(r.network, uid)
	x.byDevice.remove(r.device, uid)
	x.byInterfaceID.remove(r.interfaceID, uid)
	x.byMAC.remove(portMAC{r.network, r.mac}, uid)
	x.fileStrangers(r.interfaceID)
}

func (x *Index) fileNetwork(n *desired.Network) {
	r := networkRelations{segment: segment{n.PhysicalNetwork, n.SegmentationID}}
	r.number, r.hasNumber = NetworkNumber(n.UID)
	x.networks[n.UID] = r
	if r.hasNumber {
		x.byNumber.add(r.number, n.UID)
	}
	x.bySegment.add(r.segment, n.UID)
	x.byPhysnet.add(r.segment.physnet, n.UID)
	if n.Gateway != nil {
		x.extDevices[ExternalLegDevice(n.UID)] = n.UID
	}
}

func (x *Index) dropNetwork(uid string) {
	r := x.networks[uid]
	delete(x.networks, uid)
	delete(x.extDevices, ExternalLegDevice(uid))
	if r.hasNumber {
		x.byNumber.remove(r.number, uid)
	}
	x.bySegment.remove(r.segment, uid)
	x.byPhysnet.remove(r.segment.physnet, uid)
}

// groups files members under what they share; the zero value is "nothing to share".
type groups[K comparable] map[K]map[string]struct{}

func (g groups[K]) add(k K, member string) {
	if k == *new(K) {
		return
	}
	if g[k] == nil {
		g[k] = map[string]struct{}{}
	}
	g[k][member] = struct{}{}
}

func (g groups[K]) remove(k K, member string) {
	delete(g[k], member)
	if len(g[k]) == 0 {
		delete(g, k)
	}
}

// sorted lists the members of a group in order.
func (g groups[K]) sorted(k K) []string {
	members := make([]string, 0, len(g[k]))
	for m := range g[k] {
		members = append(members, m)
	}
	slices.Sort(members)
	return members
}
