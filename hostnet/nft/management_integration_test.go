//go:build integration

package nft

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// management is the outside of the two networks of these tests, in both families.
var management = prefixes("203.0.113.0/31", "2001:db8:ffff::/64")

// briefly is longer than an answer takes in namespaces of one machine, and longer than the first retransmission of TCP.
const briefly = 1500 * time.Millisecond

// reaches says whether a server answers.
func (n *network) reaches(ns, to string) bool {
	n.t.Helper()
	var c net.Conn
	err := n.Inside(ns, func() (err error) { c, err = net.DialTimeout("tcp", to, briefly); return err })
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = askBriefly(c)
	return err == nil
}

// askBriefly is ask for an answer that is not expected.
func askBriefly(c net.Conn) (string, error) {
	if err := c.SetDeadline(time.Now().Add(briefly)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, "who"); err != nil {
		return "", err
	}
	b := make([]byte, 100)
	size, err := c.Read(b)
	return strings.TrimSpace(string(b[:size])), err
}

// TestManagementIsClosed: nothing passes a router from or to a management network, in either family, not even what belongs to a
// connection from before. What lies beside the prefixes passes. Each direction has a control: the same packet with no such network.
func TestManagementIsClosed(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	table := routerTable(n.router)
	apply(t, n.d, table, mapping(n.router, "192.0.2.20", "10.0.0.5"))
	n.serve(n.outside, "tcp", 7)
	n.serve(n.a, "tcp", 7)
	inside(t, n.outside, "ip", "addr", "add", "203.0.113.2/32", "dev", "lo")
	old := n.seenAs(n.a, "tcp", "203.0.113.1:7", "192.0.2.20")
	n.seenAs(n.b, "tcp", "[2001:db8:ffff::1]:7", "fd00:5745:4654::2")
	var in net.Conn
	n.in(n.outside, func() (err error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("203.0.113.1")}, Timeout: 20 * time.Second}
		in, err = d.Dial("tcp", "192.0.2.20:7")
		return err
	})
	defer in.Close()
	if got, err := ask(in); err != nil {
		t.Fatalf("from outside before: %q, %v", got, err)
	}

	table.Management = management
	apply(t, n.d, table)
	same(t, n.d, table)
	before := n.counted(counterManagement)
	for _, c := range []struct{ from, to string }{
		{n.a, "203.0.113.1:7"}, {n.b, "203.0.113.1:7"}, {n.b, "[2001:db8:ffff::1]:7"},
	} {
		if n.reaches(c.from, c.to) {
			t.Errorf("%s is reached", c.to)
		}
	}
	if got, err := askBriefly(old); err == nil {
		t.Errorf("the connection from before still answers %q", got)
	}
	if got, err := askBriefly(in); err == nil {
		t.Errorf("the connection from the management network still answers %q", got)
	}
	if n.counted(counterManagement) == before {
		t.Error("what was dropped is not counted")
	}
	n.seenAs(n.a, "tcp", "203.0.113.2:7", "192.0.2.20")

	// A translation into a management network leads nowhere.
	apply(t, n.d, mapping(n.router, "192.0.2.30", "203.0.113.1"))
	before = n.counted(counterManagement)
	if n.reaches(n.b, "192.0.2.30:7") || n.counted(counterManagement) == before {
		t.Errorf("a floating address of a management network: %d were dropped", n.counted(counterManagement)-before)
	}

	table.Management = nil
	apply(t, n.d, table)
	n.seenAs(n.b, "tcp", "203.0.113.1:7", "169.254.128.2")
	if !n.reaches(n.b, "192.0.2.30:7") {
		t.Error("without the role, the floating address leads nowhere either: the check proves nothing")
	}
}

// TestManagementIsClosedOutside: the same in a gateway namespace, which also takes no source of a management network from outside.
func TestManagementIsClosedOutside(t *testing.T) {
	t.Parallel()
	n := newExternal(t, testLimits)
	n.serve(n.outside, "tcp", 7)
	n.serve(n.b, "tcp", 7)
	table := &object.NATTable{OwnerUID: "x", Namespace: n.router, Role: object.NATExternal, Outside: "ext",
		Sources: addrs("203.0.113.2", "2001:db8:ffff::2"), Limits: testLimits}
	reached := func() (list []string) {
		for _, c := range []struct{ name, from, to string }{
			{"out", n.a, "203.0.113.1:7"}, {"out in IPv6", n.a, "[2001:db8:ffff::1]:7"}, {"in", n.outside, "203.0.113.50:7"},
		} {
			if n.reaches(c.from, c.to) {
				list = append(list, c.name)
			}
		}
		return list
	}
	if got := strings.Join(reached(), ", "); got != "out, out in IPv6, in" {
		t.Fatalf("without a management network there are the ways %s", got)
	}
	table.Management = management
	apply(t, n.d, table)
	before := n.counted(counterManagement)
	if got := reached(); len(got) > 0 {
		t.Errorf("to a management network there are the ways %v", got)
	}
	if n.counted(counterManagement)-before < 3 {
		t.Errorf("%d packets were counted", n.counted(counterManagement)-before)
	}
}

// TestManagementInTheKernel: prefixes next to each other, and of both families, are read back; a change touches no rule; what somebody
// else removes is seen and repaired.
func TestManagementInTheKernel(t *testing.T) {
	t.Parallel()
	s := newSpaces(t)
	ns := s.add(true)
	d := newDriver(t, s)
	events := watched(t, d)
	subscribed(t, d, events, ns)
	table := routerTable(ns)
	for _, list := range [][]netip.Prefix{
		prefixes("198.51.100.0/25", "198.51.100.128/25", "203.0.113.7/32", "2001:db8:5::/64", "2001:db8:5:1::/64", "2001:db8:6::1/128"),
		prefixes("198.51.100.0/24", "2001:db8:5:1::/64"),
		prefixes("198.51.100.128/26", "198.51.100.192/26", "2001:db8:5:1::/64"),
		nil,
		prefixes("10.0.0.0/8"),
	} {
		table.Management = list
		apply(t, d, table)
		same(t, d, table)
		fresh := newDriver(t, s)
		if err := fresh.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		same(t, fresh, table)
	}
	nftStdin(t, ns, "delete element inet weft management4 { 10.0.0.0/8 }\n")
	await(t, events, table.Key())
	if diff := table.Diff(observe(t, d, table.Key())); len(diff) == 0 {
		t.Error("a prefix that is gone is no difference")
	}
	apply(t, d, table)
	same(t, d, table)
}
