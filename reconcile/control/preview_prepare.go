package control

import (
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// region reads what every preview needs: the cluster-wide objects except projects, and the features that each host reports.
func (p *part) region() {
	p.kind(model.ClusterProject, model.KindHost)
	p.kind(model.ClusterProject, model.KindPhysicalNetwork)
	var keys []etcdschema.Key
	for id, a := range p.cache.accepted {
		if id.Kind == model.KindHost {
			keys = append(keys, etcdschema.ActualNode(id.Name), etcdschema.DesiredKey(id.Name, desired.Key{Kind: desired.KindHost, UID: a.UID}))
		}
	}
	p.get(keys...)
}

// prepare reads what a unit of work looks at. For units that it does not know, everything must be read.
func (p *part) prepare(u unit) {
	if p.ready[u] || p.whole || p.err != nil {
		return
	}
	p.ready[u] = true
	object := p.cache.kinds.object(u.id.Kind)
	item, _ := p.cache.kinds.item(u.item.Kind)
	switch {
	case u.kind == unitObject && object.prepare != nil:
		object.prepare(p, u.id)
	case u.kind == unitItem && item.prepare != nil:
		item.prepare(p, u.node, u.item)
	default:
		p.whole = true
	}
}

// declared reads what an object looks at that is to be declared.
func (p *part) declared(o model.Object) {
	p.prepare(unit{kind: unitObject, id: o.ID()})
	p.surroundings(o)
}

// surroundings reads what the spec of an object refers to.
func (p *part) surroundings(o model.Object) {
	if o.Spec == nil {
		return
	}
	p.refersTo(o)
	if surroundings := p.cache.kinds.object(o.Kind).surroundings; surroundings != nil {
		surroundings(p, o)
	}
}

// refersTo reads the objects that an object refers to. One of them may be deleted and wait for its last reference. Then all of its
// users matter, and everything is read.
func (p *part) refersTo(o model.Object) {
	var ids []model.ID
	for _, r := range o.Spec.References(o.Metadata.Project) {
		ids = append(ids, r.To)
	}
	p.objects(ids...)
	for _, id := range ids {
		if p.cache.accepted[id] != nil && p.cache.intents[id] == nil && id.Kind != model.KindPort {
			p.whole = true
		}
	}
}

// versions are the specs of an object that matter: the newest one and the accepted one.
func (p *part) versions(id model.ID) (out []model.Object) {
	if in := p.cache.intents[id]; in != nil {
		out = append(out, in.object)
	}
	if a := p.cache.accepted[id]; a != nil {
		out = append(out, a.Object)
	}
	return out
}

// port reads a port, its claims, its node, and the floating addresses that may lead to it.
func (p *part) port(id model.ID) {
	p.objects(id)
	p.kind(id.Project, model.KindFloatingIP)
	for _, o := range p.versions(id) {
		p.surroundings(o)
	}
	a := p.cache.accepted[id]
	if a == nil {
		return
	}
	s := a.Object.Spec.(*model.PortSpec)
	iface := interfaceID(s, id.Name, a.UID)
	keys := append(devicesOf(s, deviceName(a, iface), iface), etcdschema.MACClaim(a.Allocated.MAC), etcdschema.InterfaceClaim(iface))
	if s.MigrateTo != "" {
		keys = append(keys, etcdschema.ActualBucket(s.MigrateTo, etcdschema.Bucket(a.UID)))
	}
	p.get(keys...)
	p.node(activeHost(a))
}

// named reads the claims of values that a spec names, because another object may have them.
func (p *part) named(s *model.PortSpec, name string) {
	var keys []etcdschema.Key
	if !s.MAC.IsZero() {
		keys = append(keys, etcdschema.MACClaim(s.MAC))
	}
	if iface := interfaceID(s, name, ""); iface != "" {
		keys = append(keys, etcdschema.InterfaceClaim(iface))
		keys = append(keys, devicesOf(s, defaultDeviceName(iface), iface)...)
	}
	if s.Device != "" {
		keys = append(keys, devicesOf(s, s.Device, "")...)
	}
	p.get(keys...)
}

// devicesOf are the claims of a port's device and of the names that the device may have by convention.
func devicesOf(s *model.PortSpec, device, iface string) (keys []etcdschema.Key) {
	names := []string{device}
	if iface != "" {
		names = append(names, defaultDeviceName(iface), hashedDeviceName(iface))
	}
	for _, name := range names {
		keys = append(keys, etcdschema.DeviceClaim(etcdschema.AnyHost, name))
		for _, host := range []string{s.Host, s.MigrateTo} {
			if host != "" {
				keys = append(keys, etcdschema.DeviceClaim(host, name))
			}
		}
	}
	return keys
}

// floating reads a floating address and what it leads to.
func (p *part) floating(id model.ID) {
	p.objects(id)
	for _, o := range p.versions(id) {
		p.surroundings(o)
	}
	if a := p.cache.accepted[id]; a != nil { // its present nodes, whatever it leads to now
		p.everywhere(desired.Key{Kind: desired.KindFloatingIP, UID: a.UID})
	}
}

// target reads the port that a floating address leads to, as far as the floating address needs it.
func (p *part) target(id model.ID) {
	p.objects(id)
	a := p.cache.accepted[id]
	if a == nil {
		return
	}
	p.refersTo(a.Object)
	s := a.Object.Spec.(*model.PortSpec)
	p.network(s.NetworkID(id.Project))
	p.node(activeHost(a))
}

// network reads the address claims of a network, and its router with all networks of that.
func (p *part) network(id model.ID) {
	if id == (model.ID{}) {
		return
	}
	p.objects(id)
	a := p.cache.accepted[id]
	if a == nil {
		return
	}
	p.list(etcdschema.AddressClaims(a.UID), etcdschema.FixedClaims(a.UID))
	if s := a.Object.Spec.(*model.NetworkSpec); s.External != nil {
		p.list(etcdschema.RoutedPrefixClaims(a.UID))
	}
	claim := etcdschema.RouterNetworkClaim(a.UID)
	p.get(claim)
	if cl, ok := p.cache.claim(claim); ok {
		p.kind(id.Project, model.KindRouter)
		p.routerWith(cl.Owner)
	}
}

// routerWith reads the router with the uid, its networks, and the nodes that have it. For a centralized router the keys near the
// port are not enough: everything is read.
func (p *part) routerWith(uid string) {
	id := p.cache.ids[uid]
	a := p.cache.accepted[id]
	if id.Kind != model.KindRouter || a == nil {
		p.whole = true
		return
	}
	if p.routers[uid] {
		return
	}
	p.routers[uid] = true
	if isCentral(a) || p.cache.intents[id] == nil {
		p.whole = true
		return
	}
	s := a.Object.Spec.(*model.RouterSpec)
	for _, n := range s.NetworkIDs(id.Project) {
		p.network(n)
	}
	if s.ExternalNetwork != "" {
		p.network(s.ExternalID(id.Project))
	}
	p.everywhere(desired.Key{Kind: desired.KindRouter, UID: uid})
}

// everywhere reads an item on every host that has it.
func (p *part) everywhere(item desired.Key) {
	var keys []etcdschema.Key
	for id := range p.cache.accepted {
		if id.Kind == model.KindHost {
			keys = append(keys, etcdschema.DesiredKey(id.Name, item))
		}
	}
	p.get(keys...)
}

// readers reads the items of other nodes that depend on a change. Those on nodes of a unit are read with the unit.
func (p *part) readers(r read) {
	if r.of != groupMembers && r.of != groupParts {
		return
	}
	p.members(p.cache.ids[r.name])
	router := p.cache.routerOf(r.name)
	switch {
	case router == nil:
	case r.of == groupParts:
		p.recut = true
	default:
		for name := range p.cache.placed[desired.Key{Kind: desired.KindRouter, UID: router.UID}] {
			p.later = append(p.later, etcdschema.DesiredKey(name, neighborsKey(r.name, r.part)))
		}
	}
}

// members reads the ports that have addresses on a network.
func (p *part) members(id model.ID) {
	p.network(id)
	a := p.cache.accepted[id]
	if a == nil {
		return
	}
	var ports []etcdschema.Key
	prefix := etcdschema.AddressClaims(a.UID)
	for k, e := range p.cache.entries {
		cl, ok := entryValue[*etcdschema.Claim](e)
		if !ok || !prefix.Contains(k) {
			continue
		}
		kind, name, found := strings.Cut(cl.For, " ")
		project, name, both := strings.Cut(name, "/")
		switch {
		case !found:
			p.whole = true // an old version made the claim without saying for whom
			return
		case both && model.Kind(kind) == model.KindPort:
			ports = append(ports, etcdschema.AcceptedKey(model.ID{Project: project, Kind: model.KindPort, Name: name}))
		}
	}
	p.get(ports...)
}

// node reads the items of a node and its summary.
func (p *part) node(name string) {
	if name == "" {
		return
	}
	for _, kind := range p.cache.kinds.Items {
		if !kind.many { // many are read one by one
			p.list(etcdschema.NodeItems(name, kind.Kind))
		}
	}
	p.get(etcdschema.ActualNode(name))
}

// host reads a host, its node, the routers of the networks there, and the claim of its MAC.
func (p *part) host(name string) {
	p.objects(hostID(name))
	p.node(name)
	var claims []etcdschema.Key
	for uid := range p.cache.node(name).networks {
		claims = append(claims, etcdschema.RouterNetworkClaim(uid))
	}
	p.get(claims...)
	for uid := range p.cache.node(name).networks {
		if cl, ok := p.cache.claim(etcdschema.RouterNetworkClaim(uid)); ok {
			if project, _, found := strings.Cut(strings.TrimPrefix(cl.For, string(model.KindRouter)+" "), "/"); found {
				p.kind(project, model.KindRouter)
			}
			p.routerWith(cl.Owner)
		}
	}
	if a := p.cache.accepted[hostID(name)]; a != nil && !a.Allocated.MAC.IsZero() {
		p.get(etcdschema.MACClaim(a.Allocated.MAC))
	}
}
