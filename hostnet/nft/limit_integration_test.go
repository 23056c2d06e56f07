//go:build integration

package nft

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// limited is a router's namespace with small limits, and a server outside.
func limited(t *testing.T, limits object.NATLimits) *network {
	n := newNetwork(t)
	table := routerTable(n.router)
	table.Limits = limits
	apply(t, n.d, table)
	n.serve(n.outside, "tcp", 7)
	n.serve(n.outside, "tcp", 8)
	return n
}

// flood opens connections until one is refused or there are most of them. They stay open.
func (n *network) flood(ns, address string, most int) (open int, err error) {
	n.t.Helper()
	n.in(ns, func() error {
		for range most {
			var c net.Conn
			if c, err = net.DialTimeout("tcp", address, 5*time.Second); err != nil {
				return nil
			}
			n.t.Cleanup(func() { c.Close() })
			open++
		}
		return nil
	})
	return open, err
}

// refused says whether the sender was told at once that the connection is prohibited.
func refused(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EACCES)
}

func (n *network) counted(reason string) uint64 {
	n.t.Helper()
	return n.d.Dropped(context.Background())[reason]
}

// TestConnectionsToOneDestination: in each family, the limit holds for one port of one address, and connections to others pass. A
// connection that ends makes room. A guest with a floating address needs no port of the shared address. A change of the limit
// takes effect at once.
func TestConnectionsToOneDestination(t *testing.T) {
	t.Parallel()
	n := limited(t, object.NATLimits{Connections: 1000, PerDestination: 20, PerSecond: 1000})
	for _, server := range []string{"203.0.113.1", "[2001:db8:ffff::1]"} {
		before := n.counted(counterDestination)
		open, err := n.flood(n.a, server+":7", 40)
		if open != 20 || !refused(err) {
			t.Errorf("%s: %d connections are open, then %v; want 20 and a refusal", server, open, err)
		}
		if n.counted(counterDestination) == before {
			t.Errorf("%s: no refusal was counted", server)
		}
		if open, err := n.flood(n.a, server+":8", 15); open != 15 {
			t.Errorf("%s: another port: %d connections are open, then %v", server, open, err)
		}
	}
	apply(t, n.d, mapping(n.router, "192.0.2.10", "10.0.1.7"))
	inside(t, n.outside, "ip", "route", "add", "192.0.2.10/32", "via", "169.254.128.2")
	if open, err := n.flood(n.b, "203.0.113.1:7", 40); open != 40 {
		t.Errorf("with a floating address: %d connections are open, then %v", open, err)
	}
	table := routerTable(n.router)
	table.Limits = object.NATLimits{Connections: 1000, PerDestination: 5, PerSecond: 1000}
	apply(t, n.d, table)
	if open, err := n.flood(n.a, "203.0.113.1:7", 40); open != 5 || !refused(err) {
		t.Errorf("a lower limit: %d connections are open, then %v; want 5 and a refusal", open, err)
	}
	same(t, n.d, mapping(n.router, "192.0.2.10", "10.0.1.7"))
}

// TestAllConnectionsOfARouter: connections between its networks, to outside and from outside all count.
func TestAllConnectionsOfARouter(t *testing.T) {
	t.Parallel()
	n := limited(t, object.NATLimits{Connections: 40, PerDestination: 40, PerSecond: 1000})
	n.serve(n.b, "tcp", 7)
	apply(t, n.d, mapping(n.router, "192.0.2.10", "10.0.1.7"))
	inside(t, n.outside, "ip", "route", "add", "192.0.2.10/32", "via", "169.254.128.2")
	if open, err := n.flood(n.a, "10.0.1.7:7", 30); open != 30 {
		t.Fatalf("within the router: %d connections are open, then %v", open, err)
	}
	if open, err := n.flood(n.outside, "192.0.2.10:7", 10); open != 10 {
		t.Fatalf("from outside: %d connections are open, then %v", open, err)
	}
	before := n.counted(counterConnections)
	n.in(n.outside, func() error {
		c, err := net.DialTimeout("tcp", "192.0.2.10:7", 300*time.Millisecond)
		if err == nil || !os.IsTimeout(err) {
			t.Errorf("one too many, from outside: %v; want no answer", err)
		}
		if c != nil {
			c.Close()
		}
		return nil
	})
	if open, err := n.flood(n.a, "[fd00:b::7]:7", 1); open != 0 || !refused(err) {
		t.Errorf("one too many, within the router: %d, %v; want a refusal", open, err)
	}
	if open, err := n.flood(n.a, "203.0.113.1:7", 1); open != 0 || !refused(err) {
		t.Errorf("one too many, to outside: %d, %v; want a refusal", open, err)
	}
	if n.counted(counterConnections) < before+3 {
		t.Error("not all refusals were counted")
	}
}

// TestRateOfNewConnections: connections that have ended count too. Senders outside do not use up the share of those inside.
func TestRateOfNewConnections(t *testing.T) {
	t.Parallel()
	n := limited(t, object.NATLimits{Connections: 1000, PerDestination: 1000, PerSecond: 1})
	apply(t, n.d, mapping(n.router, "192.0.2.10", "10.0.1.7"))
	inside(t, n.outside, "ip", "route", "add", "192.0.2.10/32", "via", "169.254.128.2")
	n.serve(n.b, "tcp", 7)
	before := n.counted(counterRate)
	if open, err := n.flood(n.a, "203.0.113.1:7", 1000); open == 1000 || !refused(err) {
		t.Errorf("%d connections were made one after another, then %v", open, err)
	}
	if n.counted(counterRate) == before {
		t.Error("no refusal was counted")
	}
	if open, err := n.flood(n.outside, "192.0.2.10:7", 1); open != 1 {
		t.Errorf("from outside: %v", err)
	}
}

