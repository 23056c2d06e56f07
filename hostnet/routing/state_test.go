package routing

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// known is the cache of a namespace without a kernel: lo, n1 with an address of each family, and everything that the kernel
// makes for them.
func known() *space {
	s := &space{name: "ns", log: slog.New(slog.DiscardHandler), ipv6: true, state: newState(true), changed: map[object.Key]bool{}}
	s.state.setLink(1, linkState{name: "lo", alias: "weft:r", up: true, carrier: true})
	s.state.setLink(3, linkState{name: "n1", mac: object.MAC{2, 0, 0, 0, 0, 1}, mtu: 1500, up: true, carrier: true})
	for index, prefixes := range map[int][]string{1: {"127.0.0.1/8", "::1/128"}, 3: {"10.0.0.1/24", "2001:db8::1/64", "fe80::ff:fe00:1/64"}} {
		for _, p := range prefixes {
			s.hear(unix.RTM_NEWADDR, address(unix.RTM_NEWADDR, index, netip.MustParsePrefix(p)))
		}
	}
	for _, r := range slices.Concat(s.state.lackingLoopback(), s.state.lackingManaged(3), s.state.lackingOwn(3)) {
		s.hear(unix.RTM_NEWROUTE, r.request(netip.Addr{}))
	}
	for _, k := range kernelRules {
		r, _, _ := parseRule(said(unix.RTM_NEWRULE, k.request()))
		s.state.rules = append(s.state.rules, r)
	}
	s.changed, s.reread, s.resettle = map[object.Key]bool{}, false, false
	return s
}

// hear applies a notification of the kernel to the cache.
func (s *space) hear(kind uint16, r *netlink.Request) { s.absorbOne(said(kind, r)) }

func (s *space) told() string {
	var keys []string
	for k := range s.changed {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

// TestKernelRoutesOf: the routes that the kernel makes for an address (fib_add_ifaddr, inet6_addr_add).
func TestKernelRoutesOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		index     int
		address   string
		tentative bool
		want      string
	}{
		{3, "10.0.0.1/24", false, "local 10.0.0.1/32, connected 10.0.0.0/24, broadcast 10.0.0.255/32"},
		{3, "10.0.0.9/29", false, "local 10.0.0.9/32, connected 10.0.0.8/29, broadcast 10.0.0.15/32"},
		{3, "10.0.0.1/31", false, "local 10.0.0.1/32, connected 10.0.0.0/31"},
		{3, "10.0.0.1/32", false, "local 10.0.0.1/32"},
		{1, "127.0.0.1/8", false, "local 127.0.0.1/32, local 127.0.0.0/8, broadcast 127.255.255.255/32"},
		{3, "2001:db8::1/64", false, "local 2001:db8::1/128, connected 2001:db8::/64"},
		{3, "2001:db8::1/64", true, "connected 2001:db8::/64"},
		{3, "2001:db8::1/128", false, "local 2001:db8::1/128"},
	} {
		var got []string
		for _, r := range kernelRoutesOf(c.index, netip.MustParsePrefix(c.address), c.tentative) {
			_, what, _ := strings.Cut(r.describe("n1"), "kernel's ")
			got = append(got, strings.Replace(what, " route", "", 1))
			if (r.table == unix.RT_TABLE_MAIN) != (r.kind == unix.RTN_UNICAST) || r.index != c.index {
				t.Errorf("%s: %+v", c.address, r)
			}
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s on %d has %s, expected %s", c.address, c.index, text, c.want)
		}
	}
}

