package routing

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// kindOf is the RTM_… of an order's request.
func kindOf(o order) uint16 { return o.request.Message().Header.Type }

// wantedMetric is the metric of our routes.
func wantedMetric(dst netip.Prefix) uint32 {
	if dst.Addr().Is6() {
		return defaultMetricV6
	}
	return 0
}

// obey makes the cache as the kernel's notifications would after it carried out the orders.
func (s *space) obey(orders []order) {
	for _, o := range orders {
		s.absorbOne(o.request.Message())
	}
}

// change is the change from the observed to the desired object. nil means that there is none.
func change(have, want object.Object) object.Change {
	switch {
	case want == nil:
		return object.Change{Op: object.Delete, Observed: have}
	case have == nil:
		return object.Change{Op: object.Create, Desired: want}
	}
	return object.Change{Op: object.Update, Observed: have, Desired: want}
}

// TestOrdersLeadToWhatIsWanted: from any state the orders of one change lead to what is desired. A second time there are no
// orders. The orders of a deletion leave nothing.
func TestOrdersLeadToWhatIsWanted(t *testing.T) {
	t.Parallel()
	dst := rapid.SampledFrom([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.9.0.0/24"), netip.MustParsePrefix("2001:db8:9::/48")})
	rapid.Check(t, func(t *rapid.T) {
		s := known()
		d := &Driver{log: slog.New(slog.DiscardHandler), spaces: map[string]*space{"": {}, "ns": s}}
		k := routeKey{table: rapid.SampledFrom([]uint32{0, 300}).Draw(t, "table"), dst: dst.Draw(t, "destination")}
		via := func(label string) netip.Addr {
			if k.dst.Addr().Is4() {
				return rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("10.0.0.254"), netip.MustParseAddr("10.0.0.253")}).Draw(t, label)
			}
			return rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("2001:db8::254")}).Draw(t, label)
		}
		for range rapid.IntRange(0, 3).Draw(t, "routes") {
			e := routeEntry{via: via("via"), index: 3, kind: unix.RTN_UNICAST, metric: rapid.SampledFrom([]uint32{0, 5, defaultMetricV6}).Draw(t, "metric")}
			s.state.setRoute(k, e, true, true, true)
		}
		var have []netip.Prefix
		for _, p := range []string{"10.0.0.1/24", "10.0.0.2/24", "172.16.0.1/16", "2001:db8::1/64", "2001:db8:1::1/64"} {
			p := netip.MustParsePrefix(p)
			s.hear(unix.RTM_NEWADDR, address(unix.RTM_NEWADDR, 3, p))
			for _, r := range kernelRoutesOf(3, p, false) {
				s.hear(unix.RTM_NEWROUTE, r.request(netip.Addr{}))
			}
			if rapid.Bool().Draw(t, "wanted "+p.String()) {
				have = append(have, p)
			}
		}
		a := netip.MustParseAddr("10.0.0.7")
		for _, want := range []object.Object{
			&object.Route{Namespace: "ns", Table: k.table, Destination: k.dst, Via: via("wanted via"), Device: "n1"},
			&object.Addresses{Namespace: "ns", Device: "n1", Prefixes: have},
			&object.Neighbor{Namespace: "ns", Device: "n1", Address: a, MAC: object.MAC{2, 0, 0, 0, 0, rapid.Byte().Draw(t, "mac")}},
			&object.Proxy{Namespace: "ns", Device: "n1", Address: a},
			&object.Rule{Namespace: "ns", Priority: 5, From: k.dst, Table: 300},
		} {
			orders, err := s.orders(7, change(d.observe(want.Key()), want))
			if err != nil || slices.ContainsFunc(orders, func(o order) bool { return o.change != 7 }) {
				t.Fatalf("%s: %v, %+v", want.Key(), err, orders)
			}
			if want.Key().Kind == object.KindRule {
				continue // rules are read again, not reported
			}
			for _, o := range orders { // the new route has replaced the old one
				if r, _, err := parseRoute(o.request.Message()); kindOf(o) == unix.RTM_DELROUTE && (err != nil || r.metric == wantedMetric(k.dst)) {
					t.Fatalf("%s: removes %+v, %v", want.Key(), r, err)
				}
			}
			s.obey(orders)
			got := d.observe(want.Key())
			if got == nil {
				t.Fatalf("%s is not there", want.Key())
			}
			if x, ok := got.(*object.Addresses); ok {
				x.Deviations = nil // the kernel makes the routes of new addresses; nobody simulates that here
			}
			if diff := want.Diff(got); len(diff) > 0 {
				t.Fatalf("%s: %v", want.Key(), diff)
			}
			again, err := s.orders(7, change(got, want))
			if err != nil || want.Key().Kind == object.KindRoute && len(again) > 0 || slices.ContainsFunc(again, func(o order) bool { return kindOf(o) == unix.RTM_NEWADDR }) {
				t.Fatalf("%s: the second time %d orders, %v", want.Key(), len(again), err)
			}
			gone, err := s.orders(7, change(got, nil))
			if err != nil {
				t.Fatal(err)
			}
			s.obey(gone)
			left := d.observe(want.Key())
			if x, ok := left.(*object.Addresses); left != nil && (!ok || len(x.Prefixes) > 0) {
				t.Fatalf("%s is left: %+v", want.Key(), left)
			}
		}
	})
}

