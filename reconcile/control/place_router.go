package control

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// route looks at the router on every node that has it, is to have it or has guests of its networks.
func (p *planner) route(router *etcdschema.Accepted, v *verdict) {
	s := router.Object.Spec.(*model.RouterSpec)
	key := desired.Key{Kind: desired.KindRouter, UID: router.UID}
	names := maps.Clone(p.cache.placed[key])
	if names == nil {
		names = map[string]struct{}{}
	}
	for name := range p.trouble[router.UID] {
		names[name] = struct{}{}
	}
	for _, name := range router.Allocated.GatewayHosts {
		names[name] = struct{}{}
	}
	for _, id := range s.NetworkIDs(router.Object.Metadata.Project) {
		if n := p.cache.accepted[id]; n != nil {
			maps.Copy(names, p.cache.placed[desired.Key{Kind: desired.KindNetwork, UID: n.UID}])
		}
	}
	for name := range names {
		p.queue.add(unit{kind: unitItem, node: name, item: key})
	}
	if isCentral(router) {
		v.sees = append(v.sees, gatewaySight)
		if field, why := p.cache.centralLacks(router); why != "" {
			v.pending(field, why)
		}
	}
	if x := p.cache.externalOf(router); x != nil {
		physical := x.Object.Spec.(*model.NetworkSpec).PhysicalNetwork
		v.sees = append(v.sees, mappedSight(physical))
		if len(p.cache.mapped[physical]) == 0 {
			v.pending("spec.externalNetwork", fmt.Sprintf("no host has an interface on physical network %s, which carries %s: map it in spec.physicalNetworks of the hosts",
				physical, x.Object.ID()))
		}
	}
}

// wantsRouter says that the router belongs on the node: a centralized one on its gateway hosts, a distributed one where
// its networks have guests.
func (c *Cache) wantsRouter(name string, router *etcdschema.Accepted) bool {
	switch router.Object.Spec.(*model.RouterSpec).Mode() {
	case model.GatewayCentralized:
		return slices.Contains(router.Allocated.GatewayHosts, name)
	case model.GatewayDistributed:
		return c.hasGuests(name, router)
	}
	return false
}

// hasGuests says that the node has guests of the router's networks.
func (c *Cache) hasGuests(name string, router *etcdschema.Accepted) bool {
	s := router.Object.Spec.(*model.RouterSpec)
	n := c.node(name)
	for _, id := range s.NetworkIDs(router.Object.Metadata.Project) {
		if a := c.accepted[id]; a != nil && n.networks[a.UID] > 0 && c.routerOf(a.UID) == router {
			return true
		}
	}
	return false
}

// unroutable says why the host cannot have the distributed router; empty when it can.
func unroutable(c *Cache, name string, host *model.HostSpec, router *etcdschema.Accepted) string {
	s := router.Object.Spec.(*model.RouterSpec)
	if s.Mode() != model.GatewayDistributed {
		return "has gateway " + string(s.Mode())
	}
	if f, lacks := c.nodes[name].lacks(desired.FeatureRouter); lacks {
		return fmt.Sprintf("needs feature %s, which host %s does not have: upgrade weftd there", f, name)
	}
	if why := unmapped(c, host, s, router.Object.Metadata.Project); why != "" {
		return fmt.Sprintf("host %s %s", name, why)
	}
	return ""
}

// routerOn makes the router on a node what it must be, with the networks and neighbours it needs there; router is nil
// when the item stands for nothing.
func (p *planner) routerOn(r *round, name string, k desired.Key, router *etcdschema.Accepted) error {
	n := p.cache.node(name)
	was, _ := entryValue[*desired.Router](n.items[k])
	var is *desired.Router
	why := ""
	if router != nil && p.cache.wantsRouter(name, router) {
		is, why = p.resolveRouter(name, router)
	}
	if why != "" {
		why = fmt.Sprintf("is not on host %s: %s", name, why)
	} else if router != nil && is == nil {
		why = p.cache.untold(name, router)
	}
	p.noteTrouble(k.UID, name, why)
	if is == nil {
		p.removeItem(r, name, k)
	} else if _, err := p.putItem(r, name, is); err != nil {
		return err
	}
	if id, ok := p.cache.ids[k.UID]; ok {
		p.statusOf(id)
	}
	if was != nil || is != nil {
		p.touchHost(name)
	}
	for _, uid := range p.networksAround(router, was, is) {
		if err := p.item(r, name, desired.Key{Kind: desired.KindNetwork, UID: uid}); err != nil {
			return err
		}
	}
	p.wakeCentral(was, is)
	p.wakeNeighbors(name, was, is)
	return nil
}