// TestLackingRoutesAreNamedAndRestored: each removed kernel route is noticed by the object that it belongs to. The requests that
// restore it complete the cache.
func TestLackingRoutesAreNamedAndRestored(t *testing.T) {
	t.Parallel()
	whole := known()
	if n := len(whole.state.kernel); n < 9 {
		t.Fatalf("only %d routes of the kernel's: %v", n, whole.state.kernel)
	}
	lacking := func(s *space) []kernelRoute {
		return slices.Concat(s.state.lackingLoopback(), s.state.lackingManaged(3), s.state.lackingOwn(3))
	}
	if l := lacking(whole); len(l) > 0 {
		t.Fatalf("whole, and lacks %v", l)
	}
	for r := range whole.state.kernel {
		s := known()
		s.hear(unix.RTM_DELROUTE, r.request(netip.Addr{}))
		missed := lacking(s)
		if len(missed) != 1 || missed[0] != r {
			t.Errorf("%s was taken away, and missed is %v", r.describe("n"), missed)
			continue
		}
		if told := s.told(); !strings.Contains(told, "addresses/ns/") && !strings.Contains(told, "netns/ns") {
			t.Errorf("%s was taken away, and told is %s", r.describe("n"), told)
		}
		steps := s.state.restore(missed)
		want := 1
		if r.kind == unix.RTN_LOCAL && r.dst.Addr().Is6() {
			want = 2 // it is only restored together with its address
		}
		if len(steps) != want {
			t.Errorf("%s is restored in %d steps", r.describe("n"), len(steps))
			continue
		}
		if want == 1 {
			s.hear(unix.RTM_NEWROUTE, steps[0].request)
			if l := lacking(s); len(l) > 0 {
				t.Errorf("restored, and lacks %v", l)
			}
		}
	}
	down := known()
	l := down.state.links[3]
	l.carrier = false
	down.state.setLink(3, l)
	clear(down.state.kernel)
	if m := slices.Concat(down.state.lackingManaged(3), down.state.lackingOwn(3)); len(m) > 0 {
		t.Errorf("without a carrier no route is missed: %v", m)
	}
}

// TestSourceOfIsTheAddress: sourceOf is the address that the kernel's route belongs to.
func TestSourceOfIsTheAddress(t *testing.T) {
	t.Parallel()
	s := known()
	for dst, want := range map[string]string{"10.0.0.0/24": "10.0.0.1", "10.0.0.255/32": "10.0.0.1", "10.9.0.0/24": "invalid IP", "2001:db8::/64": "invalid IP"} {
		r := kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, netip.MustParsePrefix(dst), 3}
		if r.dst.Bits() == 32 {
			r.table, r.kind = unix.RT_TABLE_LOCAL, unix.RTN_BROADCAST
		}
		if got := s.state.sourceOf(r); got.String() != want {
			t.Errorf("%s goes with %s, expected %s", dst, got, want)
		}
	}
}

// TestRuleDeviations: a missing kernel rule and a foreign rule are named and repaired. Our rules are left alone.
func TestRuleDeviations(t *testing.T) {
	t.Parallel()
	s := known()
	ours, _, _ := parseRule(said(unix.RTM_NEWRULE, newRule(&object.Rule{Priority: 9, From: netip.MustParsePrefix("10.0.0.0/24"), Table: 300})))
	s.state.rules = append(s.state.rules, ours)
	if d := s.state.ruleDeviations(); len(d) > 0 || len(s.state.mendRules()) > 0 {
		t.Errorf("deviations of what is right: %v", d)
	}
	second := s.state.rules[0]
	foreign := ours
	foreign.protocol = 3
	s.state.rules = append(s.state.rules[1:], foreign)
	if d := s.state.ruleDeviations(); !slices.Equal(d, []string{"the IPv4 routing rule for table local is missing", "a foreign IPv4 routing rule of priority 9"}) || len(s.state.mendRules()) != 2 {
		t.Errorf("deviations: %v", d)
	}
	s.state.rules = append(s.state.rules, second, second)
	if d := s.state.ruleDeviations(); !slices.Equal(d, []string{"a foreign IPv4 routing rule of priority 9", "a foreign IPv4 routing rule of priority 0"}) {
		t.Errorf("one that is there twice: %v", d)
	}
	four := newState(false)
	if n := len(four.lackingRules()); n != 3 {
		t.Errorf("a kernel without IPv6 lacks %d rules", n)
	}
}

