package routing

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// said is the notification that the kernel would send after a request.
func said(kind uint16, r *netlink.Request) netlink.Message {
	m := r.Message()
	m.Header.Type, m.Header.Flags = kind, 0
	return m
}

// drawAddress draws an address of either family. drawPrefix draws one with a length.
func drawAddress(t *rapid.T, label string) netip.Addr {
	b := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
	if rapid.Bool().Draw(t, label+" is IPv4") {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	b[0] = 0x20
	return netip.AddrFrom16(b)
}

func drawPrefix(t *rapid.T, label string) netip.Prefix {
	a := drawAddress(t, label)
	return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, label+" bits"))
}

// TestRequestsReadBack: every request of the driver is read back from its notification with the same values.
func TestRequestsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.IntRange(1, 1<<30).Draw(t, "index")
		drawnRoute(t, index)
		p := drawPrefix(t, "address")
		if i, got, a, err := parseAddress(said(unix.RTM_NEWADDR, address(unix.RTM_NEWADDR, index, p))); err != nil || i != index || got != p || a.tentative {
			t.Errorf("address %s of %d is read as %s of %d, %+v, %v", p, index, got, i, a, err)
		}
		k, mac := neighborKey{index, drawAddress(t, "neighbour")}, object.MAC{2, 0, 0, 0, 0, rapid.Byte().Draw(t, "mac")}
		for _, proxy := range []bool{false, true} {
			got, gotMAC, permanent, isProxy, ok, err := parseNeighbor(said(unix.RTM_NEWNEIGH, neighbor(unix.RTM_NEWNEIGH, netlink.FlagsReplace, k, mac, proxy)))
			if err != nil || !ok || got != k || !permanent || isProxy != proxy || !proxy && gotMAC != mac {
				t.Errorf("%+v, proxy %v, is read as %+v %s, permanent %v, proxy %v, %v", k, proxy, got, gotMAC, permanent, isProxy, err)
			}
		}
		drawnRule(t)
	})
}

func drawnRoute(t *rapid.T, index int) {
	k := routeKey{dst: drawPrefix(t, "destination").Masked()}
	if rapid.Bool().Draw(t, "own table") {
		k.table = uint32(rapid.IntRange(256, 1<<30).Draw(t, "table"))
	}
	e := routeEntry{index: index, kind: unix.RTN_UNICAST, metric: rapid.Uint32().Draw(t, "metric")}
	if rapid.Bool().Draw(t, "by a next hop") {
		e.via = drawAddress(t, "next hop")
	}
	got, ok, err := parseRoute(said(unix.RTM_NEWROUTE, route(unix.RTM_NEWROUTE, k, e)))
	if err != nil || !ok || got.key() != k || got.routeEntry != e || !got.ours() || got.byKernel() {
		t.Errorf("%+v %+v is read as %+v, %v, %v", k, e, got, ok, err)
	}
}

func drawnRule(t *rapid.T) {
	want := &object.Rule{Priority: rapid.Uint32().Draw(t, "priority"), From: drawPrefix(t, "from").Masked(),
		Table: rapid.Uint32Range(0, 1<<30).Draw(t, "table"), MoreSpecific: rapid.Bool().Draw(t, "specific")}
	if want.Table == unix.RT_TABLE_MAIN {
		want.Table = 0
	}
	got, ok, err := parseRule(said(unix.RTM_NEWRULE, newRule(want)))
	if err != nil || !ok || got.odd || got.protocol != object.RouteProtocol || got.priority != want.Priority || got.from != want.From ||
		got.object() != want.Table || got.specific != want.MoreSpecific {
		t.Errorf("%+v is read as %+v, %v, %v", want, got, ok, err)
	}
}

// TestKernelRulesReadBack: the rules that every namespace has are recognised. A rule with any difference is not.
func TestKernelRulesReadBack(t *testing.T) {
	t.Parallel()
	for _, k := range kernelRules {
		right, ok, err := parseRule(said(unix.RTM_NEWRULE, k.request()))
		if err != nil || !ok || !k.is(right) {
			t.Fatalf("%+v is read as %+v, %v", k, right, err)
		}
		for name, change := range map[string]func(*ruleEntry){
			"odd":      func(r *ruleEntry) { r.odd = true },
			"specific": func(r *ruleEntry) { r.specific = true },
			"from":     func(r *ruleEntry) { r.from = netip.MustParsePrefix("10.0.0.0/8") },
			"family":   func(r *ruleEntry) { r.family ^= unix.AF_INET ^ unix.AF_INET6 },
			"priority": func(r *ruleEntry) { r.priority++ },
			"table":    func(r *ruleEntry) { r.table-- },
		} {
			other := right
			change(&other)
			if k.is(other) {
				t.Errorf("a rule with another %s is taken for the kernel's: %+v", name, other)
			}
		}
	}
}

