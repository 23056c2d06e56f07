package routing

import (
	"strings"

	"weft/hostnet/object"
)

// end is the present state of one end of a pair.
type end struct {
	space *space
	index int
	link  linkState
	// local says that the device has its link-local address, or needs none.
	local bool
	// lacking are the device's own kernel routes that are missing.
	lacking []kernelRoute
}

// find looks up a device by its name.
func (s *space) find(name string) (end, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.state.names[name]
	if !ok || s.failure != nil {
		return end{}, false
	}
	return s.end(i), true
}

// end is the end with a known index. The lock is held.
func (s *space) end(index int) end {
	l := s.state.links[index]
	if s.home() || !s.ipv6 {
		return end{s, index, l, true, nil}
	}
	_, local := s.state.addresses[index][linkLocal(l.mac)]
	return end{s, index, l, local, s.state.lackingOwn(index)}
}

// observeVeth is the pair whose first end has this name. A device of that name that is not a pair of ours has no owner.
func (d *Driver) observeVeth(name string) object.Object {
	namespace, device, _ := strings.Cut(name, "/")
	s := d.space(namespace)
	if s == nil {
		return nil
	}
	first, ok := s.find(device)
	if !ok {
		return nil
	}
	v := &object.Veth{Namespace: namespace, Name: device, MAC: first.link.mac, MTU: first.link.mtu}
	v.OwnerUID, _ = first.link.owner()
	if !first.link.veth {
		v.OwnerUID = ""
		return v
	}
	v.Threaded, v.Deviations = first.link.threaded, first.deviations()
	second, ok := d.peerOf(first)
	if !ok {
		return v
	}
	v.Peer = object.VethEnd{Namespace: second.space.name, Name: second.link.name, MAC: second.link.mac}
	v.Deviations = append(v.Deviations, second.deviations()...)
	if second.link.alias != peerMark+name {
		v.Deviations = append(v.Deviations, second.link.name+" does not carry the mark of its pair")
	}
	if second.link.mtu != first.link.mtu {
		v.Deviations = append(v.Deviations, second.link.name+" has another mtu than its peer")
	}
	return v
}

// peerOf finds the other end in all known namespaces. The two ends name each other's index. If indices are equal by chance, the
// mark decides.
func (d *Driver) peerOf(first end) (found end, ok bool) {
	mark := peerMark + first.space.name + "/" + first.link.name
	for _, s := range d.all() {
		s.mu.Lock()
		l, there := s.state.links[first.link.peer]
		if there && l.veth && l.peer == first.index && (!ok || l.alias == mark) && (s != first.space || first.link.peer != first.index) {
			found, ok = s.end(first.link.peer), true
		}
		s.mu.Unlock()
	}
	return found, ok
}

// deviations are the differences from what every end of ours must be.
func (e end) deviations() (out []string) {
	if !e.link.up {
		out = append(out, e.link.name+" is down")
	}
	if e.link.faults != "" {
		out = append(out, e.link.name+": "+e.link.faults)
	}
	if e.link.noARP {
		out = append(out, e.link.name+" has ARP off")
	}
	if e.link.master != 0 {
		out = append(out, e.link.name+" belongs to another device")
	}
	out = append(out, describeAll(e.lacking, e.link.name)...)
	if !e.local {
		out = append(out, e.link.name+" has no link-local address")
	}
	return out
}
