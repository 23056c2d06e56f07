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

// route starts the router's items on every node that has it, must have it, or has guests of its networks.
func (p *planner) route(router *etcdschema.Accepted, cond *condition) {
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
		p.begin(unit{kind: unitItem, node: name, item: key})
	}
	if isCentral(router) {
		p.reader.gateways()
		if field, why := p.reader.centralLacks(router); why != "" {
			cond.pending(field, why)
		}
	}
	if x := p.reader.externalOf(router); x != nil {
		physical := x.Object.Spec.(*model.NetworkSpec).PhysicalNetwork
		if !p.reader.mapped(physical) {
			cond.pending("spec.externalNetwork",
				fmt.Sprintf("no host has an interface on physical network %s, which carries %s: map it in spec.physicalNetworks of the hosts",
					physical, x.Object.ID()))
		}
	}
}

// beginRouters starts the items of every router that concerns the node.
func (p *planner) beginRouters(name string) {
	n := p.cache.node(name)
	for uid := range n.networks {
		p.beginRouter(name, uid)
	}
	for k := range n.items {
		if k.Kind == desired.KindRouter {
			p.begin(unit{kind: unitItem, node: name, item: k})
		}
	}
}

// beginRouter starts the item of a network's router on a node.
func (p *planner) beginRouter(name, network string) {
	if router := p.cache.routerOf(network); router != nil {
		p.begin(unit{kind: unitItem, node: name, item: desired.Key{Kind: desired.KindRouter, UID: router.UID}})
	}
}

// wantsRouter says that the router belongs on the node: a centralized one on its gateway hosts, a distributed one on the nodes that
// have guests of its networks.
func (s *reader) wantsRouter(name string, router *etcdschema.Accepted) bool {
	switch router.Object.Spec.(*model.RouterSpec).Mode() {
	case model.GatewayCentralized:
		return slices.Contains(router.Allocated.GatewayHosts, name)
	case model.GatewayDistributed:
		return s.guestsOf(name, router)
	}
	return false
}

// guestsOf says that the node has guests of the router's networks.
func (s *reader) guestsOf(name string, router *etcdschema.Accepted) bool {
	spec := router.Object.Spec.(*model.RouterSpec)
	for _, id := range spec.NetworkIDs(router.Object.Metadata.Project) {
		if a := s.accepted(id); a != nil && s.hasGuests(name, a.UID) && s.routerOf(a.UID) == router {
			return true
		}
	}
	return false
}

// unroutable says why the host cannot have the distributed router; empty when it can.
func (s *reader) unroutable(name string, host *model.HostSpec, router *etcdschema.Accepted) string {
	spec := router.Object.Spec.(*model.RouterSpec)
	if spec.Mode() != model.GatewayDistributed {
		return "has gateway " + string(spec.Mode())
	}
	if f, lacks := s.lacks(name, desired.FeatureRouter); lacks {
		return fmt.Sprintf("needs feature %s, which host %s does not have: upgrade weftd there", f, name)
	}
	if why := s.unmapped(host, spec, router.Object.Metadata.Project); why != "" {
		return fmt.Sprintf("host %s %s", name, why)
	}
	return ""
}

// routerOn updates the router on a node with the networks that it needs there, and starts its neighbours.
func (p *planner) routerOn(tx *transaction, name string, k desired.Key) error {
	return p.reading(unit{kind: unitItem, node: name, item: k}, func() error { return p.routerItem(tx, name, k) })
}

func (p *planner) routerItem(tx *transaction, name string, k desired.Key) error {
	was, _ := entryValue[*desired.Router](p.cache.node(name).items[k])
	router, is, why := p.routerFor(name, k)
	p.noteTrouble(k.UID, name, why)
	if is == nil {
		tx.removeItem(name, k)
	} else if _, err := tx.putItem(name, is); err != nil {
		return err
	}
	if id, ok := p.cache.ids[k.UID]; ok {
		p.statusOf(id)
	}
	if was != nil || is != nil {
		p.beginHost(name)
	}
	for _, uid := range p.networksAround(router, was, is) {
		if err := p.item(tx, name, desired.Key{Kind: desired.KindNetwork, UID: uid}); err != nil {
			return err
		}
	}
	p.tellNeighbors(name, is)
	return nil
}

