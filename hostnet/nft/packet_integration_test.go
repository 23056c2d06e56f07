//go:build integration

package nft

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// network is a router's namespace between two guests and the outside:
//
//	a 10.0.0.5, fd00:a::5 ── router ── outside 203.0.113.1, 2001:db8:ffff::1
//	b 10.0.1.7, fd00:b::7 ──┘    169.254.128.2, fd00:5745:4654::2; floating addresses in 192.0.2.0/24, 2001:db8::/64
type network struct {
	*testSpaces
	router, a, b, outside string
	d                     *Driver
}

func newNetwork(t testing.TB) *network {
	s := newSpaces(t)
	n := &network{testSpaces: s, router: s.add(true), a: s.add(false), b: s.add(false), outside: s.add(false)}
	n.connect(n.a, "ina", "10.0.0.1/24 fd00:a::1/64", "10.0.0.5/24 fd00:a::5/64")
	n.connect(n.b, "inb", "10.0.1.1/24 fd00:b::1/64", "10.0.1.7/24 fd00:b::7/64")
	n.connect(n.outside, "out", "169.254.128.2/24 fd00:5745:4654::2/64", "169.254.128.1/24 fd00:5745:4654::1/64")
	for ns, via := range map[string][2]string{n.a: {"10.0.0.1", "fd00:a::1"}, n.b: {"10.0.1.1", "fd00:b::1"},
		n.router: {"169.254.128.1", "fd00:5745:4654::1"}, n.outside: {"169.254.128.2", "fd00:5745:4654::2"}} {
		inside(t, ns, "ip", "route", "add", "default", "via", via[0])
		inside(t, ns, "ip", "-6", "route", "add", "default", "via", via[1])
	}
	inside(t, n.outside, "ip", "addr", "add", "203.0.113.1/32", "dev", "lo")
	inside(t, n.outside, "ip", "addr", "add", "2001:db8:ffff::1/128", "dev", "lo")
	n.d = newDriver(t, s)
	watched(t, n.d)
	return n
}

// connect connects a namespace's eth0 to a device of the router.
func (n *network) connect(ns, device, routers, own string) {
	n.t.Helper()
	run(n.t, "ip", "-n", n.router, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", ns)
	for _, end := range [][3]string{{n.router, device, routers}, {ns, "eth0", own}} {
		for _, address := range strings.Fields(end[2]) {
			args := []string{"ip", "addr", "add", address, "dev", end[1]}
			if strings.Contains(address, ":") {
				args = append(args, "nodad")
			}
			inside(n.t, end[0], args...)
		}
		inside(n.t, end[0], "ip", "link", "set", end[1], "up")
	}
}

// serve answers each line with the address of its sender. It listens on the port of all addresses, or of one, by TCP or UDP. A
// UDP server on all addresses answers from the one that the route prefers.
func (n *network) serve(ns, protocol string, port int, of ...string) {
	n.t.Helper()
	address := net.JoinHostPort(strings.Join(of, ""), fmt.Sprint(port))
	if protocol == "udp" {
		var c net.PacketConn
		n.in(ns, func() (err error) { c, err = net.ListenPacket("udp", address); return err })
		n.t.Cleanup(func() { c.Close() })
		go func() {
			b := make([]byte, 100)
			for {
				_, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo([]byte(host(from)+"\n"), from)
			}
		}()
		return
	}
	var l net.Listener
	n.in(ns, func() (err error) { l, err = net.Listen("tcp", address); return err })
	n.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if _, err := fmt.Fprintln(c, host(c.RemoteAddr())); err != nil {
						return
					}
				}
			}()
		}
	}()
}

func host(a net.Addr) string {
	return netip.MustParseAddrPort(a.String()).Addr().Unmap().String()
}

func (n *network) in(ns string, fn func() error) {
	n.t.Helper()
	if err := n.Inside(ns, fn); err != nil {
		n.t.Fatal(err)
	}
}

// dial connects. The connection is closed at the end of the test.
func (n *network) dial(ns, protocol, to string) net.Conn {
	n.t.Helper()
	var c net.Conn
	n.in(ns, func() (err error) { c, err = net.DialTimeout(protocol, to, 20*time.Second); return err })
	n.t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a line and returns the answer: the address that the other side sees.
func ask(c net.Conn) (string, error) {
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, "who"); err != nil {
		return "", err
	}
	b := make([]byte, 100)
	size, err := c.Read(b)
	return strings.TrimSpace(string(b[:size])), err
}