// touchHost looks at the host's own claims, which depend on the routers on it.
func (p *planner) touchHost(name string) {
	if p.cache.accepted[hostID(name)] != nil {
		p.touch(hostID(name))
	}
}

// noteTrouble remembers what keeps a router from a node, or from the guests there, for its status.
func (p *planner) noteTrouble(uid, name, why string) {
	switch {
	case why == "":
		delete(p.trouble[uid], name)
		if len(p.trouble[uid]) == 0 {
			delete(p.trouble, uid)
		}
	case p.trouble[uid] == nil:
		p.trouble[uid] = map[string]string{name: why}
	default:
		p.trouble[uid][name] = why
	}
}

// resolveRouter is the router's item on a node, or why there is none.
func (p *planner) resolveRouter(name string, router *etcdschema.Accepted) (*desired.Router, string) {
	host := p.cache.accepted[hostID(name)]
	if host == nil {
		return nil, fmt.Sprintf("host %s does not exist or is not accepted yet", name)
	}
	if isCentral(router) {
		if _, why := p.cache.centralLacks(router); why != "" {
			return nil, "" // the router's own verdict says so
		}
		if why := p.cache.unfit(name, router.Object.Metadata.Project, router.Object.Spec.(*model.RouterSpec), true); why != "" {
			return nil, why
		}
	} else if why := unroutable(p.cache, name, host.Object.Spec.(*model.HostSpec), router); why != "" {
		return nil, why
	}
	if prefix, lacks := p.cache.unclaimedPrefix(router); lacks {
		return nil, fmt.Sprintf("the router has no claim of %s", prefix)
	}
	item := &desired.Router{UID: router.UID, Project: router.Object.Metadata.Project, Name: router.Object.Metadata.Name}
	if !isCentral(router) {
		if why := p.hostReady(name, host, router, item); why != "" {
			p.touchHost(name)
			return nil, why
		}
	}
	s := router.Object.Spec.(*model.RouterSpec)
	for _, id := range s.NetworkIDs(item.Project) {
		a := p.cache.accepted[id]
		if p.cache.routerOf(a.UID) != router {
			return nil, fmt.Sprintf("%s is not its own on its present incarnation", id)
		}
		leg := desired.RouterLeg{Network: a.UID, Addresses: []netip.Prefix{}}
		for _, sub := range a.Object.Spec.(*model.NetworkSpec).Subnets {
			leg.Addresses = append(leg.Addresses, netip.PrefixFrom(sub.ReservedGateway().Addr, sub.CIDR.Bits()))
		}
		item.Legs = append(item.Legs, leg)
	}
	slices.SortFunc(item.Legs, func(a, b desired.RouterLeg) int { return strings.Compare(a.Network, b.Network) })
	if isCentral(router) {
		p.cache.resolveCentral(router, item)
	}
	return item, ""
}

// hostReady fills in the external network once the host has what a router needs there.
func (p *planner) hostReady(name string, host, router *etcdschema.Accepted, item *desired.Router) string {
	if host.Allocated.MAC.IsZero() {
		return fmt.Sprintf("waits for a MAC of host %s", name)
	}
	x := p.cache.externalOf(router)
	if x == nil {
		return ""
	}
	item.External = x.UID
	if lack := lacking(x, p.cache.externalAddresses(hostID(name), x.UID)); lack != nil {
		return fmt.Sprintf("waits for an address of host %s in %s of %s: when none is free, add a subnet or an allocation pool", name, cidrs(lack), x.Object.ID())
	}
	return ""
}

