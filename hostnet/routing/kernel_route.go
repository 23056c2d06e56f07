package routing

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// kernelRoute is a route that the kernel itself makes for an address or a device (RTPROT_KERNEL). Our objects depend on these
// routes: without a connected route no next hop is valid, without a local one nobody answers for an address.
type kernelRoute struct {
	table uint32 // main or local
	kind  byte   // RTN_…
	dst   netip.Prefix
	index int
}

// multicastV6 is the route that a device needs to receive neighbour solicitations.
var multicastV6 = netip.MustParsePrefix("ff00::/8")

// kernelMetricV6 is IP6_RT_PRIO_ADDRCONF (net/ip6_route.h), the metric of the kernel's connected routes.
const kernelMetricV6 = 256

// kernelRoutesOf are the routes that belong to one address of a device (fib_add_ifaddr in net/ipv4/fib_frontend.c, inet6_addr_add
// in net/ipv6/addrconf.c). An IPv6 address has its local route as soon as it is not tentative any more.
func kernelRoutesOf(index int, p netip.Prefix, tentative bool) (out []kernelRoute) {
	a, single := p.Addr(), p.Addr().BitLen()
	if !tentative {
		out = append(out, kernelRoute{unix.RT_TABLE_LOCAL, unix.RTN_LOCAL, netip.PrefixFrom(a, single), index})
	}
	switch {
	case p.Bits() == single:
	case index == loopbackIndex:
		out = append(out, kernelRoute{unix.RT_TABLE_LOCAL, unix.RTN_LOCAL, p.Masked(), index})
	default:
		out = append(out, kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, p.Masked(), index})
	}
	if a.Is4() && p.Bits() < single-1 {
		out = append(out, kernelRoute{unix.RT_TABLE_LOCAL, unix.RTN_BROADCAST, netip.PrefixFrom(lastOf(p), single), index})
	}
	return out
}

// lastOf is the last address of an IPv4 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(a)
}

// lacking are the missing kernel routes of those addresses of a device that pick selects. A device that is down or has no carrier
// has none of these routes, and its own state says so.
func (s *state) lacking(index int, pick func(netip.Addr) bool) (out []kernelRoute) {
	if l := s.links[index]; !l.up || !l.carrier {
		return nil
	}
	for p, a := range s.addresses[index] {
		if !pick(p.Addr()) {
			continue
		}
		for _, r := range kernelRoutesOf(index, p, a.tentative) {
			if !s.kernel[r] {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b kernelRoute) int { // local routes first, because others have the address as their source
		return cmp.Or(cmp.Compare(b.dst.Bits(), a.dst.Bits()), cmp.Compare(a.kind, b.kind), a.dst.Compare(b.dst))
	})
	return out
}

// lackingManaged are the missing routes of the addresses that are objects.
func (s *state) lackingManaged(index int) []kernelRoute { return s.lacking(index, managed) }

// lackingLoopback are the missing routes of lo.
func (s *state) lackingLoopback() []kernelRoute {
	return s.lacking(loopbackIndex, func(netip.Addr) bool { return true })
}

// lackingOwn are the missing routes of the device itself: of its link-local address, and the one for multicast.
func (s *state) lackingOwn(index int) []kernelRoute {
	out := s.lacking(index, func(a netip.Addr) bool { return !managed(a) })
	l := s.links[index]
	multicast := kernelRoute{unix.RT_TABLE_LOCAL, unix.RTN_MULTICAST, multicastV6, index}
	if l.up && l.carrier && s.hasV6(index) && !s.kernel[multicast] {
		out = append(out, multicast)
	}
	return out
}

func (s *state) hasV6(index int) bool {
	for p := range s.addresses[index] {
		if p.Addr().Is6() {
			return true
		}
	}
	return false
}

// describe is the deviation as a text for people.
func (r kernelRoute) describe(device string) string {
	what := map[byte]string{unix.RTN_LOCAL: "local", unix.RTN_UNICAST: "connected", unix.RTN_BROADCAST: "broadcast",
		unix.RTN_MULTICAST: "multicast"}[r.kind]
	return fmt.Sprintf("%s lacks the kernel's %s route %s", device, what, r.dst)
}

func describeAll(lacking []kernelRoute, device string) (out []string) {
	for _, r := range lacking {
		out = append(out, r.describe(device))
	}
	return out
}

// restore are the requests that make the routes as the kernel makes them, so that the kernel removes them together with the
// address. A local route of IPv6 belongs to its address, so it is only restored together with it.
func (s *state) restore(lacking []kernelRoute) (out []step) {
	for _, r := range lacking {
		a := r.dst.Addr()
		if r.kind == unix.RTN_LOCAL && a.Is6() {
			for p := range s.addresses[r.index] {
				if p.Addr() == a {
					out = append(out, step{address(unix.RTM_DELADDR, r.index, p), gone}, step{address(unix.RTM_NEWADDR, r.index, p), noErrors})
				}
			}
			continue
		}
		out = append(out, step{r.request(s.sourceOf(r)), []error{unix.EEXIST}})
	}
	return out
}

// sourceOf is the address that the kernel's IPv4 route belongs to.
func (s *state) sourceOf(r kernelRoute) (source netip.Addr) {
	if r.dst.Addr().Is6() {
		return source
	}
	for p, a := range s.addresses[r.index] {
		if slices.Contains(kernelRoutesOf(r.index, p, a.tentative), r) && (!source.IsValid() || p.Addr().Less(source)) {
			source = p.Addr()
		}
	}
	return source
}

// request adds the route. In IPv4 it replaces a foreign route to the same destination. In IPv6 it does not replace, because every
// device has a route to fe80::/64.
func (r kernelRoute) request(source netip.Addr) *netlink.Request {
	fixed := make([]byte, netlink.RouteHeader)
	fixed[0], fixed[1], fixed[4], fixed[5], fixed[7] = family(r.dst.Addr()), byte(r.dst.Bits()), byte(r.table), unix.RTPROT_KERNEL, r.kind
	flags := uint16(netlink.FlagsAct | unix.NLM_F_CREATE)
	if r.dst.Addr().Is4() {
		flags, fixed[6] = netlink.FlagsReplace, unix.RT_SCOPE_LINK
		if r.kind == unix.RTN_LOCAL {
			fixed[6] = unix.RT_SCOPE_HOST
		}
	}
	q := netlink.NewRequest(unix.RTM_NEWROUTE, flags, fixed).Attr(unix.RTA_DST, r.dst.Addr().AsSlice()...).
		Uint32(unix.RTA_OIF, uint32(r.index))
	if source.IsValid() {
		q.Attr(unix.RTA_PREFSRC, source.AsSlice()...)
	}
	if r.dst.Addr().Is6() {
		q.Uint32(unix.RTA_PRIORITY, kernelMetricV6)
	}
	return q
}