// seenAs checks which address the server at the other end sees.
func (n *network) seenAs(ns, protocol, to, want string) net.Conn {
	n.t.Helper()
	c := n.dial(ns, protocol, to)
	got, err := ask(c)
	if err != nil || got != want {
		n.t.Errorf("%s %s: comes from %q (%v), expected %s", protocol, to, got, err, want)
	}
	return c
}

func TestFloatingAddress(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	apply(t, n.d, routerTable(n.router),
		mapping(n.router, "192.0.2.10", "10.0.0.5"), mapping(n.router, "192.0.2.20", "10.0.0.5"),
		mapping(n.router, "2001:db8::10", "fd00:a::5"))
	for _, protocol := range []string{"tcp", "udp"} {
		n.serve(n.a, protocol, 7)
		n.serve(n.b, protocol, 7)
		n.serve(n.outside, protocol, 7, "203.0.113.1")
		n.serve(n.outside, protocol, 7, "2001:db8:ffff::1")
		// In: the server sees the client's own address, through each of the floating addresses.
		n.seenAs(n.outside, protocol, "192.0.2.10:7", "169.254.128.1")
		n.seenAs(n.outside, protocol, "192.0.2.20:7", "169.254.128.1")
		n.seenAs(n.outside, protocol, "[2001:db8::10]:7", "fd00:5745:4654::1")
		// Out: the source is the lowest floating address, or the router's own address.
		n.seenAs(n.a, protocol, "203.0.113.1:7", "192.0.2.10")
		n.seenAs(n.a, protocol, "[2001:db8:ffff::1]:7", "2001:db8::10")
		n.seenAs(n.b, protocol, "203.0.113.1:7", "169.254.128.2")
		n.seenAs(n.b, protocol, "[2001:db8:ffff::1]:7", "fd00:5745:4654::2")
		// Between the router's networks nothing is translated.
		n.seenAs(n.b, protocol, "10.0.0.5:7", "10.0.1.7")
		n.seenAs(n.b, protocol, "[fd00:a::5]:7", "fd00:b::7")
		// Hairpin: with and without a floating address of one's own, and to oneself.
		n.seenAs(n.b, protocol, "192.0.2.10:7", "169.254.128.2")
		n.seenAs(n.b, protocol, "[2001:db8::10]:7", "fd00:5745:4654::2")
		n.seenAs(n.a, protocol, "192.0.2.20:7", "192.0.2.10")
	}
	for _, to := range []string{"192.0.2.10", "192.0.2.20", "2001:db8::10"} {
		inside(t, n.outside, "ping", "-c1", "-W10", to)
		inside(t, n.b, "ping", "-c1", "-W10", to)
	}
	for _, ns := range []string{n.a, n.b} {
		inside(t, ns, "ping", "-c1", "-W10", "203.0.113.1")
		inside(t, ns, "ping", "-c1", "-W10", "2001:db8:ffff::1")
	}
}

func TestErrorsComeThrough(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	apply(t, n.d, routerTable(n.router), mapping(n.router, "192.0.2.10", "10.0.0.5"), mapping(n.router, "2001:db8::10", "fd00:a::5"))
	// Nobody listens on the port. The ICMP error must reach the socket that sent.
	for _, c := range [][2]string{{n.outside, "192.0.2.10:9"}, {n.outside, "[2001:db8::10]:9"}, {n.a, "203.0.113.1:9"},
		{n.a, "[2001:db8:ffff::1]:9"}, {n.b, "203.0.113.1:9"}, {n.b, "192.0.2.10:9"}} {
		if _, err := ask(n.dial(c[0], "udp", c[1])); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("udp %s: %v, expected connection refused", c[1], err)
		}
	}
}

