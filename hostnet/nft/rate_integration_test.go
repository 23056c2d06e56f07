//go:build integration

package nft

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The limits of the tests, and how many datagrams are within one at once: a bucket of 75,000 bytes, or of 20 packets.
const (
	rateDatagram = 1000 // bytes of payload
	rateFlood    = 400  // datagrams, more than any of the buckets holds
)

func slowRate() object.RateLimit   { return object.RateLimit{Rate: 12500, Burst: 62500} }
func fewPackets() object.RateLimit { return object.RateLimit{Packets: 10, PacketBurst: 20} }

// floodThrough sends datagrams at once, and says how many arrive. What does not arrive was dropped for the reason.
func (n *network) floodThrough(from, at, to string, reason string) (arrived int, took time.Duration) {
	n.t.Helper()
	var receiver net.PacketConn
	n.in(at, func() (err error) { receiver, err = listenWide(); return err })
	got, ended := make(chan struct{}, rateFlood), make(chan struct{})
	defer func() {
		receiver.Close()
		<-ended // the port is free again
	}()
	go func() {
		defer close(ended)
		b := make([]byte, 2*rateDatagram)
		for {
			if _, _, err := receiver.ReadFrom(b); err != nil {
				return
			}
			got <- struct{}{}
		}
	}()
	dropped := func() int {
		if reason == "" {
			return 0
		}
		return int(n.counted(reason))
	}
	before, begun := dropped(), time.Now()
	c := n.dial(from, "udp", to)
	for range rateFlood {
		if _, err := c.Write(make([]byte, rateDatagram)); err != nil {
			n.t.Fatalf("%s: %v", to, err)
		}
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for limit := time.After(20 * time.Second); arrived+dropped()-before < rateFlood; {
		select {
		case <-got:
			arrived++
		case <-look.C: // the kernel does not tell when it drops something
		case <-limit:
			n.t.Fatalf("%s: of %d datagrams %d arrived, and %d were dropped (%s)", to, rateFlood, arrived, dropped()-before, reason)
		}
	}
	return arrived, time.Since(begun)
}

// listenWide listens with a buffer for a whole flood.
func listenWide() (net.PacketConn, error) {
	wide := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) })
		return errors.Join(err, failed)
	}}
	return wide.ListenPacket(context.Background(), "udp", ":9")
}

// freely is a router's table whose connection limits are above what the tests need.
func freely(namespace string) *object.NATTable {
	t := routerTable(namespace)
	t.Limits = object.NATLimits{Connections: 100_000, PerDestination: 10_000, PerSecond: 100_000}
	return t
}

// resolve makes the router, guests and outside know each other's MACs. A device queues only few packets while it asks.
func (n *network) resolve() {
	n.t.Helper()
	for _, guest := range []string{n.a, n.b} {
		for _, to := range []string{"203.0.113.1", "2001:db8:ffff::1"} {
			inside(n.t, guest, "ping", "-n", "-q", "-c", "1", "-W", "10", to)
		}
	}
}

// keepsTo checks that as many arrived as a limit lets pass in this time.
func keepsTo(t *testing.T, what string, arrived int, took time.Duration, l object.RateLimit) {
	t.Helper()
	bucket, more := float64(l.PacketBurst), float64(l.Packets)*took.Seconds()
	if l.Rate > 0 {
		const size = rateDatagram + 28
		bucket, more = float64(l.Rate+uint64(l.Burst))/size, float64(l.Rate)*took.Seconds()/size
	}
	if got := float64(arrived); got < 0.95*bucket-1 || got > bucket+more+1 {
		t.Errorf("%s: %d of %d arrived in %v, expected %.0f, and %.0f more at most", what, arrived, rateFlood, took, bucket, more)
	}
}

