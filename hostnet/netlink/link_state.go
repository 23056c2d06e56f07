package netlink

import (
	"maps"
	"net/netip"
)

// addressSet is the configured addresses by link. The kernel allows an address only once per link.
type addressSet map[int]map[netip.Prefix]bool

func (s addressSet) add(index int, p netip.Prefix) {
	if s[index] == nil {
		s[index] = map[netip.Prefix]bool{}
	}
	s[index][p] = true
}

func (s addressSet) remove(index int, p netip.Prefix) {
	delete(s[index], p)
	if len(s[index]) == 0 {
		delete(s, index)
	}
}

// linkState is what is known of the links of a namespace, and who listens to it.
type linkState struct {
	links     map[int]Link
	names     map[string]int
	came      map[int]uint64 // which of all links that came a link is
	coming    uint64
	addresses addressSet
	listeners map[*Listener]bool
}

func newLinkState() *linkState {
	return &linkState{links: map[int]Link{}, names: map[string]int{}, came: map[int]uint64{}, addresses: addressSet{},
		listeners: map[*Listener]bool{}}
}

// set stores a link.
func (s *linkState) set(l Link) {
	old, known := s.links[l.Index]
	if known && old == l && s.names[l.Name] == l.Index {
		return
	}
	s.links[l.Index] = l
	if !known {
		s.coming++
		s.came[l.Index] = s.coming
	}
	if known && old.Name != l.Name {
		s.forgetName(old.Name, l.Index)
	}
	s.names[l.Name] = l.Index
	for listener := range s.listeners {
		if known && old.Name == l.Name && !listener.differs(old, l) {
			continue
		}
		listener.note(Change{Index: l.Index, Name: l.Name, Link: true})
		if known && old.Name != l.Name {
			listener.note(Change{Index: l.Index, Name: old.Name, Link: true})
		}
	}
}

// remove removes a link and everything on it.
func (s *linkState) remove(index int) {
	old, known := s.links[index]
	if !known {
		return
	}
	delete(s.links, index)
	delete(s.came, index)
	delete(s.addresses, index)
	s.forgetName(old.Name, index)
	s.tell(Change{Index: index, Name: old.Name, Link: true})
}

// forgetName removes the name, unless another link took it meanwhile.
func (s *linkState) forgetName(name string, index int) {
	if s.names[name] == index {
		delete(s.names, name)
	}
}

// setAddress adds or removes an address.
func (s *linkState) setAddress(index int, p netip.Prefix, present bool) {
	if s.addresses[index][p] == present {
		return
	}
	if present {
		s.addresses.add(index, p)
	} else {
		s.addresses.remove(index, p)
	}
	if l, known := s.links[index]; known {
		linkLocal := p.Addr().IsLinkLocalUnicast()
		s.tell(Change{Index: index, Name: l.Name, Address: !linkLocal, LinkLocal: linkLocal && present && p.Addr().Is6()})
	}
}

func (s *linkState) tell(c Change) {
	if c.Link || c.Address || c.LinkLocal {
		for listener := range s.listeners {
			listener.note(c)
		}
	}
}

// replace takes over a fresh reading and reports what differs.
func (s *linkState) replace(fresh *linkState) {
	for index := range s.links {
		if _, there := fresh.links[index]; !there {
			s.remove(index)
		}
	}
	for _, l := range fresh.links {
		s.set(l)
	}
	for index, had := range s.addresses {
		if !maps.Equal(had, fresh.addresses[index]) {
			s.tell(Change{Index: index, Name: s.links[index].Name, Address: true})
		}
	}
	for index := range fresh.addresses {
		if s.addresses[index] == nil {
			s.tell(Change{Index: index, Name: s.links[index].Name, Address: true})
		}
	}
	s.names, s.addresses = fresh.names, fresh.addresses
}

// named finds a link by its name.
func (s *linkState) named(name string) (Link, bool) {
	index, ok := s.names[name]
	return s.links[index], ok
}
