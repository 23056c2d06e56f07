package routing

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// applyVeth makes, repairs or removes one pair.
func (d *Driver) applyVeth(c object.Change) error {
	if c.Op == object.Delete {
		have := c.Observed.(*object.Veth)
		return d.clearName(have.Namespace, have.Name)
	}
	want := c.Desired.(*object.Veth)
	for _, name := range []string{want.Name, want.Peer.Name} {
		if name == "" || len(name) >= unix.IFNAMSIZ {
			return fmt.Errorf("device name %q: must have 1 to %d bytes", name, unix.IFNAMSIZ-1)
		}
	}
	first, second, err := d.ends(want)
	if err != nil {
		return err
	}
	if first == nil {
		if first, second, err = d.makeVeth(want); err != nil {
			return err
		}
	}
	mark := want.Namespace + "/" + want.Name
	return errors.Join(second.mend(want.Peer.MAC, want.MTU, peerMark+mark, false), first.mend(want.MAC, want.MTU, ownerMark+want.OwnerUID, want.Threaded))
}

// ends returns both ends if the pair exists as desired. It returns nil if the pair has to be made.
func (d *Driver) ends(want *object.Veth) (first, second *end, err error) {
	for _, n := range []string{want.Namespace, want.Peer.Namespace} {
		s := d.space(n)
		if s == nil {
			return nil, nil, fmt.Errorf("there is no namespace %q", n)
		}
		s.mu.Lock()
		err := s.usable()
		s.mu.Unlock()
		if err != nil {
			return nil, nil, fmt.Errorf("namespace %q: %w", n, err)
		}
	}
	f, ok := d.space(want.Namespace).find(want.Name)
	if !ok || !f.link.ours() {
		return nil, nil, nil
	}
	p, ok := d.peerOf(f)
	if !ok || p.space.name != want.Peer.Namespace || p.link.name != want.Peer.Name {
		return nil, nil, nil
	}
	return &f, &p, nil
}

// makeVeth makes a pair. It first removes devices of ours that have one of the names. One system call sets both names and the
// first mark, so that no pair stays without a mark. The second mark only says whose peer the device is.
func (d *Driver) makeVeth(want *object.Veth) (first, second *end, err error) {
	if err := errors.Join(d.clearName(want.Namespace, want.Name), d.clearName(want.Peer.Namespace, want.Peer.Name)); err != nil {
		return nil, nil, err
	}
	here, there := d.space(want.Namespace), d.space(want.Peer.Namespace)
	here.mu.Lock()
	mark := addAlias(setLink(0).Text(unix.IFLA_IFNAME, want.Name), ownerMark+want.OwnerUID)
	err = errors.Join(here.conn.Do([]*netlink.Request{newVeth(want, there.ns.FD()), mark}, nil)...)
	here.catchUp()
	here.mu.Unlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make the pair: %w", err)
	}
	there.mu.Lock()
	there.catchUp()
	there.mu.Unlock()
	f, ok := here.find(want.Name)
	if !ok {
		return nil, nil, errors.New("the pair was made and is not there")
	}
	p, ok := there.find(want.Peer.Name)
	if !ok {
		return nil, nil, errors.New("the pair was made and its other end is not there")
	}
	return &f, &p, nil
}

// clearName removes a device of ours that has this name, together with its peer. A foreign device is an error.
func (d *Driver) clearName(namespace, name string) error {
	s := d.space(namespace)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	s.catchUp()
	index, ok := s.state.names[name]
	var err error
	switch {
	case !ok:
	case !s.state.links[index].ours():
		err = fmt.Errorf("namespace %q has a device %s that is not ours: remove it (ip link delete)", namespace, name)
	default:
		err = errors.Join(s.conn.Do([]*netlink.Request{deleteLink(index)}, nil)...)
		s.catchUp()
	}
	s.mu.Unlock()
	for _, other := range d.all() { // the peer may be in any namespace
		if other != s {
			other.mu.Lock()
			other.catchUp()
			other.mu.Unlock()
		}
	}
	if err == nil || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// mend corrects one end: the offloads before the device is up, its mark and its MAC. A change of the MAC needs the device down
// and changes the link-local address. Threaded NAPI is set when the device is up.
func (e *end) mend(mac object.MAC, mtu int, mark string, threaded bool) error {
	s, l := e.space, e.link
	s.mu.Lock()
	defer s.mu.Unlock()
	var requests []*netlink.Request
	if l.alias != mark {
		requests = append(requests, addAlias(setLink(e.index), mark))
	}
	if l.mtu != mtu {
		requests = append(requests, setLink(e.index).Uint32(unix.IFLA_MTU, uint32(mtu)))
	}
	up := l.up
	if mac != (object.MAC{}) && l.mac != mac {
		if up {
			requests = append(requests, setUp(e.index, false))
			up = false
		}
		requests = append(requests, setLink(e.index).Attr(unix.IFLA_ADDRESS, mac[:]...))
		l.mac = mac
	}
	if !up {
		requests = append(requests, setUp(e.index, true))
	}
	if !s.home() && s.ipv6 && (!e.local || !up) {
		requests = append(requests, address(unix.RTM_NEWADDR, e.index, linkLocal(l.mac)))
	}
	if l.noARP {
		requests = append(requests, arpOn(e.index))
	}
	if l.master != 0 {
		requests = append(requests, setLink(e.index).Uint32(unix.IFLA_MASTER, 0))
	}
	steps := make([]step, len(requests), len(requests)+len(e.lacking))
	for i, r := range requests {
		steps[i].request = r
	}
	if up && l.up {
		steps = append(steps, s.state.restore(e.lacking)...)
	}
	err := errors.Join(s.noFaults(l.name), s.take(steps))
	if !s.home() && l.threaded != threaded {
		err = errors.Join(err, s.thread(l.name, threaded))
	}
	s.resettle = !s.home()
	s.reread = s.resettle && len(steps) > 0 // new IPv6 addresses are reported later
	s.catchUp()
	if now, ok := s.state.links[e.index]; ok { // nobody reports the settings of a device
		if now = s.complete(now); now != s.state.links[e.index] {
			s.state.setLink(e.index, now)
		}
	}
	if err != nil {
		return fmt.Errorf("namespace %q: device %s: %w", s.name, l.name, err)
	}
	return nil
}