// TestRatesOfFloatingAddresses: in each family and direction no more than the limit passes, by bytes and by packets, and what is
// dropped is counted. Another floating address and those without one are not slowed. A change and an end of the limit take effect at
// once and leave connections alone.
func TestRatesOfFloatingAddresses(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	inside(t, n.outside, "ip", "route", "add", "192.0.2.0/24", "via", "169.254.128.2")
	inside(t, n.outside, "ip", "-6", "route", "add", "2001:db8::/64", "via", "fd00:5745:4654::2")
	limited := func(floating, fixed string, rates object.RateLimits) *object.NATMapping {
		m := mapping(n.router, floating, fixed)
		m.Rates = rates
		return m
	}
	n.resolve()
	slow := object.RateLimits{Ingress: slowRate(), Egress: fewPackets()}
	apply(t, n.d, freely(n.router), limited("192.0.2.10", "10.0.0.5", slow), limited("2001:db8::10", "fd00:a::5", slow),
		mapping(n.router, "192.0.2.11", "10.0.1.7"))
	n.serve(n.a, "tcp", 7)
	lives := n.dial(n.outside, "tcp", "192.0.2.10:7")
	for _, to := range []string{"192.0.2.10:9", "[2001:db8::10]:9"} {
		arrived, took := n.floodThrough(n.outside, n.a, to, counterFloatingRate)
		keepsTo(t, "to "+to, arrived, took, slow.Ingress)
	}
	for _, to := range []string{"203.0.113.1:9", "[2001:db8:ffff::1]:9"} {
		arrived, took := n.floodThrough(n.a, n.outside, to, counterFloatingRate)
		keepsTo(t, "from a floating address to "+to, arrived, took, slow.Egress)
		n.all(n.b, n.outside, to)
	}
	n.all(n.outside, n.b, "192.0.2.11:9")
	n.all(n.a, n.b, "10.0.1.7:9")
	if err := n.d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	counted := uint64(0)
	for _, floating := range []string{"192.0.2.10", "2001:db8::10", "192.0.2.11"} {
		reasons := ""
		for _, r := range n.d.Rejected(mapping(n.router, floating, "")) {
			reasons, counted = reasons+r.Reason.String()+" ", counted+r.Frames
		}
		if limited := floating != "192.0.2.11"; limited != (reasons == "egress-rate ingress-rate ") || limited == (reasons == "") {
			t.Errorf("%s: packets were dropped because of %q", floating, reasons)
		}
	}
	if all := n.counted(counterFloatingRate); counted != all || len(n.d.Rejected(freely(n.router))) > 0 {
		t.Errorf("each address counts, together %d, and all %d", counted, all)
	}

	fast := object.RateLimits{Ingress: object.RateLimit{Packets: 200, PacketBurst: 100}}
	apply(t, n.d, limited("192.0.2.10", "10.0.0.5", fast))
	arrived, took := n.floodThrough(n.outside, n.a, "192.0.2.10:9", counterFloatingRate)
	keepsTo(t, "another limit", arrived, took, fast.Ingress)
	n.all(n.a, n.outside, "203.0.113.1:9")
	apply(t, n.d, mapping(n.router, "192.0.2.10", "10.0.0.5"))
	n.all(n.outside, n.a, "192.0.2.10:9")
	if _, err := ask(lives); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

// all checks that everything arrives.
func (n *network) all(from, at, to string) {
	n.t.Helper()
	if arrived, _ := n.floodThrough(from, at, to, ""); arrived != rateFlood {
		n.t.Errorf("to %s: %d of %d arrived", to, arrived, rateFlood)
	}
}

// TestRatesOfARouter: what its floating addresses, its guests without one and routed prefixes send and receive counts together. What
// passes between its own networks does not count.
func TestRatesOfARouter(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	inside(t, n.outside, "ip", "route", "add", "192.0.2.0/24", "via", "169.254.128.2")
	inside(t, n.outside, "ip", "-6", "route", "add", "fd00:a::/64", "via", "fd00:5745:4654::2")
	n.resolve()
	table := freely(n.router)
	table.Sources, table.RoutedIPv6 = table.Sources[:1], true
	table.Rates = object.RateLimits{Ingress: fewPackets(), Egress: slowRate()}
	m := mapping(n.router, "192.0.2.10", "10.0.0.5")
	m.Rates.Ingress = object.RateLimit{Packets: 1000, PacketBurst: 300}
	apply(t, n.d, table, m)
	arrived, took := n.floodThrough(n.b, n.outside, "203.0.113.1:9", counterRouterRate)
	keepsTo(t, "without a floating address", arrived, took, slowRate())
	if arrived, took := n.floodThrough(n.a, n.outside, "203.0.113.1:9", counterRouterRate); float64(arrived) > 3+13*(took.Seconds()+1) {
		t.Errorf("with a floating address after that: %d arrived in %v", arrived, took)
	}
	n.all(n.a, n.b, "10.0.1.7:9")
	n.all(n.a, n.b, "[fd00:b::7]:9")

	floating := n.counted(counterFloatingRate)
	n.serve(n.a, "udp", 10)
	c := n.dial(n.outside, "udp", "192.0.2.10:10")
	for range rateFlood {
		if _, err := c.Write(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if n.counted(counterFloatingRate) == floating || n.counted(counterRouterRate) == 0 {
		t.Errorf("a floating address above both limits: %v", n.d.Dropped(context.Background()))
	}

	table.Rates = object.RateLimits{Ingress: fewPackets()}
	apply(t, n.d, table)
	n.all(n.a, n.outside, "203.0.113.1:9")
	n.all(n.a, n.outside, "[2001:db8:ffff::1]:9")
	arrived, took = n.floodThrough(n.outside, n.a, "[fd00:a::5]:9", counterRouterRate)
	if float64(arrived) > 20+10*(took.Seconds()+1) {
		t.Errorf("a routed prefix, from outside: %d arrived in %v", arrived, took)
	}
	same(t, n.d, m)
	if err := n.d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := n.d.Rejected(table); len(r) != 1 || r[0].Reason != object.RejectIngressRate || r[0].Frames == 0 {
		t.Errorf("the router counts %+v", r)
	}
}

// TestRatesAreRepaired: limits survive a restart and a rebuild of the table. What somebody does to them is an event and a difference,
// and is repaired.
func TestRatesAreRepaired(t *testing.T) {
	t.Parallel()
	spaces := newSpaces(t)
	ns := spaces.add(true)
	d := newDriver(t, spaces)
	events := watched(t, d)
	both := object.RateLimit{Rate: 2_500_000_000, Packets: 8_000_000, PacketBurst: 4_000_000}
	table, m4, m6 := routerTable(ns), mapping(ns, "192.0.2.10", "10.0.0.5"), mapping(ns, "2001:db8::10", "fd00::5")
	table.Rates = object.RateLimits{Ingress: both, Egress: slowRate()}
	m4.Rates, m6.Rates = object.RateLimits{Ingress: both, Egress: slowRate()}, object.RateLimits{Egress: fewPackets()}
	all := []object.Object{table, m4, m6}
	apply(t, d, all...)
	before := inside(t, ns, "nft", "-a", "list", "ruleset")
	again := newDriver(t, spaces)
	if err := again.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	same(t, again, all...)
	if after := inside(t, ns, "nft", "-a", "list", "ruleset"); after != before {
		t.Fatal("a start wrote something")
	}
	subscribed(t, d, events, ns)
	for script, o := range map[string]object.Object{
		"delete element inet weft ingress-rate4 { 192.0.2.10 }":                                                   m4,
		"delete element inet weft egress-over6 { 2001:db8::10 }":                                                  m6,
		"flush set inet weft egress-rate":                                                                         table,
		"flush set inet weft ingress-over":                                                                        table,
		"add element inet weft ingress-rate6 { 2001:db8::10 }":                                                    m6,
		"add element inet weft egress-over { \"other\" }":                                                         table,
		"delete element inet weft egress-rate4 { 192.0.2.10 }; add element inet weft egress-rate4 { 192.0.2.10 }": m4,
	} {
		nftStdin(t, ns, script)
		await(t, events, o.Key())
		if have := observe(t, d, o.Key()); have == nil || len(o.Diff(have)) == 0 {
			t.Errorf("%s: no difference is seen", script)
		}
		apply(t, d, all...)
	}
	nftStdin(t, ns, "add chain inet weft foreign")
	await(t, events, table.Key())
	apply(t, d, table)
	same(t, d, all...)
	remove(t, d, m4.Key(), m6.Key())
	table.Rates = object.RateLimits{}
	apply(t, d, table)
	for _, set := range rateSets() {
		if elements := inside(t, ns, "nft", "list", "set", "inet", "weft", set.name); strings.Contains(elements, "elements") {
			t.Errorf("left in %s:\n%s", set.name, elements)
		}
	}
}
