package control

import (
	"reflect"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// putItem writes an item of a slice and looks again at the objects that have looked at it.
func (p *planner) putItem(r *round, name string, it desired.Item) (bool, error) {
	changed, err := r.putItem(name, it)
	if changed {
		p.wakeSeen(itemSight(name, it.Key()))
	}
	return changed, err
}

func (p *planner) removeItem(r *round, name string, k desired.Key) bool {
	gone := r.removeItem(name, k)
	if gone {
		p.wakeSeen(itemSight(name, k))
	}
	return gone
}

// itemSight, networkSight and mappedSight name what an object may have looked at: an item of a slice, which router a
// network is on, and whether any host reaches a physical network.
func itemSight(name string, k desired.Key) string { return etcdschema.DesiredKey(name, k).String() }
func networkSight(uid string) string              { return etcdschema.RouterNetworkClaim(uid).String() }

func mappedSight(physical string) string { return "mapped/" + physical }

func (p *planner) wakeSeen(sight string) {
	for id := range p.seen[sight] {
		p.touch(id)
	}
}

// wakeClaim looks at what depends on who has a claim: objects that have looked at it, and who is where on a network.
func (p *planner) wakeClaim(k etcdschema.Key) {
	p.wakeSeen(k.String())
	uid, addr, ok := etcdschema.ParseAddressClaim(k)
	if !ok {
		return
	}
	router := p.cache.routerOf(uid)
	if router == nil {
		return
	}
	part := partOf(addr, partsFor(p.cache.memberCount(p.cache.ids[uid])))
	for name := range p.cache.placed[desired.Key{Kind: desired.KindRouter, UID: router.UID}] {
		p.touchSet(unit{kind: unitItem, node: name, item: neighborsKey(uid, part)})
	}
}

// wakeRouting looks at what routers make of an accepted object that changed; old or now is nil when it came or went.
func (p *planner) wakeRouting(id model.ID, old, now *etcdschema.Accepted) {
	switch id.Kind {
	case model.KindHost:
		if old == nil || now == nil || !reflect.DeepEqual(old.Object.Spec, now.Object.Spec) || !reflect.DeepEqual(old.Allocated, now.Allocated) {
			p.wakeRouters(id.Name)
			p.wakeMapped(old, now)
			p.wakeGateways(old, now)
		}
	case model.KindNetwork:
		p.wakeHostsOf(old)
		p.wakeHostsOf(now)
	case model.KindRouter:
		for _, a := range []*etcdschema.Accepted{old, now} {
			p.wakeLegs(a)
		}
	case model.KindPort:
		p.wakeMembers(old, now)
	}
}

// wakeMapped looks at the routers for which it matters that some host reaches a physical network, when the first one
// comes or the last one goes.
func (p *planner) wakeMapped(hosts ...*etcdschema.Accepted) {
	for _, h := range hosts {
		if h == nil {
			continue
		}
		for _, m := range h.Object.Spec.(*model.HostSpec).PhysicalNetworks {
			if len(p.cache.mapped[m.Name]) <= 1 {
				p.wakeSeen(mappedSight(m.Name))
			}
		}
	}
}

// wakeHostsOf looks at the hosts that have addresses of their own on the external network.
func (p *planner) wakeHostsOf(network *etcdschema.Accepted) {
	if network == nil || network.Object.Spec.(*model.NetworkSpec).External == nil {
		return
	}
	for name := range p.cache.placed[desired.Key{Kind: desired.KindNetwork, UID: network.UID}] {
		p.touch(hostID(name))
	}
}

// wakeLegs looks at the floating addresses behind a router.
func (p *planner) wakeLegs(router *etcdschema.Accepted) {
	if router == nil {
		return
	}
	s := router.Object.Spec.(*model.RouterSpec)
	for _, id := range s.NetworkIDs(router.Object.Metadata.Project) {
		if n := p.cache.accepted[id]; n != nil {
			p.wakeSeen(networkSight(n.UID))
		}
	}
}

// wakeRouters looks at every router that concerns the node.
func (p *planner) wakeRouters(name string) {
	n := p.cache.node(name)
	for uid := range n.networks {
		p.routeNetwork(name, uid)
	}
	for k := range n.items {
		if k.Kind == desired.KindRouter {
			p.queue.add(unit{kind: unitItem, node: name, item: k})
		}
	}
}

// routeNetwork looks at the router of a network on a node, when it is there and should not be, or the other way round,
// or cannot be.
func (p *planner) routeNetwork(name, network string) {
	router := p.cache.routerOf(network)
	if router == nil {
		return
	}
	n := p.cache.node(name)
	if n.networks[network] > 0 && n.legs[network] > 0 && p.trouble[router.UID][name] == "" {
		return
	}
	p.queue.add(unit{kind: unitItem, node: name, item: desired.Key{Kind: desired.KindRouter, UID: router.UID}})
}

// wakeMembers looks at the parts of neighbours that a port's change concerns, on every node with a router of the network.
func (p *planner) wakeMembers(old, now *etcdschema.Accepted) {
	was, wasOn := membersOf(old)
	is, isOn := membersOf(now)
	if wasOn == isOn {
		if !reflect.DeepEqual(was, is) {
			p.wakeParts(isOn, was, is)
		}
		return
	}
	p.wakeParts(wasOn, was, nil)
	p.wakeParts(isOn, nil, is)
}

// membersOf are the addresses that a port adds to a network.
func membersOf(a *etcdschema.Accepted) (map[member]model.MAC, model.ID) {
	if a == nil {
		return nil, model.ID{}
	}
	s := a.Object.Spec.(*model.PortSpec)
	network := s.NetworkID(a.Object.Metadata.Project)
	if s.Host == "" {
		return nil, network
	}
	out := make(map[member]model.MAC, len(a.Allocated.Addresses))
	for _, addr := range a.Allocated.Addresses {
		out[member{addr, a.UID}] = a.Allocated.MAC
	}
	return out, network
}

// wakeParts looks at the parts that hold what differs; at all of them when their number has changed.
func (p *planner) wakeParts(id model.ID, was, is map[member]model.MAC) {
	network := p.cache.accepted[id]
	if network == nil {
		return
	}
	router := p.cache.routerOf(network.UID)
	if router == nil || len(was)+len(is) == 0 {
		return
	}
	after := p.cache.memberCount(id)
	parts, before := partsFor(after), partsFor(after-len(is)+len(was))
	dirty := map[int]struct{}{}
	for _, m := range []map[member]model.MAC{was, is} {
		for k, mac := range m {
			if was[k] != mac || is[k] != mac {
				dirty[partOf(k.address, parts)] = struct{}{}
			}
		}
	}
	if parts != before {
		for i := range max(parts, before) {
			dirty[i] = struct{}{}
		}
	}
	for name := range p.cache.placed[desired.Key{Kind: desired.KindRouter, UID: router.UID}] {
		for i := range dirty {
			p.touchSet(unit{kind: unitItem, node: name, item: neighborsKey(network.UID, i)})
		}
	}
}
