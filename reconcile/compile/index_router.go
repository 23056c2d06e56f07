package compile

import (
	"maps"
	"slices"

	"weft/model"
	"weft/model/desired"
)

// routerIndex knows who shares what among routers, floating addresses and neighbours.
type routerIndex struct {
	routers   map[string]routerRelations   // by uid, as last updated
	floatings map[string]floatingRelations // by uid, as last updated
	parts     map[string]string            // neighbours' uid → network

	byLeg         groups[string]      // network uid → routers with a leg on it
	byExternal    groups[string]      // external network uid → routers
	byFloating    groups[floatingKey] // → floating addresses
	byFloatingNet groups[string]      // external network uid → floating addresses
	byRouter      groups[string]      // router uid → floating addresses
	byPart        groups[string]      // network uid → neighbours
	legDevices    map[string]string   // host's end of a leg → router uid
	extDevices    map[string]string   // host's end of an external leg → network uid
	byWatch       groups[string]      // network uid → centralized routers whose hosts watch each other on it
	sessions      map[string]string   // port of a BFD session → network uid

	transits map[string]uint32 // router uid → its slot of transit addresses
}

type floatingKey struct {
	network string
	address model.Address
}

type routerRelations struct {
	networks []string // of its legs
	external string
	watch    string // of a centralized router
	sessions []string
}

type floatingRelations struct {
	key     floatingKey
	routers []string
}

func newRouterIndex() routerIndex {
	return routerIndex{
		routers: map[string]routerRelations{}, floatings: map[string]floatingRelations{}, parts: map[string]string{},
		byLeg: groups[string]{}, byExternal: groups[string]{}, byFloating: groups[floatingKey]{}, byFloatingNet: groups[string]{},
		byRouter: groups[string]{}, byPart: groups[string]{}, legDevices: map[string]string{}, extDevices: map[string]string{}, byWatch: groups[string]{},
		sessions: map[string]string{},
		transits: map[string]uint32{},
	}
}

func (x *routerIndex) fileRouter(r *desired.Router) {
	rel := routerRelations{external: r.External}
	for _, leg := range r.Legs[:min(len(r.Legs), maxLegs)] {
		rel.networks = append(rel.networks, leg.Network)
		x.byLeg.add(leg.Network, r.UID)
		x.legDevices[LegDevice(r.UID, leg.Network)] = r.UID
	}
	x.byExternal.add(rel.external, r.UID)
	if g := r.Central; g != nil {
		rel.watch = g.Watch
		x.byWatch.add(g.Watch, r.UID)
		x.legDevices[CentralLegDevice(r.UID, r.External)] = r.UID
		for _, p := range g.Peers[:min(len(g.Peers), desired.MaxGatewayPeers)] {
			for _, device := range []string{SessionDevice(g.Watch, p.Node), sessionWire(g.Watch, p.Node)} {
				x.sessions[device] = g.Watch
				rel.sessions = append(rel.sessions, device)
			}
		}
	}
	x.routers[r.UID] = rel
}

func (x *routerIndex) dropRouter(uid string) {
	rel := x.routers[uid]
	delete(x.routers, uid)
	for _, n := range rel.networks {
		x.byLeg.remove(n, uid)
		delete(x.legDevices, LegDevice(uid, n))
	}
	x.byExternal.remove(rel.external, uid)
	delete(x.legDevices, CentralLegDevice(uid, rel.external))
	x.byWatch.remove(rel.watch, uid)
	if len(x.byWatch[rel.watch]) == 0 {
		for _, device := range rel.sessions {
			delete(x.sessions, device)
		}
	}
}

func (x *routerIndex) fileFloating(f *desired.FloatingIP) {
	rel := floatingRelations{key: floatingKey{f.Network, f.Address}}
	if f.Router != "" {
		rel.routers = append(rel.routers, f.Router)
	}
	for _, w := range f.Forwards[:min(len(f.Forwards), maxForwards)] {
		if w.Router != "" && !slices.Contains(rel.routers, w.Router) {
			rel.routers = append(rel.routers, w.Router)
		}
	}
	for _, r := range rel.routers {
		x.byRouter.add(r, f.UID)
	}
	x.byFloating.add(rel.key, f.UID)
	x.byFloatingNet.add(f.Network, f.UID)
	x.floatings[f.UID] = rel
}

func (x *routerIndex) dropFloating(uid string) {
	rel := x.floatings[uid]
	delete(x.floatings, uid)
	for _, r := range rel.routers {
		x.byRouter.remove(r, uid)
	}
	x.byFloating.remove(rel.key, uid)
	x.byFloatingNet.remove(rel.key.network, uid)
}