// TestWhatIsTold: each message changes only what it is about, once. Where the kernel reports too little, the cache is read
// again.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	mine, via := routeKey{dst: netip.MustParsePrefix("0.0.0.0/0")}, netip.MustParseAddr("10.0.0.254")
	entry := routeEntry{via: via, index: 3, kind: unix.RTN_UNICAST}
	host := neighborKey{3, netip.MustParseAddr("10.0.0.7")}
	mac := object.MAC{2, 0, 0, 0, 0, 7}
	for name, c := range map[string]struct {
		kind             uint16
		r                *netlink.Request
		told             string
		reread, resettle bool
	}{
		"a route":       {unix.RTM_NEWROUTE, route(unix.RTM_NEWROUTE, mine, entry), "route/ns/0.0.0.0/0", false, false},
		"a neighbour":   {unix.RTM_NEWNEIGH, neighbor(unix.RTM_NEWNEIGH, 0, host, mac, false), "neighbor/ns/n1/10.0.0.7", false, false},
		"a proxy":       {unix.RTM_NEWNEIGH, neighbor(unix.RTM_NEWNEIGH, 0, host, mac, true), "proxy/ns/n1/10.0.0.7", false, false},
		"an address":    {unix.RTM_NEWADDR, address(unix.RTM_NEWADDR, 3, netip.MustParsePrefix("10.0.0.2/24")), "addresses/ns/n1 veth/ns/n1", false, false},
		"one goes":      {unix.RTM_DELADDR, address(unix.RTM_DELADDR, 3, netip.MustParsePrefix("10.0.0.1/24")), "addresses/ns/n1 veth/ns/n1", true, false},
		"IPv6 goes":     {unix.RTM_DELADDR, address(unix.RTM_DELADDR, 3, netip.MustParsePrefix("2001:db8::1/64")), "addresses/ns/n1 veth/ns/n1", false, true},
		"a device goes": {unix.RTM_DELLINK, setLink(3).Text(unix.IFLA_IFNAME, "n1"), "addresses/ns/n1 veth/ns/n1", true, false},
		"a new device":  {unix.RTM_NEWLINK, setLink(4).Text(unix.IFLA_IFNAME, "n2"), "addresses/ns/n2 veth/ns/n2", true, true},
		"a rule":        {unix.RTM_NEWRULE, newRule(&object.Rule{From: netip.MustParsePrefix("10.0.0.0/8")}), "", false, true},
		"another's route": {unix.RTM_NEWROUTE, func() *netlink.Request {
			r := route(unix.RTM_NEWROUTE, mine, entry)
			r.Body()[5] = unix.RTPROT_STATIC
			return r
		}(), "", false, false},
	} {
		s := known()
		s.hear(c.kind, c.r)
		if told := s.told(); told != c.told || s.reread != c.reread || s.resettle != c.resettle || s.lost {
			t.Errorf("%s: told %q, reread %v, resettle %v, lost %v", name, told, s.reread, s.resettle, s.lost)
		}
		s.changed = map[object.Key]bool{}
		if s.hear(c.kind, c.r); len(s.changed) > 0 {
			t.Errorf("%s: said again, and told %s", name, s.told())
		}
	}
	s := known()
	s.absorbOne(netlink.Message{Header: syscall.NlMsghdr{Type: unix.RTM_NEWADDR}, Data: []byte{1, 2}})
	if !s.lost {
		t.Error("a message that nobody understands does not make the picture doubtful")
	}
}

// TestObserved: if the host has something that no desired object can be, the object in its place shows a difference.
func TestObserved(t *testing.T) {
	t.Parallel()
	dst := netip.MustParsePrefix("10.9.0.0/24")
	k := routeKey{dst: dst}
	want := &object.Route{Namespace: "ns", Destination: dst, Device: "n1"}
	for name, c := range map[string]struct {
		entries []routeEntry
		same    bool
	}{
		"plain":         {[]routeEntry{{index: 3, kind: unix.RTN_UNICAST}}, true},
		"a metric":      {[]routeEntry{{index: 3, kind: unix.RTN_UNICAST, metric: 5}}, false},
		"it drops":      {[]routeEntry{{index: 3, kind: unix.RTN_BLACKHOLE}}, false},
		"odd":           {[]routeEntry{{index: 3, kind: unix.RTN_UNICAST, odd: true}}, false},
		"two":           {[]routeEntry{{index: 3, kind: unix.RTN_UNICAST}, {index: 3, kind: unix.RTN_UNICAST, metric: 5}}, false},
		"by a next hop": {[]routeEntry{{index: 3, kind: unix.RTN_UNICAST, via: netip.MustParseAddr("10.0.0.9")}}, false},
		"elsewhere":     {[]routeEntry{{index: 1, kind: unix.RTN_UNICAST}}, false},
	} {
		s := known()
		s.state.routes[k] = c.entries
		if d := want.Diff(s.route(k)); (len(d) == 0) != c.same {
			t.Errorf("%s: %v", name, d)
		}
	}
	s := known()
	if s.route(k) != nil || s.neighbor(object.KindNeighbor, "n1", netip.MustParseAddr("10.0.0.7")) != nil || s.rule("5/10.0.0.0/8") != nil || s.rule("x/y") != nil || s.rule("5/y") != nil {
		t.Error("what is not there is seen")
	}
	n := &object.Namespace{OwnerUID: "r", Name: "ns"}
	if d := n.Diff(s.namespace()); len(d) > 0 {
		t.Errorf("a namespace that is right: %v", d)
	}
	s.state.settings = []string{"net.ipv4.ip_forward is 0"}
	s.state.rules = s.state.rules[1:]
	lo := s.state.links[1]
	lo.up = false
	s.state.setLink(1, lo)
	if have := s.namespace().(*object.Namespace); len(have.Deviations) != 3 {
		t.Errorf("three things are wrong: %v", have.Deviations)
	}
}