// networksAround are the networks whose items on a node a look at a router concerns: those of its item, old and new, and
// for guests of a centralized router those of all its legs.
func (p *planner) networksAround(router *etcdschema.Accepted, was, is *desired.Router) []string {
	list := routedNetworks(was, is)
	if router == nil || !isCentral(router) {
		return list
	}
	for _, id := range router.Object.Spec.(*model.RouterSpec).NetworkIDs(router.Object.Metadata.Project) {
		if a := p.cache.accepted[id]; a != nil && !slices.Contains(list, a.UID) {
			list = append(list, a.UID)
		}
	}
	return list
}

// untold says why guests on the node are not told of a centralized router; empty when they are, or there are none.
func (c *Cache) untold(name string, router *etcdschema.Accepted) string {
	if f, lacks := c.node(name).lacks(desired.FeatureRouter); lacks && isCentral(router) && c.hasGuests(name, router) {
		return fmt.Sprintf("guests on host %s have no gateway: needs feature %s, which the host does not have: upgrade weftd there", name, f)
	}
	return ""
}

// routedNetworks are the uids of all networks that a router's item, old or new, names.
func routedNetworks(items ...*desired.Router) []string {
	set := map[string]struct{}{}
	for _, it := range items {
		if it == nil {
			continue
		}
		for _, leg := range it.Legs {
			set[leg.Network] = struct{}{}
		}
		if it.External != "" {
			set[it.External] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// wakeNeighbors looks at all parts of the neighbours of the router's networks on the node.
func (p *planner) wakeNeighbors(name string, was, is *desired.Router) {
	for _, it := range []*desired.Router{was, is} {
		if it == nil {
			continue
		}
		for _, leg := range it.Legs {
			for i := range partsFor(p.cache.memberCount(p.cache.ids[leg.Network])) {
				p.queue.add(unit{kind: unitItem, node: name, item: neighborsKey(leg.Network, i)})
			}
			if p.cache.node(name).legs[leg.Network] == 0 {
				p.dropNeighbors(name, leg.Network)
			}
		}
	}
}

// dropNeighbors looks at every part that the node holds of a network, however many there once were.
func (p *planner) dropNeighbors(name, network string) {
	for k := range p.cache.node(name).items {
		if uid, _, ok := parseNeighbors(k); ok && k.Kind == desired.KindNeighbors && uid == network {
			p.queue.add(unit{kind: unitItem, node: name, item: k})
		}
	}
}

// gatewayOn is the place on an external network of whoever has the addresses there.
func gatewayOn(network *etcdschema.Accepted, own []model.Address) *desired.NodeGateway {
	s := network.Object.Spec.(*model.NetworkSpec)
	g := &desired.NodeGateway{Addresses: []netip.Prefix{}, RoutedIPv6: s.External.Mode() == model.ExternalIPv6Routed,
		ConnectionLimits: s.External.ConnectionLimits}
	for _, a := range own {
		if p, sub, ok := prefixIn(s, a); ok {
			g.Addresses = append(g.Addresses, p)
			g.NextHops = append(g.NextHops, sub.Gateway)
		}
	}
	return g
}

// troubles bounds how many nodes a status names.
const troubles = 5

// outlook is the object's phase and reasons, with what keeps a router from nodes.
func (p *planner) outlook(id model.ID, v *verdict) (etcdschema.Phase, []etcdschema.Reason) {
	acc := p.cache.accepted[id]
	if acc == nil || id.Kind != model.KindRouter || len(p.trouble[acc.UID]) == 0 {
		return v.phase, v.reasons
	}
	out := verdict{phase: v.phase, reasons: slices.Clone(v.reasons)}
	names := slices.Sorted(maps.Keys(p.trouble[acc.UID]))
	for i, name := range names {
		if i == troubles {
			out.pending("", fmt.Sprintf("the same or another reason on %d more hosts", len(names)-troubles))
			break
		}
		out.pending("", p.trouble[acc.UID][name])
	}
	return out.phase, out.reasons
}
