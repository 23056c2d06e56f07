package routing

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// absorbOne applies one message to the cache and notes what changed. The lock is held.
func (s *space) absorbOne(m netlink.Message) {
	var err error
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		err = s.absorbLink(m)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		err = s.absorbAddress(m)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		err = s.absorbRoute(m)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		err = s.absorbNeighbor(m)
	case unix.RTM_NEWNETCONF, unix.RTM_DELNETCONF, unix.RTM_NEWRULE, unix.RTM_DELRULE:
		s.resettle = true
	}
	if err != nil {
		s.log.Warn("netlink message ignored", "namespace", s.name, "type", m.Header.Type, "error", err)
		s.lost = true
	}
}

func (s *space) absorbLink(m netlink.Message) error {
	index, l, ok, err := parseLink(m)
	if err != nil || !ok {
		return err
	}
	old, known := s.state.links[index]
	if m.Header.Type == unix.RTM_DELLINK {
		if known {
			s.noteLink(index, old)
			s.state.deleteLink(index)
			s.reread = !s.home()
		}
		return nil
	}
	if l.ours() {
		l = s.complete(l)
	}
	if known && old == l {
		return nil
	}
	s.state.setLink(index, l)
	if known {
		s.noteLink(index, old)
	}
	s.noteLink(index, l)
	if !s.home() && (!known || old.up != l.up || old.carrier != l.carrier || old.mac != l.mac || old.name != l.name) {
		s.reread, s.resettle = true, true
	}
	return nil
}

func (s *space) absorbAddress(m netlink.Message) error {
	index, p, a, err := parseAddress(m)
	if err != nil {
		return err
	}
	present := m.Header.Type == unix.RTM_NEWADDR
	if s.state.setAddress(index, p, a, present) {
		s.noteAddresses(index)
		s.reread = s.reread || !present && p.Addr().Is4()
		s.resettle = s.resettle || !present && p.Addr().Is6() // disable_ipv6 removes them and is not reported itself
	}
	return nil
}

func (s *space) absorbRoute(m netlink.Message) error {
	r, ok, err := parseRoute(m)
	if err != nil || !ok {
		return err
	}
	present := m.Header.Type == unix.RTM_NEWROUTE
	replaced := present && m.Header.Flags&unix.NLM_F_REPLACE != 0
	if r.byKernel() && s.state.setKernelRoute(r.kernelRoute(), present) {
		s.noteAddresses(r.index)
	}
	if replaced && !r.byKernel() && s.state.hasKernelRoute(r.dst) { // the replaced route is not reported
		s.reread = true
	}
	if !r.ours() && !replaced {
		return nil
	}
	if s.state.setRoute(r.key(), r.routeEntry, replaced, r.ours(), present) {
		s.note(object.KindRoute, object.RouteName(s.name, r.key().table, r.dst))
	}
	return nil
}

func (s *space) absorbNeighbor(m netlink.Message) error {
	k, mac, permanent, proxy, ok, err := parseNeighbor(m)
	if err != nil || !ok {
		return err
	}
	present := m.Header.Type == unix.RTM_NEWNEIGH
	if proxy {
		if s.state.setProxy(k, present) {
			s.noteNeighbor(object.KindProxy, k)
		}
		return nil
	}
	if s.state.setNeighbor(k, mac, permanent && present) {
		s.noteNeighbor(object.KindNeighbor, k)
	}
	return nil
}

func (s *space) note(kind object.Kind, name string) {
	s.changed[object.Key{Kind: kind, Name: name}] = true
}

// noteLink notes everything that depends on a device, with its old or new state. Of the host's own devices only our pairs matter.
func (s *space) noteLink(index int, l linkState) {
	if first, ok := strings.CutPrefix(l.alias, peerMark); ok {
		s.note(object.KindVeth, first)
	}
	if !s.home() || l.ours() {
		s.note(object.KindVeth, s.name+"/"+l.name)
	}
	if s.home() {
		return
	}
	if index == loopbackIndex {
		s.note(object.KindNamespace, s.name)
	}
	s.note(object.KindAddresses, s.name+"/"+l.name)
	for k := range s.state.neighbors {
		if k.index == index {
			s.note(object.KindNeighbor, object.NeighborName(s.name, l.name, k.address))
		}
	}
	for k := range s.state.proxies {
		if k.index == index {
			s.note(object.KindProxy, object.NeighborName(s.name, l.name, k.address))
		}
	}
	for k, entries := range s.state.routes {
		if slices.ContainsFunc(entries, func(e routeEntry) bool { return e.index == index }) {
			s.note(object.KindRoute, object.RouteName(s.name, k.table, k.dst))
		}
	}
}

// noteAddresses notes the device's addresses and its pair. The link-local address is a part of the pair.
func (s *space) noteAddresses(index int) {
	l, ok := s.state.links[index]
	if !ok {
		return
	}
	if index == loopbackIndex {
		s.note(object.KindNamespace, s.name)
	}
	s.note(object.KindAddresses, s.name+"/"+l.name)
	if first, ok := strings.CutPrefix(l.alias, peerMark); ok {
		s.note(object.KindVeth, first)
	} else {
		s.note(object.KindVeth, s.name+"/"+l.name)
	}
}

func (s *space) noteNeighbor(kind object.Kind, k neighborKey) {
	if l, ok := s.state.links[k.index]; ok {
		s.note(kind, object.NeighborName(s.name, l.name, k.address))
	}
}

// noteDifferent notes what differs from the fresh reading: addresses, routes, routes of the kernel, neighbours and proxied
// addresses.
func (s *space) noteDifferent(fresh *state) {
	eachDifferent(s.state.addresses, fresh.addresses, maps.Equal, s.noteAddresses)
	eachDifferent(s.state.routes, fresh.routes, slices.Equal, func(k routeKey) {
		s.note(object.KindRoute, object.RouteName(s.name, k.table, k.dst))
	})
	eachDifferent(s.state.kernel, fresh.kernel, func(a, b bool) bool { return a == b }, func(r kernelRoute) { s.noteAddresses(r.index) })
	same := func(a, b object.MAC) bool { return a == b }
	eachDifferent(s.state.neighbors, fresh.neighbors, same, func(k neighborKey) { s.noteNeighbor(object.KindNeighbor, k) })
	eachDifferent(s.state.proxies, fresh.proxies, func(a, b bool) bool { return a == b },
		func(k neighborKey) { s.noteNeighbor(object.KindProxy, k) })
}

// eachDifferent calls fn for every key whose values differ or that is in only one of the maps.
func eachDifferent[K comparable, V any](a, b map[K]V, equal func(V, V) bool, fn func(K)) {
	for k, v := range a {
		if w, ok := b[k]; !ok || !equal(v, w) {
			fn(k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			fn(k)
		}
	}
}