// TestRuleInPlaceOfOurs: if a rule of ours was changed or others were added, the right one is added before the wrong ones are
// removed.
func TestRuleInPlaceOfOurs(t *testing.T) {
	t.Parallel()
	want := &object.Rule{Namespace: "ns", Priority: 5, From: netip.MustParsePrefix("10.0.0.0/24"), Table: 300, MoreSpecific: true}
	entry := func(change func(*object.Rule)) ruleEntry {
		r := *want
		change(&r)
		e, _, _ := parseRule(said(unix.RTM_NEWRULE, newRule(&r)))
		return e
	}
	same, other := entry(func(*object.Rule) {}), entry(func(r *object.Rule) { r.Table = 301 })
	general := entry(func(r *object.Rule) { r.MoreSpecific = false })
	for name, c := range map[string]struct {
		rules  []ruleEntry
		orders int
		right  bool
	}{
		"none":            {nil, 1, false},
		"right":           {[]ruleEntry{same}, 0, true},
		"another table":   {[]ruleEntry{other}, 2, false},
		"general":         {[]ruleEntry{general}, 2, false},
		"one more":        {[]ruleEntry{same, other}, 1, false},
		"of another name": {[]ruleEntry{same, entry(func(r *object.Rule) { r.Priority++ })}, 0, true},
	} {
		s := known()
		s.state.rules = append(s.state.rules, c.rules...)
		if n := len(s.ruleOrders(0, want)); n != c.orders {
			t.Errorf("%s: %d orders", name, n)
		}
		have := s.rule("5/10.0.0.0/24")
		if right := have != nil && len(want.Diff(have)) == 0; right != c.right {
			t.Errorf("%s: it is right: %v, %+v", name, right, have)
		}
	}
}

// TestKernelRouteRequests: a kernel route is requested exactly as the kernel makes it. Otherwise it would not be removed with its
// address.
func TestKernelRouteRequests(t *testing.T) {
	t.Parallel()
	source := netip.MustParseAddr("10.0.0.1")
	for name, c := range map[string]struct {
		r       kernelRoute
		source  netip.Addr
		scope   byte
		replace bool
		metric  uint32
	}{
		"connected":       {kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, netip.MustParsePrefix("10.0.0.0/24"), 3}, source, unix.RT_SCOPE_LINK, true, 0},
		"local":           {kernelRoute{unix.RT_TABLE_LOCAL, unix.RTN_LOCAL, netip.MustParsePrefix("10.0.0.1/32"), 3}, source, unix.RT_SCOPE_HOST, true, 0},
		"connected, IPv6": {kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, netip.MustParsePrefix("2001:db8::/64"), 3}, netip.Addr{}, 0, false, kernelMetricV6},
	} {
		q := c.r.request(c.source)
		got, ok, err := parseRoute(said(unix.RTM_NEWROUTE, q))
		if err != nil || !ok || got.kernelRoute() != c.r || !got.byKernel() || got.metric != c.metric || q.Body()[6] != c.scope {
			t.Errorf("%s is read as %+v of scope %d, %v", name, got, q.Body()[6], err)
		}
		if replaces := q.Message().Header.Flags&unix.NLM_F_REPLACE != 0; replaces != c.replace {
			t.Errorf("%s takes the place of another: %v", name, replaces)
		}
		var from netip.Addr
		_ = netlink.EachAttribute(q.Body(), netlink.RouteHeader, func(kind uint16, v []byte) {
			if kind == unix.RTA_PREFSRC {
				from, _ = netip.AddrFromSlice(v)
			}
		})
		if from != c.source {
			t.Errorf("%s comes from %s", name, from)
		}
	}
}
