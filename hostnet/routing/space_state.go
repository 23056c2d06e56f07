package routing

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// Marks in the alias of a device (IFLA_IFALIAS, at most 255 bytes) say that it is ours.
const (
	ownerMark = "weft:"      // first ends of pairs, and lo of a namespace: "weft:<owner uid>"
	peerMark  = "weft-peer:" // second ends: "weft-peer:<namespace of the first end>/<its name>"
)

// linkState is what is known of one device: what we manage, and nothing that changes by itself. It is comparable.
type linkState struct {
	name  string
	alias string
	mac   object.MAC
	mtu   int
	up    bool
	// carrier says that the other end is up too. Before that the kernel makes no IPv6 routes.
	carrier bool
	noARP   bool // does not use ARP
	master  int  // for a device in a namespace of ours: the device that takes its received packets
	veth    bool
	peer    int // index of the other end, in whichever namespace it is
	// faults says which offloads are on and, in the host's own namespace, which settings are wrong. It is only known for our own
	// devices.
	faults string
	// threaded says that a kernel thread handles what the device receives, with GRO. It is only known for our own devices in
	// namespaces of ours.
	threaded bool
}

func (l linkState) ours() bool {
	return l.veth && (strings.HasPrefix(l.alias, ownerMark) || strings.HasPrefix(l.alias, peerMark))
}

// owner is the uid in the mark of a first end or of lo.
func (l linkState) owner() (uid string, ok bool) { return strings.CutPrefix(l.alias, ownerMark) }

// routeKey names routes of ours: a table (0 is the main one) and a destination.
type routeKey struct {
	table uint32
	dst   netip.Prefix
}

// routeEntry is one route to a destination. It is comparable.
type routeEntry struct {
	via    netip.Addr
	index  int
	metric uint32
	kind   byte // RTN_…
	odd    bool // it has something that our routes never have, such as several next hops or a type of service
}

// plain says that the route is as we make it. Linux gives IPv6 routes metric 1024 if none is requested.
func (e routeEntry) plain(dst netip.Prefix) bool {
	metric := uint32(0)
	if dst.Addr().Is6() {
		metric = defaultMetricV6
	}
	return !e.odd && e.kind == unix.RTN_UNICAST && e.metric == metric
}

// defaultMetricV6 is IP6_RT_PRIO_USER (linux/ipv6_route.h).
const defaultMetricV6 = 1024

// addressEntry is what matters of an address besides the prefix.
type addressEntry struct {
	// tentative says that the kernel is still adding it: an IPv6 address without its local route.
	tentative bool
}

// neighborKey names a neighbour entry or a proxied address.
type neighborKey struct {
	index   int
	address netip.Addr
}

// state is the cache of one namespace, as the kernel reported it. For the host's own namespace it holds only the devices.
type state struct {
	links     map[int]linkState
	names     map[string]int
	addresses map[int]map[netip.Prefix]addressEntry
	routes    map[routeKey][]routeEntry
	neighbors map[neighborKey]object.MAC
	proxies   map[neighborKey]bool
	kernel    map[kernelRoute]bool
	rules     []ruleEntry
	settings  []string // settings with wrong values: "net.ipv4.ip_forward is 0"
	ipv6      bool     // the kernel has IPv6
}

func newState(ipv6 bool) *state {
	return &state{links: map[int]linkState{}, names: map[string]int{}, addresses: map[int]map[netip.Prefix]addressEntry{},
		routes: map[routeKey][]routeEntry{}, neighbors: map[neighborKey]object.MAC{}, proxies: map[neighborKey]bool{},
		kernel: map[kernelRoute]bool{}, ipv6: ipv6}
}

// families are the address families that the kernel has.
func (s *state) families() []byte {
	if s.ipv6 {
		return []byte{unix.AF_INET, unix.AF_INET6}
	}
	return []byte{unix.AF_INET}
}