func (x *routerIndex) filePart(n *desired.Neighbors) {
	x.parts[n.UID] = n.Network
	x.byPart.add(n.Network, n.UID)
}

func (x *routerIndex) dropPart(uid string) {
	x.byPart.remove(x.parts[uid], uid)
	delete(x.parts, uid)
}

// legOwner is the router that has a network: of several the one with the lowest uid that is fit to be wired; empty for none.
func (x *routerIndex) legOwner(slice *desired.Slice, network string) string {
	for _, uid := range x.byLeg.sorted(network) {
		if r := slice.Routers[uid]; r != nil && routerFault(r) == "" {
			return uid
		}
	}
	return ""
}

// assignTransits gives each router a slot of transit addresses of its own and returns those whose slot is another than
// before: in the order of their uids each takes its first choice that is still free. Only a clash of choices makes one depend
// on another.
func (x *routerIndex) assignTransits() (changed []string) {
	taken := make(map[uint32]bool, len(x.routers))
	now := make(map[string]uint32, len(x.routers))
	for _, uid := range slices.Sorted(maps.Keys(x.routers)) {
		if len(now) == transitSlots/2 {
			break // more routers than any host can hold
		}
		for n := uint32(0); ; n++ {
			if slot := transitCandidate(uid, n); !taken[slot] {
				taken[slot], now[uid] = true, slot
				break
			}
		}
		if before, had := x.transits[uid]; !had || before != now[uid] {
			changed = append(changed, uid)
		}
	}
	x.transits = now
	return changed
}

// addRouter adds a router, those it competes with for a network, and what stands on its networks and in its namespace.
func (x *Index) addRouter(uid string, dirty keySet) {
	x.addRouterUsers(uid, dirty)
	for _, n := range x.routers[uid].networks {
		for peer := range x.byLeg[n] {
			x.addRouterUsers(peer, dirty)
		}
		for port := range x.byNetwork[n] { // what they are told of their gateway
			x.addPort(port, dirty)
		}
		for port := range x.byDevice[LegDevice(uid, n)] {
			x.addPort(port, dirty)
		}
		for part := range x.byPart[n] {
			dirty.add(desired.KindNeighbors, part)
		}
	}
}

// addWatchers adds a network, and the centralized routers whose hosts watch each other on it, with what depends on who is
// active.
func (x *Index) addWatchers(network string, dirty keySet) {
	dirty.add(desired.KindNetwork, network)
	for uid := range x.byWatch[network] {
		x.addRouterUsers(uid, dirty)
	}
}

func (x *Index) addRouterUsers(uid string, dirty keySet) {
	dirty.add(desired.KindRouter, uid)
	if rel := x.routers[uid]; rel.watch != "" { // it stands in its networks' flood lists
		for _, n := range append([]string{rel.watch, rel.external}, rel.networks...) {
			if n != "" {
				dirty.add(desired.KindNetwork, n)
			}
		}
	}
	for f := range x.byRouter[uid] {
		dirty.add(desired.KindFloatingIP, f)
	}
}

// addFloating adds a floating address and those that want the same.
func (x *Index) addFloating(uid string, dirty keySet) {
	dirty.add(desired.KindFloatingIP, uid)
	for peer := range x.byFloating[x.floatings[uid].key] {
		dirty.add(desired.KindFloatingIP, peer)
	}
}

// addNetworkRouters adds what stands on a network beside its ports.
func (x *Index) addNetworkRouters(uid string, dirty keySet) {
	for r := range x.byLeg[uid] {
		x.addRouterUsers(r, dirty)
	}
	for r := range x.byExternal[uid] {
		dirty.add(desired.KindRouter, r)
	}
	for part := range x.byPart[uid] {
		dirty.add(desired.KindNeighbors, part)
	}
	for port := range x.byDevice[ExternalLegDevice(uid)] {
		x.addPort(port, dirty)
	}
	for f := range x.byFloatingNet[uid] {
		dirty.add(desired.KindFloatingIP, f)
	}
}

func (x *Index) fileRouters(slice *desired.Slice) {
	for _, r := range slice.Routers {
		x.fileRouter(r)
	}
	for _, f := range slice.FloatingIPs {
		x.fileFloating(f)
	}
	for _, n := range slice.Neighbors {
		x.filePart(n)
	}
	x.assignTransits()
}
