//go:build integration

package nft

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestOneRouterFillsNoNeighborTable: a sender that scans a prefix behind a router makes the router resolve only few neighbours,
// in each family and in each role. Known neighbours stay reachable. What is not resolved is counted.
func TestOneRouterFillsNoNeighborTable(t *testing.T) {
	t.Parallel()
	const walk, most = 3000, 520 // of 1,024 entries that a table has by default
	for _, c := range []struct {
		name    string
		network *network
		device  string
		known   []string
	}{
		{"router", newNetwork(t), "inb", []string{"10.0.1.7", "fd00:b::7"}},
		{"external", newExternal(t, testLimits), "ext", []string{"203.0.113.1", "2001:db8:ffff::1"}},
	} {
		n := c.network
		if c.name == "router" {
			table := routerTable(n.router)
			table.Limits = testLimits
			table.Limits.PerSecond, table.Limits.Connections = walk, 2*walk
			apply(t, n.d, table)
		}
		inside(t, n.router, "ip", "addr", "add", "10.99.0.1/16", "dev", c.device)
		inside(t, n.router, "ip", "addr", "add", "fd99::1/64", "dev", c.device, "nodad")
		for _, address := range c.known {
			inside(t, n.a, "ping", "-c1", "-w10", address)
		}
		for _, format := range []string{"10.99.%d.%d", "fd99::%x:%x"} {
			before := n.counted(counterResolution)
			n.in(n.a, func() error { return knock(format, walk) })
			out := inside(t, n.router, "ip", "neigh", "show", "dev", c.device)
			if entries := strings.Count(out, strings.SplitN(format, "%", 2)[0]); entries == 0 || entries > most {
				t.Errorf("%s: %d neighbours are asked for, want some and at most %d", c.name, entries, most)
			}
			if n.counted(counterResolution) == before {
				t.Errorf("%s: nothing was counted", c.name)
			}
			for _, address := range c.known {
				inside(t, n.a, "ping", "-c1", "-w10", address)
			}
		}
	}
}

// knock sends one datagram to each of so many addresses. The format gets the last two parts of the address.
func knock(format string, addresses int) error {
	c, err := net.ListenPacket("udp", ":0")
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range addresses {
		to := net.ParseIP(fmt.Sprintf(format, 1+i/250, 1+i%250))
		_, _ = c.WriteTo([]byte("x"), &net.UDPAddr{IP: to, Port: 9}) // an error here is from an earlier datagram
	}
	return nil
}