func (s *state) setLink(index int, l linkState) {
	if old, ok := s.links[index]; ok && old.name != l.name && s.names[old.name] == index {
		delete(s.names, old.name)
	}
	s.links[index] = l
	s.names[l.name] = index
}

// deleteLink removes a device and everything on it, because the kernel does not report all of that.
func (s *state) deleteLink(index int) {
	if old := s.links[index]; s.names[old.name] == index {
		delete(s.names, old.name)
	}
	delete(s.links, index)
	delete(s.addresses, index)
	maps.DeleteFunc(s.kernel, func(r kernelRoute, _ bool) bool { return r.index == index })
	for k := range s.neighbors {
		if k.index == index {
			delete(s.neighbors, k)
		}
	}
	for k := range s.proxies {
		if k.index == index {
			delete(s.proxies, k)
		}
	}
}

// setAddress notes an address and says whether anything changed.
func (s *state) setAddress(index int, p netip.Prefix, a addressEntry, present bool) bool {
	if old, known := s.addresses[index][p]; known == present && (!known || old == a) {
		return false
	}
	if !present {
		delete(s.addresses[index], p)
		return true
	}
	if s.addresses[index] == nil {
		s.addresses[index] = map[netip.Prefix]addressEntry{}
	}
	s.addresses[index][p] = a
	return true
}

// setRoute notes a route and says whether anything changed. replaced says that it replaced a route with the same metric. ours is
// false if the new route is a foreign one.
func (s *state) setRoute(k routeKey, e routeEntry, replaced, ours, present bool) bool {
	old := s.routes[k]
	entries := slices.DeleteFunc(slices.Clone(old), func(o routeEntry) bool {
		return o == e || replaced && o.metric == e.metric
	})
	if present && ours {
		entries = append(entries, e)
	}
	if slices.Equal(old, entries) {
		return false
	}
	if len(entries) == 0 {
		delete(s.routes, k)
	} else {
		s.routes[k] = entries
	}
	return true
}

// setKernelRoute notes a route of the kernel and says whether anything changed.
func (s *state) setKernelRoute(r kernelRoute, present bool) bool {
	if s.kernel[r] == present {
		return false
	}
	if present {
		s.kernel[r] = true
	} else {
		delete(s.kernel, r)
	}
	return true
}

// hasKernelRoute says whether the kernel itself has a route to the destination.
func (s *state) hasKernelRoute(dst netip.Prefix) bool {
	for r := range s.kernel {
		if r.dst == dst {
			return true
		}
	}
	return false
}

func (s *state) setNeighbor(k neighborKey, mac object.MAC, permanent bool) bool {
	old, known := s.neighbors[k]
	if known == permanent && (!known || old == mac) {
		return false
	}
	if permanent {
		s.neighbors[k] = mac
	} else {
		delete(s.neighbors, k)
	}
	return true
}

func (s *state) setProxy(k neighborKey, present bool) bool {
	if s.proxies[k] == present {
		return false
	}
	if present {
		s.proxies[k] = true
	} else {
		delete(s.proxies, k)
	}
	return true
}

// loopbackIndex is the index of lo in every namespace.
const loopbackIndex = 1

// managed says that the address belongs to an addresses object. Link-local IPv6 addresses belong to their device.
func managed(a netip.Addr) bool { return !a.IsLinkLocalUnicast() || a.Is4() }

// prefixes are the managed addresses of a device, sorted.
func (s *state) prefixes(index int) []netip.Prefix {
	var out []netip.Prefix
	for p := range s.addresses[index] {
		if managed(p.Addr()) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return out
}

// linkLocal is the link-local address that a device has from its MAC (RFC 4291 appendix A).
func linkLocal(m object.MAC) netip.Prefix {
	a := [16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// devices are the names of all devices but lo, sorted.
func (s *state) devices() []string {
	out := make([]string, 0, len(s.links))
	for i, l := range s.links {
		if i != loopbackIndex {
			out = append(out, l.name)
		}
	}
	slices.Sort(out)
	return out
}