// TestOneDirectionIsOneConnection: where a router sees no answers, each packet looks like the first of its connection. Only the
// first one counts.
func TestOneDirectionIsOneConnection(t *testing.T) {
	t.Parallel()
	const packets = 200
	n := limited(t, object.NATLimits{Connections: 3, PerDestination: 3, PerSecond: 2})
	var hears net.PacketConn
	n.in(n.b, func() (err error) { hears, err = net.ListenPacket("udp4", ":9"); return err })
	defer hears.Close()
	n.in(n.a, func() error {
		c, err := net.Dial("udp4", "10.0.1.7:9")
		if err != nil {
			return err
		}
		defer c.Close()
		for range packets {
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
		}
		return nil
	})
	if err := hears.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range packets {
		if _, _, err := hears.ReadFrom(make([]byte, 10)); err != nil {
			t.Fatalf("%d of %d packets came: %v", i, packets, err)
		}
	}
}

// TestExternalLimits: connections from outside to one router do not use up the share of another router.
func TestExternalLimits(t *testing.T) {
	t.Parallel()
	n := newExternal(t, object.NATLimits{Connections: 20, PerDestination: 20, PerSecond: 1000})
	n.serve(n.b, "tcp", 7)
	n.serve(n.a, "tcp", 7)
	if open, err := n.flood(n.outside, "203.0.113.50:7", 21); open != 20 || !os.IsTimeout(err) {
		t.Errorf("%d connections are open to one router, then %v; want 20 and no answer", open, err)
	}
	if n.counted(counterConnections) == 0 {
		t.Error("nothing was counted")
	}
	if open, err := n.flood(n.outside, "203.0.113.51:7", 20); open != 20 {
		t.Errorf("to another router %d are open, then %v", open, err)
	}
}

// TestSharedAddressGivesNoLowPorts: there are few low ports and a guest chooses its source port. So every connection gets a port
// from 1024 on.
func TestSharedAddressGivesNoLowPorts(t *testing.T) {
	t.Parallel()
	n := newExternal(t, testLimits)
	var hears net.PacketConn
	n.in(n.outside, func() (err error) { hears, err = net.ListenPacket("udp4", "203.0.113.1:123"); return err })
	defer hears.Close()
	n.in(n.a, func() error {
		c, err := net.DialUDP("udp4", &net.UDPAddr{Port: 123}, &net.UDPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 123})
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
	if err := hears.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, from, err := hears.ReadFrom(make([]byte, 10))
	if err != nil || from.(*net.UDPAddr).Port < 1024 || host(from) != "203.0.113.2" {
		t.Errorf("from port 123: comes from %v (%v), want a port from 1024 on of 203.0.113.2", from, err)
	}
}

// TestProtocolsWithoutPorts: only a floating address carries protocols without ports. Everything else passes, echo included.
func TestProtocolsWithoutPorts(t *testing.T) {
	t.Parallel()
	n := limited(t, object.NATLimits{Connections: 1000, PerDestination: 100, PerSecond: 1000})
	apply(t, n.d, mapping(n.router, "192.0.2.10", "10.0.1.7"), mapping(n.router, "2001:db8::10", "fd00:b::7"))
	for _, c := range []struct {
		from, to string
		protocol int
		arrives  bool
	}{
		{n.b, "203.0.113.1", unix.IPPROTO_GRE, true}, {n.a, "203.0.113.1", unix.IPPROTO_GRE, false},
		{n.b, "203.0.113.1", unix.IPPROTO_ESP, true}, {n.a, "203.0.113.1", unix.IPPROTO_ESP, false},
		{n.b, "2001:db8:ffff::1", unix.IPPROTO_GRE, true}, {n.a, "2001:db8:ffff::1", unix.IPPROTO_GRE, false},
		{n.a, "10.0.1.7", unix.IPPROTO_GRE, true},
	} {
		before := n.counted(counterNoPorts)
		if got := n.raw(c.from, c.to, c.protocol, c.arrives); got != c.arrives {
			t.Errorf("protocol %d from %s to %s arrives: %v, want %v", c.protocol, c.from, c.to, got, c.arrives)
		}
		if counted := n.counted(counterNoPorts) > before; counted == c.arrives {
			t.Errorf("protocol %d from %s to %s is counted as refused: %v", c.protocol, c.from, c.to, counted)
		}
	}
	inside(t, n.a, "ping", "-c1", "-w10", "203.0.113.1")
	inside(t, n.a, "ping", "-c1", "-w10", "2001:db8:ffff::1")
}

// raw sends one packet of the protocol and says whether it arrived. With awaited set, it waits for the packet.
func (n *network) raw(from, to string, protocol int, awaited bool) bool {
	n.t.Helper()
	rawWait := 300 * time.Millisecond
	if awaited {
		rawWait = 10 * time.Second
	}
	kind, where := "ip4:", n.outside
	if strings.Contains(to, ":") {
		kind = "ip6:"
	}
	if strings.HasPrefix(to, "10.") {
		where = n.b
	}
	var hears net.PacketConn
	n.in(where, func() (err error) { hears, err = net.ListenPacket(fmt.Sprint(kind, protocol), ""); return err })
	defer hears.Close()
	n.in(from, func() error {
		c, err := net.Dial(fmt.Sprint(kind, protocol), to)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(make([]byte, 32))
		return err
	})
	if err := hears.SetReadDeadline(time.Now().Add(rawWait)); err != nil {
		n.t.Fatal(err)
	}
	_, _, err := hears.ReadFrom(make([]byte, 100))
	return err == nil
}
