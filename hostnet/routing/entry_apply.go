package routing

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

var errNoDevice = errors.New("there is no such device in the namespace")

// orders are the requests that make one change. The lock is held.
func (s *space) orders(n int, c object.Change) ([]order, error) {
	if c.Op == object.Delete {
		return s.removals(n, c.Observed), nil
	}
	switch want := c.Desired.(type) {
	case *object.Addresses:
		return s.addressOrders(n, want)
	case *object.Route:
		return s.routeOrders(n, want)
	case *object.Rule:
		return s.ruleOrders(n, want), nil
	case *object.Neighbor:
		i, ok := s.state.names[want.Device]
		if !ok {
			return nil, fmt.Errorf("%w: %s", errNoDevice, want.Device)
		}
		return []order{{n, neighbor(unix.RTM_NEWNEIGH, netlink.FlagsReplace, neighborKey{i, want.Address}, want.MAC, false), noErrors}}, nil
	case *object.Proxy:
		i, ok := s.state.names[want.Device]
		if !ok {
			return nil, fmt.Errorf("%w: %s", errNoDevice, want.Device)
		}
		return []order{{n, neighbor(unix.RTM_NEWNEIGH, netlink.FlagsReplace, neighborKey{i, want.Address}, object.MAC{}, true), noErrors}}, nil
	}
	return nil, fmt.Errorf("not a kind of the routing driver: %T", c.Desired)
}

// removals remove what was observed. It is no error if something was removed meanwhile.
func (s *space) removals(n int, have object.Object) (out []order) {
	switch have := have.(type) {
	case *object.Addresses:
		if i, ok := s.state.names[have.Device]; ok {
			for _, p := range s.state.prefixes(i) {
				out = append(out, order{n, address(unix.RTM_DELADDR, i, p), gone})
			}
		}
	case *object.Route:
		k := routeKey{have.Table, have.Destination}
		for _, e := range s.state.routes[k] {
			out = append(out, order{n, route(unix.RTM_DELROUTE, k, e), gone})
		}
	case *object.Rule:
		for _, r := range s.state.ownRules(have.Priority, have.From) {
			out = append(out, order{n, r.removal(), gone})
		}
	case *object.Neighbor:
		if i, ok := s.state.names[have.Device]; ok {
			out = append(out, order{n, neighbor(unix.RTM_DELNEIGH, netlink.FlagsAct, neighborKey{i, have.Address}, object.MAC{}, false), gone})
		}
	case *object.Proxy:
		if i, ok := s.state.names[have.Device]; ok {
			out = append(out, order{n, neighbor(unix.RTM_DELNEIGH, netlink.FlagsAct, neighborKey{i, have.Address}, object.MAC{}, true), gone})
		}
	}
	return out
}

// addressOrders first add what is missing and then remove what is not desired.
func (s *space) addressOrders(n int, want *object.Addresses) (out []order, err error) {
	i, ok := s.state.names[want.Device]
	if !ok {
		return nil, fmt.Errorf("%w: %s", errNoDevice, want.Device)
	}
	for _, p := range want.Prefixes {
		if _, there := s.state.addresses[i][p]; !there {
			out = append(out, order{n, address(unix.RTM_NEWADDR, i, p), noErrors})
		}
	}
	for _, r := range s.state.restore(s.state.lackingManaged(i)) {
		out = append(out, order{n, r.request, r.fine})
	}
	for _, p := range s.state.prefixes(i) {
		if !slices.Contains(want.Prefixes, p) {
			out = append(out, order{n, address(unix.RTM_DELADDR, i, p), gone})
		}
	}
	return out, nil
}

// routeOrders replace a route of the same metric by the desired one. Then they remove all other routes of the table to this
// destination.
func (s *space) routeOrders(n int, want *object.Route) (out []order, err error) {
	i, ok := s.state.names[want.Device]
	if !ok {
		return nil, fmt.Errorf("%w: %s", errNoDevice, want.Device)
	}
	e := routeEntry{via: want.Via, index: i, kind: unix.RTN_UNICAST}
	if want.Destination.Addr().Is6() {
		e.metric = defaultMetricV6
	}
	k := routeKey{want.Table, want.Destination}
	have := s.state.routes[k]
	if !slices.Contains(have, e) {
		out = append(out, order{n, route(unix.RTM_NEWROUTE, k, e), noErrors})
	}
	for _, old := range have {
		if old != e && (old.metric != e.metric || old.odd) {
			out = append(out, order{n, route(unix.RTM_DELROUTE, k, old), gone})
		}
	}
	return out, nil
}

// confirmProxies asks for each proxied address of the chunk, because the kernel does not report them. The lock is held.
func (s *space) confirmProxies(changes []object.Change, chunk []order) {
	var keys []neighborKey
	var requests []*netlink.Request
	for _, o := range chunk {
		c := changes[o.change]
		p, ok := c.Desired.(*object.Proxy)
		if !ok {
			if p, ok = c.Observed.(*object.Proxy); !ok {
				continue
			}
		}
		if i, ok := s.state.names[p.Device]; ok {
			k := neighborKey{i, p.Address}
			keys = append(keys, k)
			requests = append(requests, neighbor(unix.RTM_GETNEIGH, netlink.FlagsAct, k, object.MAC{}, true))
		}
	}
	if len(requests) == 0 {
		return
	}
	there := make([]bool, len(keys))
	errs := s.conn.Do(requests, func(i int, m netlink.Message) {
		k, _, _, proxy, ok, err := parseNeighbor(m)
		there[i] = err == nil && ok && proxy && k == keys[i]
	})
	for i, k := range keys {
		if errs[i] == nil || errors.Is(errs[i], unix.ENOENT) || errors.Is(errs[i], unix.ESRCH) {
			s.state.setProxy(k, there[i])
		}
	}
}

// whyRefused says what the route needs and does not have. The kernel has the same words for all these cases ("Nexthop has invalid
// gateway"). It is "" for anything but a route, and if nothing is missing. It takes the lock.
func (s *space) whyRefused(want object.Object) string {
	r, ok := want.(*object.Route)
	if !ok {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, there := s.state.names[r.Device]
	l := s.state.links[i]
	var why []string
	switch {
	case !there:
		why = append(why, "there is no device "+r.Device)
	case !l.up:
		why = append(why, r.Device+" is down")
	case !l.carrier:
		why = append(why, r.Device+" has no carrier")
	}
	onLink := !r.Via.IsValid() || slices.ContainsFunc(s.state.prefixes(i), func(p netip.Prefix) bool { return p.Contains(r.Via) })
	for k, entries := range s.state.routes {
		onLink = onLink || k.table == 0 && k.dst.Contains(r.Via) && slices.ContainsFunc(entries, func(e routeEntry) bool {
			return e.index == i && !e.via.IsValid()
		})
	}
	if there && !onLink {
		why = append(why, fmt.Sprintf("no address of %s and no route is on the link of next hop %s", r.Device, r.Via))
	}
	why = append(why, describeAll(s.state.lackingManaged(i), r.Device)...)
	why = append(why, s.state.ruleDeviations()...)
	if len(why) == 0 {
		return ""
	}
	return ": " + strings.Join(why, ", ")
}