func TestForwards(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	a, b := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.1.7")
	a6 := netip.MustParseAddr("fd00:a::5")
	all := []object.NATForward{
		{Protocol: "tcp", First: 8000, Last: 8002, To: a, ToFirst: 90},
		{Protocol: "udp", First: 8000, Last: 8000, To: b, ToFirst: 90},
	}
	apply(t, n.d, routerTable(n.router), mapping(n.router, "192.0.2.10", "", all...),
		mapping(n.router, "2001:db8::10", "", object.NATForward{Protocol: "tcp", First: 8000, Last: 8002, To: a6, ToFirst: 90}))
	n.serve(n.a, "tcp", 92)
	n.serve(n.b, "udp", 90)
	n.serve(n.outside, "tcp", 7)
	n.seenAs(n.outside, "tcp", "192.0.2.10:8002", "169.254.128.1")
	n.seenAs(n.outside, "tcp", "[2001:db8::10]:8002", "fd00:5745:4654::1")
	n.seenAs(n.outside, "udp", "192.0.2.10:8000", "169.254.128.1")
	n.seenAs(n.b, "tcp", "192.0.2.10:8002", "169.254.128.2")
	// A forwarded port does not change the source of outgoing connections.
	n.seenAs(n.a, "tcp", "203.0.113.1:7", "169.254.128.2")
	// Port 8001 leads to port 91, where nobody listens. Port 8003 leads nowhere, and its packets do not circle.
	n.in(n.outside, func() error {
		_, err := net.DialTimeout("tcp", "192.0.2.10:8001", 20*time.Second)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("port 8001: %v, expected connection refused", err)
		}
		return nil
	})
	if out, err := tryRun("ip", "netns", "exec", n.outside, "ping", "-c1", "-W1", "192.0.2.10"); err == nil || strings.Contains(out, "exceeded") {
		t.Errorf("ping to an address that only forwards ports: %v\n%s", err, out)
	}
}

// tracked says whether the router knows a connection of the client.
func (n *network) tracked(c net.Conn) (found bool) {
	n.t.Helper()
	port := netip.MustParseAddrPort(c.LocalAddr().String()).Port()
	n.in(n.router, func() error {
		h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer h.Close()
		for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
			flows, err := h.ConntrackTableList(netlink.ConntrackTable, family)
			if err != nil {
				return err
			}
			for _, f := range flows {
				found = found || f.Forward.SrcPort == port
			}
		}
		return nil
	})
	return found
}

func TestCuts(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	forward := func(port uint16) object.NATForward {
		return object.NATForward{Protocol: "tcp", First: port, Last: port, To: netip.MustParseAddr("10.0.1.7"), ToFirst: 7}
	}
	moved, stays := mapping(n.router, "192.0.2.10", "10.0.0.5"), mapping(n.router, "192.0.2.20", "10.0.1.7")
	goes, stays6 := mapping(n.router, "192.0.2.30", "10.0.0.5"), mapping(n.router, "2001:db8::10", "fd00:a::5")
	apply(t, n.d, routerTable(n.router), moved, stays, goes, stays6, mapping(n.router, "192.0.2.40", "", forward(80), forward(81)))
	for _, ns := range []string{n.a, n.outside} {
		n.serve(ns, "tcp", 7)
	}
	n.serve(n.b, "tcp", 7)
	inMoved := n.seenAs(n.outside, "tcp", "192.0.2.10:7", "169.254.128.1")
	outMoved := n.seenAs(n.a, "tcp", "203.0.113.1:7", "192.0.2.10")
	inGone := n.seenAs(n.outside, "tcp", "192.0.2.30:7", "169.254.128.1")
	portGone := n.seenAs(n.outside, "tcp", "192.0.2.40:80", "169.254.128.1")
	living := []net.Conn{
		n.seenAs(n.outside, "tcp", "192.0.2.20:7", "169.254.128.1"),
		n.seenAs(n.b, "tcp", "203.0.113.1:7", "192.0.2.20"),
		n.seenAs(n.outside, "tcp", "[2001:db8::10]:7", "fd00:5745:4654::1"),
		n.seenAs(n.outside, "tcp", "192.0.2.40:81", "169.254.128.1"),
		n.seenAs(n.a, "tcp", "10.0.1.7:7", "10.0.0.5"),
	}
	for _, c := range append(living, inMoved, outMoved, inGone, portGone) {
		if !n.tracked(c) {
			t.Fatalf("%s: not tracked", c.RemoteAddr())
		}
	}
	// One mapping moves to another guest, one is removed, one loses a port.
	apply(t, n.d, mapping(n.router, "192.0.2.10", "10.0.1.7"), mapping(n.router, "192.0.2.40", "", forward(81)))
	remove(t, n.d, goes.Key())
	for _, c := range []net.Conn{inMoved, outMoved, inGone, portGone} {
		if n.tracked(c) {
			t.Errorf("%s → %s: still tracked", c.LocalAddr(), c.RemoteAddr())
		}
	}
	for _, c := range living {
		if _, err := ask(c); err != nil {
			t.Errorf("%s → %s: %v", c.LocalAddr(), c.RemoteAddr(), err)
		}
	}
	// The other guest does not know the connection.
	if _, err := ask(inMoved); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection through the moved address: %v, expected a reset", err)
	}
	n.seenAs(n.a, "tcp", "203.0.113.1:7", "169.254.128.2")
	n.seenAs(n.b, "tcp", "203.0.113.1:7", "192.0.2.10")
}

