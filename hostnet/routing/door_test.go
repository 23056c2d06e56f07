package routing

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: what the kernel is asked for on behalf of accepted intent has the intended meaning when it is parsed like the
// kernel's own messages. Names and marks are in the right places.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			switch o := o.(type) {
			case *object.Veth:
				doorVeth(t, o)
			case *object.Addresses:
				for _, p := range o.Prefixes {
					index, back, _, err := parseAddress(sent(t, o, address(unix.RTM_NEWADDR, doorIndex, p)))
					same(t, o, err == nil && index == doorIndex && back == p && managed(p.Addr()))
				}
			case *object.Route:
				doorRoute(t, o)
			case *object.Rule:
				r, ok, err := parseRule(sent(t, o, newRule(o)))
				same(t, o, err == nil && ok && !r.odd && r.priority == o.Priority && r.from == o.From && r.specific == o.MoreSpecific &&
					r.object() == o.Table && r.protocol == object.RouteProtocol)
			case *object.Neighbor:
				want := neighborKey{doorIndex, o.Address}
				k, mac, permanent, proxy, ok, err := parseNeighbor(sent(t, o, neighbor(unix.RTM_NEWNEIGH, netlink.FlagsReplace, want, o.MAC, false)))
				same(t, o, err == nil && ok && permanent && !proxy && k == want && mac == o.MAC && mac != object.MAC{})
			case *object.Proxy:
				want := neighborKey{doorIndex, o.Address}
				k, _, _, proxy, ok, err := parseNeighbor(sent(t, o, neighbor(unix.RTM_NEWNEIGH, netlink.FlagsReplace, want, object.MAC{}, true)))
				same(t, o, err == nil && ok && proxy && k == want)
			}
		}
	})
}

// doorIndex stands for the index of a device.
const doorIndex = 7

// sent is a request as its receiver reads it.
func sent(t limits.T, o object.Object, r *netlink.Request) netlink.Message {
	t.Helper()
	m := r.Message()
	if m.Header.Len > 4096 {
		t.Fatalf("%s: a request of %d bytes", o.Key(), m.Header.Len)
	}
	return m
}

func same(t limits.T, o object.Object, is bool) {
	t.Helper()
	if !is {
		t.Fatalf("%s: what is sent says something else than %+v", o.Key(), o)
	}
}

func doorRoute(t limits.T, o *object.Route) {
	t.Helper()
	e := routeEntry{via: o.Via, index: doorIndex, kind: unix.RTN_UNICAST}
	if o.Destination.Addr().Is6() {
		e.metric = defaultMetricV6
	}
	want := routeKey{o.Table, o.Destination}
	r, ok, err := parseRoute(sent(t, o, route(unix.RTM_NEWROUTE, want, e)))
	same(t, o, err == nil && ok && r.key() == want && r.routeEntry == e && r.ours() && e.plain(r.dst))
	table, destination, err := object.ParseRouteName(strings.TrimPrefix(o.Key().Name, o.Namespace+"/"))
	same(t, o, err == nil && table == o.Table && destination == o.Destination)
}

// doorVeth: both ends have names and marks that fit (IFNAMSIZ, IFALIASZ), and the MACs are unicast.
func doorVeth(t limits.T, o *object.Veth) {
	t.Helper()
	m := sent(t, o, newVeth(o, 1<<20))
	index, l, ok, err := parseLink(m)
	same(t, o, err == nil && ok && index == 0 && l.name == o.Name && l.mac == o.MAC && l.mtu == o.MTU && l.veth)
	for _, name := range []string{o.Name, o.Peer.Name} {
		same(t, o, len(name) > 0 && len(name) < unix.IFNAMSIZ)
	}
	for _, mark := range []string{ownerMark + o.OwnerUID, peerMark + o.Namespace + "/" + o.Name} {
		same(t, o, len(mark) < 256)
	}
	same(t, o, o.MAC[0]&1 == 0 && o.Peer.MAC[0]&1 == 0)
}
