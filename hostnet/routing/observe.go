package routing

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"weft/hostnet/object"
)

// Observe returns what the cache holds for the keys. If a device exists, its addresses object exists too, possibly without
// addresses.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	found := make([]object.Object, 0, len(keys))
	for _, k := range keys {
		if o := d.observe(k); o != nil {
			found = append(found, o)
		}
	}
	return found, nil
}

func (d *Driver) observe(k object.Key) object.Object {
	if k.Kind == object.KindVeth {
		return d.observeVeth(k.Name)
	}
	namespace, rest, _ := strings.Cut(k.Name, "/")
	s := d.space(namespace)
	if s == nil || s.home() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return nil
	}
	switch k.Kind {
	case object.KindNamespace:
		return s.namespace()
	case object.KindAddresses:
		if i, ok := s.state.names[rest]; ok {
			return &object.Addresses{Namespace: namespace, Device: rest, Prefixes: s.state.prefixes(i),
				Deviations: describeAll(s.state.lackingManaged(i), rest)}
		}
	case object.KindRoute:
		if table, dst, err := object.ParseRouteName(rest); err == nil {
			return s.route(routeKey{table, dst})
		}
	case object.KindRule:
		return s.rule(rest)
	case object.KindNeighbor, object.KindProxy:
		device, address, _ := strings.Cut(rest, "/")
		if a, err := netip.ParseAddr(address); err == nil {
			return s.neighbor(k.Kind, device, a)
		}
	}
	return nil
}

// namespace is the namespace object. Without our mark it has no owner.
func (s *space) namespace() object.Object {
	lo, ok := s.state.links[loopbackIndex]
	if !ok {
		return nil
	}
	n := &object.Namespace{Name: s.name, Deviations: append(slices.Clone(s.state.settings), s.state.ruleDeviations()...)}
	n.OwnerUID, _ = lo.owner()
	n.Deviations = append(n.Deviations, describeAll(s.state.lackingLoopback(), lo.name)...)
	if !lo.up {
		n.Deviations = append(n.Deviations, lo.name+" is down")
	}
	return n
}

// route is the route to a destination. If it differs from what our routes can be, its device has a name that no desired route
// has.
func (s *space) route(k routeKey) object.Object {
	entries := s.state.routes[k]
	if len(entries) == 0 {
		return nil
	}
	r := &object.Route{Namespace: s.name, Table: k.table, Destination: k.dst, Via: entries[0].via, Device: s.state.links[entries[0].index].name}
	if len(entries) > 1 {
		r.Device = fmt.Sprintf("%s and %d more routes", r.Device, len(entries)-1)
	} else if !entries[0].plain(k.dst) {
		r.Device += " (a route unlike ours)"
	}
	return r
}

// neighbor is a neighbour entry of a device, or an address that the device answers for.
func (s *space) neighbor(kind object.Kind, device string, a netip.Addr) object.Object {
	i, ok := s.state.names[device]
	if !ok {
		return nil
	}
	k := neighborKey{i, a}
	if kind == object.KindProxy {
		if s.state.proxies[k] {
			return &object.Proxy{Namespace: s.name, Device: device, Address: a}
		}
		return nil
	}
	if mac, ok := s.state.neighbors[k]; ok {
		return &object.Neighbor{Namespace: s.name, Device: device, Address: a, MAC: mac}
	}
	return nil
}

// Ours lists the namespaces and pairs that carry our mark. In our namespaces it lists everything that only we may have there.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	var keys []object.Key
	for _, s := range d.all() {
		s.mu.Lock()
		keys = s.appendOurs(keys)
		s.mu.Unlock()
	}
	return keys, nil
}

// OursAmong lists those of the keys that Ours would list.
func (d *Driver) OursAmong(_ context.Context, keys []object.Key) (ours []object.Key, err error) {
	for _, k := range keys {
		namespace, rest, _ := strings.Cut(k.Name, "/")
		s := d.space(namespace)
		o := d.observe(k)
		if s == nil || o == nil {
			continue
		}
		s.mu.Lock()
		mine := s.marked()
		if k.Kind == object.KindVeth {
			l := s.state.links[s.state.names[rest]]
			_, mine = l.owner()
			mine = mine && l.veth
		}
		s.mu.Unlock()
		if a, ok := o.(*object.Addresses); ok && (len(a.Prefixes) == 0 || rest == "lo") {
			continue
		}
		if mine {
			ours = append(ours, k)
		}
	}
	return ours, nil
}

// marked says that the namespace is ours.
func (s *space) marked() bool {
	_, ok := s.state.links[loopbackIndex].owner()
	return ok && !s.home()
}

func (s *space) appendOurs(keys []object.Key) []object.Key {
	if s.failure != nil || !s.home() && !s.marked() {
		return keys
	}
	add := func(kind object.Kind, name string) { keys = append(keys, object.Key{Kind: kind, Name: name}) }
	for i, l := range s.state.links {
		if _, first := l.owner(); first && l.veth {
			add(object.KindVeth, s.name+"/"+l.name)
		}
		if !s.home() && i != loopbackIndex && len(s.state.prefixes(i)) > 0 {
			add(object.KindAddresses, s.name+"/"+l.name)
		}
	}
	if s.home() {
		return keys
	}
	add(object.KindNamespace, s.name)
	for k := range s.state.routes {
		add(object.KindRoute, object.RouteName(s.name, k.table, k.dst))
	}
	for r := range ownRules(s.state.rules) {
		add(object.KindRule, object.RuleName(s.name, r.priority, r.from))
	}
	for k := range s.state.neighbors {
		add(object.KindNeighbor, object.NeighborName(s.name, s.state.links[k.index].name, k.address))
	}
	for k := range s.state.proxies {
		add(object.KindProxy, object.NeighborName(s.name, s.state.links[k.index].name, k.address))
	}
	return keys
}