// newExternal has the same wires, but in the middle is the host's gateway namespace. Its "guests" are the transit ends of two
// routers. Each has a floating address: 203.0.113.50 for b and .51 for a.
func newExternal(t *testing.T, limits object.NATLimits) *network {
	s := newSpaces(t)
	n := &network{testSpaces: s, router: s.add(true), a: s.add(false), b: s.add(false), outside: s.add(false)}
	n.connect(n.a, "ta", "169.254.128.2/31 fd00:5745:4654::2/127", "169.254.128.3/31 fd00:5745:4654::3/127")
	n.connect(n.b, "tb", "169.254.128.4/31 fd00:5745:4654::4/127", "169.254.128.5/31 fd00:5745:4654::5/127")
	n.connect(n.outside, "ext", "203.0.113.2/24 2001:db8:ffff::2/64", "203.0.113.1/24 2001:db8:ffff::1/64")
	for ns, via := range map[string][2]string{n.a: {"169.254.128.2", "fd00:5745:4654::2"}, n.b: {"169.254.128.4", "fd00:5745:4654::4"}} {
		inside(t, ns, "ip", "route", "add", "default", "via", via[0])
		inside(t, ns, "ip", "-6", "route", "add", "default", "via", via[1])
	}
	for floating, at := range map[string][2]string{"203.0.113.50/32": {n.b, "169.254.128.5"}, "203.0.113.51/32": {n.a, "169.254.128.3"}} {
		inside(t, n.router, "ip", "route", "add", floating, "via", at[1]) // the gateway namespace only routes it
		inside(t, n.outside, "ip", "route", "add", floating, "via", "203.0.113.2")
		inside(t, at[0], "ip", "addr", "add", floating, "dev", "lo")
	}
	n.d = newDriver(t, s)
	if err := n.d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	apply(t, n.d, &object.NATTable{OwnerUID: "x", Namespace: n.router, Role: object.NATExternal, Outside: "ext",
		Sources: addrs("203.0.113.2", "2001:db8:ffff::2"), Limits: limits})
	return n
}

func TestExternal(t *testing.T) {
	t.Parallel()
	n := newExternal(t, testLimits)
	for _, ns := range []string{n.b, n.outside} {
		n.serve(ns, "tcp", 7)
	}
	n.seenAs(n.a, "tcp", "203.0.113.1:7", "203.0.113.2")
	n.seenAs(n.a, "tcp", "[2001:db8:ffff::1]:7", "2001:db8:ffff::2")
	n.seenAs(n.a, "tcp", "203.0.113.50:7", "203.0.113.2")
	n.seenAs(n.outside, "tcp", "203.0.113.50:7", "203.0.113.1")
	// From a floating address: the source is not changed.
	var c net.Conn
	n.in(n.b, func() (err error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("203.0.113.50")}, Timeout: 20 * time.Second}
		c, err = d.Dial("tcp", "203.0.113.1:7")
		return err
	})
	defer c.Close()
	if got, err := ask(c); err != nil || got != "203.0.113.50" {
		t.Errorf("from a floating address: comes from %q (%v)", got, err)
	}
}