// routerFor returns the router of an item on a node, and what the item must be. The item is nil when it must not exist. why says
// what is not as it should be.
func (p *planner) routerFor(name string, k desired.Key) (router *etcdschema.Accepted, is *desired.Router, why string) {
	router = p.reader.withUID(k.UID)
	if router == nil || router.Object.ID().Kind != model.KindRouter {
		p.reader.forget() // the router starts the item when it is accepted
		return nil, nil, ""
	}
	p.reader.accepted(router.Object.ID())
	if !p.reader.wantsRouter(name, router) {
		return router, nil, p.reader.untold(name, router)
	}
	is, why = p.resolveRouter(name, router)
	if why != "" {
		return router, is, fmt.Sprintf("is not on host %s: %s", name, why)
	}
	if is == nil {
		why = p.reader.untold(name, router)
	}
	return router, is, why
}

// beginHost starts the unit of the host, which claims what the routers on it need.
func (p *planner) beginHost(name string) {
	if p.cache.accepted[hostID(name)] != nil {
		p.begin(unit{kind: unitObject, id: hostID(name)})
	}
}

// noteTrouble remembers, for the router's status, why it is not on a node, or why guests there have no gateway.
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

// resolveRouter makes the router's item on a node, or says why there is none.
func (p *planner) resolveRouter(name string, router *etcdschema.Accepted) (*desired.Router, string) {
	host := p.reader.accepted(hostID(name))
	if host == nil {
		return nil, fmt.Sprintf("host %s does not exist or is not accepted yet", name)
	}
	if isCentral(router) {
		if _, why := p.reader.centralLacks(router); why != "" {
			return nil, "" // the router's own condition has the reason
		}
		if why := p.reader.unfit(name, router.Object.Metadata.Project, router.Object.Spec.(*model.RouterSpec), true); why != "" {
			return nil, why
		}
	} else if why := p.reader.unroutable(name, host.Object.Spec.(*model.HostSpec), router); why != "" {
		return nil, why
	}
	if prefix, lacks := p.reader.unclaimedPrefix(router); lacks {
		return nil, fmt.Sprintf("the router has no claim of %s", prefix)
	}
	item := &desired.Router{UID: router.UID, Project: router.Object.Metadata.Project, Name: router.Object.Metadata.Name}
	if !isCentral(router) {
		if why := p.hostReady(name, host, router, item); why != "" {
			p.beginHost(name)
			return nil, why
		}
	}
	s := router.Object.Spec.(*model.RouterSpec)
	for _, id := range s.NetworkIDs(item.Project) {
		a := p.reader.accepted(id)
		if p.reader.routerOf(a.UID) != router {
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
		p.reader.resolveCentral(router, item)
	}
	return item, ""
}

// hostReady fills in the external network as soon as the host has what a router needs there. Otherwise it says what is missing.
func (p *planner) hostReady(name string, host, router *etcdschema.Accepted, item *desired.Router) string {
	if host.Allocated.MAC.IsZero() {
		return fmt.Sprintf("waits for a MAC of host %s", name)
	}
	x := p.reader.externalOf(router)
	if x == nil {
		return ""
	}
	item.External = x.UID
	if lack := lacking(x, p.reader.externalAddresses(hostID(name), x.UID)); lack != nil {
		return fmt.Sprintf("waits for an address of host %s in %s of %s: when none is free, add a subnet or an allocation pool", name, cidrs(lack), x.Object.ID())
	}
	return ""
}

// networksAround are the networks whose items on the node must be evaluated together with the router: those of its item, old and
// new. For a centralized router these are also the networks of all its legs, because of the guests there.
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

// untold says why guests on the node are not told of a centralized router; empty when they are told or there are none.
func (s *reader) untold(name string, router *etcdschema.Accepted) string {
	if !isCentral(router) {
		return ""
	}
	if f, lacks := s.lacks(name, desired.FeatureRouter); lacks && s.guestsOf(name, router) {
		return fmt.Sprintf("guests on host %s have no gateway: needs feature %s, which the host does not have: upgrade weftd there", name, f)
	}
	return ""
}

// routedNetworks are the uids of all networks that the given items of a router name.
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

// tellNeighbors starts the neighbours of a router's networks on a node, if they have not been evaluated there. Later changes they
// notice by their own reads.
func (p *planner) tellNeighbors(name string, router *desired.Router) {
	if router == nil {
		return
	}
	for _, leg := range router.Legs {
		p.begin(unit{kind: unitItem, node: name, item: neighborsKey(leg.Network, 0)})
	}
}

// gatewayOn is the gateway on an external network for the owner of these addresses there.
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