// TestOddMessages: properties that our routes, rules and entries never have are noticed. Messages about other things are ignored.
func TestOddMessages(t *testing.T) {
	t.Parallel()
	k := routeKey{dst: netip.MustParsePrefix("10.0.0.0/24")}
	plain := func() *netlink.Request {
		return route(unix.RTM_NEWROUTE, k, routeEntry{index: 3, kind: unix.RTN_UNICAST})
	}
	for name, c := range map[string]struct {
		change  func(*netlink.Request)
		odd, ok bool
	}{
		"plain":             {func(*netlink.Request) {}, false, true},
		"type of service":   {func(r *netlink.Request) { r.Body()[3] = 8 }, true, true},
		"several next hops": {func(r *netlink.Request) { r.Attr(unix.RTA_MULTIPATH, 0, 0, 0, 0) }, true, true},
		"a source":          {func(r *netlink.Request) { r.Attr(unix.RTA_SRC, 10, 0, 0, 1) }, true, true},
		"a next hop object": {func(r *netlink.Request) { r.Uint32(nextHopID, 5) }, true, true},
		"the other family":  {func(r *netlink.Request) { r.Attr(unix.RTA_VIA, 10, 0) }, true, true},
		"cached":            {func(r *netlink.Request) { r.Body()[9] = unix.RTM_F_CLONED >> 8 }, false, false},
		"of a bridge":       {func(r *netlink.Request) { r.Body()[0] = unix.AF_BRIDGE }, false, false},
	} {
		r := plain()
		c.change(r)
		if got, ok, err := parseRoute(said(unix.RTM_NEWROUTE, r)); err != nil || ok != c.ok || ok && got.odd != c.odd {
			t.Errorf("%s: odd %v, read %v, %v", name, got.odd, ok, err)
		}
	}
	rule := &object.Rule{Priority: 5, From: netip.MustParsePrefix("10.0.0.0/24"), Table: 300}
	for name, c := range map[string]struct {
		change func(*netlink.Request)
		odd    bool
	}{
		"plain": {func(*netlink.Request) {}, false},
		"suppresses nothing": {func(r *netlink.Request) {
			r.Uint32(unix.FRA_SUPPRESS_PREFIXLEN, ^uint32(0)).Uint32(unix.FRA_SUPPRESS_IFGROUP, ^uint32(0))
		}, false},
		"to a destination":          {func(r *netlink.Request) { r.Body()[1] = 24 }, true},
		"of a type of service":      {func(r *netlink.Request) { r.Body()[3] = 8 }, true},
		"drops":                     {func(r *netlink.Request) { r.Body()[7] = unix.FR_ACT_BLACKHOLE }, true},
		"the other way round":       {func(r *netlink.Request) { r.Body()[8] = 2 }, true},
		"of a device":               {func(r *netlink.Request) { r.Text(unix.FRA_IIFNAME, "n1") }, true},
		"suppresses longer ones":    {func(r *netlink.Request) { r.Uint32(unix.FRA_SUPPRESS_PREFIXLEN, 8) }, true},
		"suppresses a device group": {func(r *netlink.Request) { r.Uint32(unix.FRA_SUPPRESS_IFGROUP, 1) }, true},
	} {
		r := newRule(rule)
		c.change(r)
		if got, ok, err := parseRule(said(unix.RTM_NEWRULE, r)); err != nil || !ok || got.odd != c.odd {
			t.Errorf("a rule that %s: %+v, %v, %v", name, got, ok, err)
		}
	}
}

// FuzzMessages: no input is read beyond its end.
func FuzzMessages(f *testing.F) {
	f.Add(route(unix.RTM_NEWROUTE, routeKey{dst: netip.MustParsePrefix("10.0.0.0/24")}, routeEntry{index: 3}).Body())
	f.Add(newRule(&object.Rule{From: netip.MustParsePrefix("10.0.0.0/24")}).Body())
	f.Add(netlink.NewRequest(0, 0, []byte{unix.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}).Attr(unix.FRA_PROTOCOL).Body())
	f.Add(newVeth(&object.Veth{Name: "a", MAC: object.MAC{2}}, 3).Body())
	f.Fuzz(func(t *testing.T, data []byte) {
		m := netlink.Message{Data: data}
		if _, _, ok, err := parseLink(m); ok && err != nil {
			t.Error("a device with an error")
		}
		if _, p, _, err := parseAddress(m); err == nil && !p.IsValid() {
			t.Error("an address that is none")
		}
		if r, ok, err := parseRoute(m); ok && (err != nil || !r.dst.IsValid()) {
			t.Error("a route to nowhere")
		}
		if k, _, _, _, ok, err := parseNeighbor(m); ok && (err != nil || !k.address.IsValid()) {
			t.Error("a neighbour without an address")
		}
		if _, ok, err := parseRule(m); ok && err != nil {
			t.Error("a rule with an error")
		}
	})
}
