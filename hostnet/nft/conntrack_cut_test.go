package nft

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestConnectionsThatEnd: when a mapping ends, the connections through it end, whichever side began them. Other connections of
// the same guest or of the same floating address go on.
func TestConnectionsThatEnd(t *testing.T) {
	t.Parallel()
	const (
		floating, fixed, other, peer = "192.0.2.1", "10.0.0.1", "10.0.0.2", "198.51.100.9"
	)
	whole := cut{floating: netip.MustParseAddr(floating), fixed: netip.MustParseAddr(fixed)}
	web := cut{floating: netip.MustParseAddr(floating), ports: map[service]netip.AddrPort{{unix.IPPROTO_TCP, 80}: netip.MustParseAddrPort(fixed + ":8080")}}
	six := cut{floating: netip.MustParseAddr("2001:db8::1"), fixed: netip.MustParseAddr("fd00::1")}
	flow := func(from, to, answeredBy, answeredTo string, protocol uint8, port uint16) *netlink.ConntrackFlow {
		f := &netlink.ConntrackFlow{}
		f.Forward = netlink.IPTuple{SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to), Protocol: protocol, SrcPort: 40000, DstPort: port}
		f.Reverse = netlink.IPTuple{SrcIP: net.ParseIP(answeredBy), DstIP: net.ParseIP(answeredTo), Protocol: protocol, DstPort: 40000}
		return f
	}
	for name, c := range map[string]struct {
		cuts []cut
		flow *netlink.ConntrackFlow
		ends bool
	}{
		"begun outside":               {[]cut{whole}, flow(peer, floating, fixed, peer, unix.IPPROTO_TCP, 22), true},
		"begun inside":                {[]cut{whole}, flow(fixed, peer, peer, floating, unix.IPPROTO_UDP, 53), true},
		"the guest among its own":     {[]cut{whole}, flow(fixed, other, other, fixed, unix.IPPROTO_TCP, 22), false},
		"it left as another address":  {[]cut{whole}, flow(fixed, peer, peer, "192.0.2.7", unix.IPPROTO_TCP, 22), false},
		"it leads to another now":     {[]cut{whole}, flow(peer, floating, other, peer, unix.IPPROTO_TCP, 22), false},
		"a port":                      {[]cut{web}, flow(peer, floating, fixed, peer, unix.IPPROTO_TCP, 80), true},
		"another port":                {[]cut{web}, flow(peer, floating, fixed, peer, unix.IPPROTO_TCP, 81), false},
		"another protocol":            {[]cut{web}, flow(peer, floating, fixed, peer, unix.IPPROTO_UDP, 80), false},
		"the port leads to another":   {[]cut{web}, flow(peer, floating, other, peer, unix.IPPROTO_TCP, 80), false},
		"what leaves, with ports":     {[]cut{web}, flow(fixed, peer, peer, floating, unix.IPPROTO_TCP, 80), false},
		"IPv6":                        {[]cut{whole, six}, flow("2001:db8::9", "2001:db8::1", "fd00::1", "2001:db8::9", unix.IPPROTO_TCP, 22), true},
		"two cuts of one address":     {[]cut{web, {floating: web.floating, ports: map[service]netip.AddrPort{{unix.IPPROTO_TCP, 81}: netip.MustParseAddrPort(fixed + ":81")}}}, flow(peer, floating, fixed, peer, unix.IPPROTO_TCP, 80), true},
		"no cut":                      {nil, flow(peer, floating, fixed, peer, unix.IPPROTO_TCP, 80), false},
		"a connection without a port": {[]cut{whole}, flow(peer, floating, fixed, peer, unix.IPPROTO_ICMP, 0), true},
	} {
		if ends := newCutFilter(c.cuts).MatchConntrackFlow(c.flow); ends != c.ends {
			t.Errorf("%s: it ends: %v", name, ends)
		}
	}
	if !(cut{floating: whole.floating}).empty() || whole.empty() || web.empty() {
		t.Error("a cut of nothing is one, or one of something is none")
	}
}

// TestCountersThatBeginAnew: a counter that is lower than before was made again with its table. What it has counted since then is
// reported.
func TestCountersThatBeginAnew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, now, want uint64 }{{0, 5, 5}, {5, 5, 0}, {5, 7, 2}, {7, 3, 3}, {7, 0, 0}} {
		if got := since(c.before, c.now); got != c.want {
			t.Errorf("from %d to %d are %d, expected %d", c.before, c.now, got, c.want)
		}
	}
}