// TestAddressesComeBeforeOthersGo: a device is never without an address while its addresses are exchanged.
func TestAddressesComeBeforeOthersGo(t *testing.T) {
	t.Parallel()
	s := known()
	orders, err := s.orders(0, change(nil, &object.Addresses{Namespace: "ns", Device: "n1", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/24")}}))
	var kinds []uint16
	for _, o := range orders {
		kinds = append(kinds, kindOf(o))
	}
	if err != nil || !slices.Equal(kinds, []uint16{unix.RTM_NEWADDR, unix.RTM_DELADDR, unix.RTM_DELADDR}) {
		t.Errorf("the orders are %v, %v", kinds, err)
	}
	for _, o := range orders { // it is fine if an address is already gone, but not if one cannot be added
		if isOneOf(unix.EADDRNOTAVAIL, o.fine) != (kindOf(o) == unix.RTM_DELADDR) {
			t.Errorf("order %d goes with %v", kindOf(o), o.fine)
		}
	}
	if !slices.ContainsFunc(s.state.prefixes(3), func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		t.Fatal("the picture has no IPv6 address to remove")
	}
}

// TestOrdersWithoutADevice: a change on a missing device is refused. Its removal succeeds.
func TestOrdersWithoutADevice(t *testing.T) {
	t.Parallel()
	a, p := netip.MustParseAddr("10.0.0.7"), netip.MustParsePrefix("10.9.0.0/24")
	for _, o := range []object.Object{
		&object.Addresses{Namespace: "ns", Device: "x"}, &object.Route{Namespace: "ns", Destination: p, Device: "x"},
		&object.Neighbor{Namespace: "ns", Device: "x", Address: a}, &object.Proxy{Namespace: "ns", Device: "x", Address: a},
	} {
		s := known()
		if orders, err := s.orders(0, change(nil, o)); !errors.Is(err, errNoDevice) || !strings.HasSuffix(err.Error(), ": x") || len(orders) > 0 {
			t.Errorf("%s: %v, %v", o.Key(), orders, err)
		}
		if orders, err := s.orders(0, change(o, nil)); err != nil || len(orders) > 0 {
			t.Errorf("%s goes: %v, %v", o.Key(), orders, err)
		}
		if got := namespaceOf(change(nil, o)); got != "ns" || namespaceOf(change(o, nil)) != "ns" {
			t.Errorf("%s is in %q", o.Key(), got)
		}
	}
	if _, err := known().orders(0, change(nil, &object.Link{Name: "x"})); err == nil || !strings.Contains(err.Error(), "*object.Link") {
		t.Errorf("a kind of another driver: %v", err)
	}
}

// TestWhyRefused: the error of a refused route says what the route lacks.
func TestWhyRefused(t *testing.T) {
	t.Parallel()
	link := func(s *space, change func(*linkState)) {
		l := s.state.links[3]
		change(&l)
		s.state.setLink(3, l)
	}
	near, far := netip.MustParseAddr("10.0.0.254"), netip.MustParseAddr("192.0.2.1")
	for name, c := range map[string]struct {
		damage func(*space)
		device string
		via    netip.Addr
		want   string
	}{
		"nothing":      {func(*space) {}, "n1", near, ""},
		"on the link":  {func(*space) {}, "n1", netip.Addr{}, ""},
		"no device":    {func(*space) {}, "n9", near, ": there is no device n9"},
		"down":         {func(s *space) { link(s, func(l *linkState) { l.up = false }) }, "n1", near, ": n1 is down"},
		"no carrier":   {func(s *space) { link(s, func(l *linkState) { l.carrier = false }) }, "n1", near, ": n1 has no carrier"},
		"next hop far": {func(*space) {}, "n1", far, ": no address of n1 and no route is on the link of next hop 192.0.2.1"},
		"by a route": {func(s *space) {
			s.state.routes[routeKey{dst: netip.MustParsePrefix("192.0.2.1/32")}] = []routeEntry{{index: 3}}
		}, "n1", far, ""},
		"by one elsewhere": {func(s *space) {
			s.state.routes[routeKey{dst: netip.MustParsePrefix("192.0.2.1/32")}] = []routeEntry{{index: 1}}
		}, "n1", far, ": no address"},
		"by one via another": {func(s *space) {
			s.state.routes[routeKey{dst: netip.MustParsePrefix("192.0.2.0/24")}] = []routeEntry{{index: 3, via: near}}
		}, "n1", far, ": no address"},
		"by another table": {func(s *space) {
			s.state.routes[routeKey{300, netip.MustParsePrefix("192.0.2.1/32")}] = []routeEntry{{index: 3}}
		}, "n1", far, ": no address"},
		"a route lacks": {func(s *space) {
			delete(s.state.kernel, kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, netip.MustParsePrefix("10.0.0.0/24"), 3})
		}, "n1", near, ": n1 lacks the kernel's connected route 10.0.0.0/24"},
		"a rule lacks": {func(s *space) { s.state.rules = s.state.rules[1:] }, "n1", near, ": the IPv4 routing rule for table local is missing"},
	} {
		s := known()
		c.damage(s)
		got := s.whyRefused(&object.Route{Namespace: "ns", Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: c.via, Device: c.device})
		if got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
	if why := known().whyRefused(&object.Addresses{Namespace: "ns", Device: "n9"}); why != "" {
		t.Errorf("of what is no route: %s", why)
	}
}

// TestSettingFiles: a setting is for the namespace, for all present and future devices, or for each device.
func TestSettingFiles(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"ipv4/ip_forward":           "[ipv4/ip_forward]",
		"ipv4/conf/%s/rp_filter":    "[ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter ipv4/conf/n1/rp_filter ipv4/conf/n2.5/rp_filter]",
		"ipv4/neigh/%n/proxy_delay": "[ipv4/neigh/default/proxy_delay ipv4/neigh/n1/proxy_delay ipv4/neigh/n2.5/proxy_delay]",
	} {
		if got := fmt.Sprint(setting{file: file}.files([]string{"n1", "n2.5"})); got != want {
			t.Errorf("%s is %s, expected %s", file, got, want)
		}
	}
	if d := known().state.devices(); !slices.Equal(d, []string{"n1"}) {
		t.Errorf("the devices are %v", d)
	}
}
