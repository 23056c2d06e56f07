package nft

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// cutTries bounds how often the connections are dumped again because others changed them meanwhile.
const cutTries = 5

// cut is a mapping, or a part of one, that was removed. The connections through it have to end.
type cut struct {
	floating netip.Addr
	fixed    netip.Addr                 // if valid: everything between the two addresses, in both directions
	ports    map[service]netip.AddrPort // forwards that were removed
}

func (c cut) empty() bool { return !c.fixed.IsValid() && len(c.ports) == 0 }

// cutFilter finds the connections of many cuts with one map look-up for each connection.
type cutFilter struct {
	whole map[[2]netip.Addr]bool // floating, fixed
	ports map[netip.Addr]map[service]netip.AddrPort
}

func newCutFilter(cuts []cut) cutFilter {
	f := cutFilter{map[[2]netip.Addr]bool{}, map[netip.Addr]map[service]netip.AddrPort{}}
	for _, c := range cuts {
		if c.fixed.IsValid() {
			f.whole[[2]netip.Addr{c.floating, c.fixed}] = true
		}
		for s, to := range c.ports {
			if f.ports[c.floating] == nil {
				f.ports[c.floating] = map[service]netip.AddrPort{}
			}
			f.ports[c.floating][s] = to
		}
	}
	return f
}

// MatchConntrackFlow implements netlink's filter. A connection from outside went to the floating address, and the fixed address
// answers. A connection from inside comes from the fixed address, and the answer goes to the floating address.
func (f cutFilter) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	begunFrom, begunTo := address(flow.Forward.SrcIP), address(flow.Forward.DstIP)
	answeredFrom, answeredTo := address(flow.Reverse.SrcIP), address(flow.Reverse.DstIP)
	if f.whole[[2]netip.Addr{begunTo, answeredFrom}] || f.whole[[2]netip.Addr{answeredTo, begunFrom}] {
		return true
	}
	to, ok := f.ports[begunTo][service{flow.Forward.Protocol, flow.Forward.DstPort}]
	return ok && to.Addr() == answeredFrom
}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// cutConnections ends the connections in the calling thread's namespace. It dumps the connections of each family once.
func cutConnections(cuts []cut) error {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("open a netlink conntrack socket: %w", err)
	}
	defer h.Close()
	if err := h.SetSocketTimeout(requestTimeout); err != nil {
		return fmt.Errorf("set the timeout of the netlink conntrack socket: %w", err)
	}
	byFamily := map[netlink.InetFamily][]cut{}
	for _, c := range cuts {
		family := netlink.InetFamily(unix.AF_INET6)
		if c.floating.Is4() {
			family = unix.AF_INET
		}
		byFamily[family] = append(byFamily[family], c)
	}
	for family, list := range byFamily {
		filter := newCutFilter(list)
		for range cutTries {
			_, err = h.ConntrackDeleteFilters(netlink.ConntrackTable, family, filter)
			if !errors.Is(err, netlink.ErrDumpInterrupted) {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("cut connections of %d mappings: %w", len(list), err)
		}
	}
	return nil
}
