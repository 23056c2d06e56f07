package routing

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// furnished is known plus one of everything on n1.
func furnished() *space {
	s := known()
	a := neighborKey{3, netip.MustParseAddr("10.0.0.7")}
	s.state.setNeighbor(a, object.MAC{2, 0, 0, 0, 0, 7}, true)
	s.state.setProxy(a, true)
	s.state.setRoute(routeKey{300, netip.MustParsePrefix("10.9.0.0/24")}, routeEntry{index: 3, kind: unix.RTN_UNICAST}, false, true, true)
	s.state.setLink(4, linkState{name: "n2", up: true, carrier: true})
	return s
}

// TestAllOnADeviceIsTold: when a device changes, everything on it is looked at again, and nothing of other devices.
func TestAllOnADeviceIsTold(t *testing.T) {
	t.Parallel()
	s := furnished()
	s.noteLink(3, s.state.links[3])
	route := object.RouteName("ns", 300, netip.MustParsePrefix("10.9.0.0/24"))
	if told := s.told(); told != "addresses/ns/n1 neighbor/ns/n1/10.0.0.7 proxy/ns/n1/10.0.0.7 route/"+route+" veth/ns/n1" {
		t.Errorf("told %s", told)
	}
	for name, c := range map[string]struct {
		space string
		index int
		link  linkState
		want  string
	}{
		"another device":         {"ns", 4, linkState{name: "n2"}, "addresses/ns/n2 veth/ns/n2"},
		"lo":                     {"ns", 1, linkState{name: "lo"}, "addresses/ns/lo netns/ns veth/ns/lo"},
		"a second end":           {"ns", 4, linkState{name: "n2", veth: true, alias: "weft-peer:/v0"}, "addresses/ns/n2 veth//v0 veth/ns/n2"},
		"the host's own":         {"", 4, linkState{name: "eth0"}, ""},
		"the host's first end":   {"", 4, linkState{name: "v0", veth: true, alias: "weft:r"}, "veth//v0"},
		"the host's second end":  {"", 4, linkState{name: "v0", veth: true, alias: "weft-peer:ns/n1"}, "veth//v0 veth/ns/n1"},
		"somebody's with a mark": {"", 4, linkState{name: "dum", alias: "weft:r"}, ""},
	} {
		s := furnished()
		s.name = c.space
		if s.noteLink(c.index, c.link); s.told() != c.want {
			t.Errorf("%s: told %q, expected %q", name, s.told(), c.want)
		}
	}
	gone := furnished()
	if gone.noteAddresses(9); gone.told() != "" {
		t.Errorf("of a device that is not known: %s", gone.told())
	}
}

// TestADeviceGoesWithAllOnIt: the kernel does not report what is removed with a device.
func TestADeviceGoesWithAllOnIt(t *testing.T) {
	t.Parallel()
	s := furnished()
	s.state.setNeighbor(neighborKey{4, netip.MustParseAddr("10.0.0.8")}, object.MAC{2}, true)
	s.state.setProxy(neighborKey{4, netip.MustParseAddr("10.0.0.8")}, true)
	s.state.setKernelRoute(kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, netip.MustParsePrefix("10.8.0.0/24"), 4}, true)
	lo := 0
	for r := range s.state.kernel {
		if r.index == 1 {
			lo++
		}
	}
	s.state.deleteLink(3)
	if len(s.state.links) != 2 || len(s.state.neighbors) != 1 || len(s.state.proxies) != 1 || len(s.state.kernel) != lo+1 || len(s.state.addresses) != 1 {
		t.Errorf("left are %+v", s.state)
	}
	if _, ok := s.state.names["n1"]; ok || len(s.state.names) != 2 {
		t.Errorf("the names are %v", s.state.names)
	}
	if s.state.hasKernelRoute(netip.MustParsePrefix("10.0.0.0/24")) || !s.state.hasKernelRoute(netip.MustParsePrefix("10.8.0.0/24")) {
		t.Error("a route of the kernel's is there, or is not, that should not, or should")
	}
	s.state.deleteLink(9)
}

// TestANameGoesFromDeviceToDevice: two devices exchange names through a third one. Their indices stay correct.
func TestANameGoesFromDeviceToDevice(t *testing.T) {
	t.Parallel()
	s := newState(true)
	for _, step := range []struct {
		index int
		name  string
	}{{3, "a"}, {4, "b"}, {3, "tmp"}, {4, "a"}, {3, "b"}} {
		s.setLink(step.index, linkState{name: step.name})
	}
	if !maps.Equal(s.names, map[string]int{"a": 4, "b": 3}) {
		t.Errorf("the names are %v", s.names)
	}
	s.setLink(5, linkState{name: "a"}) // reported before the old device's end
	if s.deleteLink(4); s.names["a"] != 5 {
		t.Errorf("the end of the old one takes the name from the new: %v", s.names)
	}
}

// TestWhatDiffersFromAFreshReadingIsTold: after a fresh reading everything that changed is reported, and nothing else.
func TestWhatDiffersFromAFreshReadingIsTold(t *testing.T) {
	t.Parallel()
	k, n := routeKey{300, netip.MustParsePrefix("10.9.0.0/24")}, neighborKey{3, netip.MustParseAddr("10.0.0.7")}
	for name, c := range map[string]struct {
		change func(*state)
		want   string
	}{
		"nothing":          {func(*state) {}, ""},
		"another next hop": {func(s *state) { s.routes[k] = []routeEntry{{index: 4}} }, "route"},
		"a route goes":     {func(s *state) { delete(s.routes, k) }, "route"},
		"a route comes":    {func(s *state) { s.routes[routeKey{0, k.dst}] = []routeEntry{{index: 3}} }, "route"},
		"another MAC":      {func(s *state) { s.neighbors[n] = object.MAC{2} }, "neighbor"},
		"a neighbour goes": {func(s *state) { delete(s.neighbors, n) }, "neighbor"},
		"a proxy goes":     {func(s *state) { delete(s.proxies, n) }, "proxy"},
		"an address goes":  {func(s *state) { delete(s.addresses[3], netip.MustParsePrefix("10.0.0.1/24")) }, "addresses veth"},
		"an address waits": {func(s *state) {
			s.addresses[3][netip.MustParsePrefix("2001:db8::1/64")] = addressEntry{tentative: true}
		}, "addresses veth"},
		"a kernel's route goes": {func(s *state) {
			delete(s.kernel, kernelRoute{unix.RT_TABLE_MAIN, unix.RTN_UNICAST, netip.MustParsePrefix("10.0.0.0/24"), 3})
		}, "addresses veth"},
		"a device unknown": {func(s *state) { s.neighbors[neighborKey{9, n.address}] = object.MAC{2} }, ""},
	} {
		for _, fresh := range []bool{true, false} {
			s, other := furnished(), furnished().state
			if c.change(other); !fresh { // removed instead of added
				s.state, other = other, s.state
			}
			s.noteDifferent(other)
			kinds := map[string]bool{}
			for key := range s.changed {
				kinds[string(key.Kind)] = true
			}
			if got := strings.Join(slices.Sorted(maps.Keys(kinds)), " "); got != c.want {
				t.Errorf("%s, afresh %v: told %q, expected %q", name, fresh, s.told(), c.want)
			}
		}
	}
}

// TestRoutesOfOnePlace: the cache's routes to one destination are those that the kernel has. A replacing route takes the place
// of routes with its metric. A foreign one removes ours and is not shown.
func TestRoutesOfOnePlace(t *testing.T) {
	t.Parallel()
	k := routeKey{dst: netip.MustParsePrefix("10.9.0.0/24")}
	rapid.Check(t, func(t *rapid.T) {
		s, kernel := newState(true), map[routeEntry]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			e := routeEntry{index: rapid.IntRange(2, 4).Draw(t, "index"), metric: uint32(rapid.IntRange(0, 1).Draw(t, "metric"))}
			replaced, ours, present := rapid.Bool().Draw(t, "replaced"), rapid.Bool().Draw(t, "ours"), rapid.Bool().Draw(t, "present")
			replaced = replaced && present
			before := maps.Clone(kernel)
			maps.DeleteFunc(kernel, func(o routeEntry, _ bool) bool { return o == e || replaced && o.metric == e.metric })
			if present && ours {
				kernel[e] = true
			}
			news := s.setRoute(k, e, replaced, ours, present)
			if !maps.Equal(before, kernel) && !news {
				t.Fatalf("%+v changes something, and nobody is told", e)
			}
			got := map[routeEntry]bool{}
			for _, o := range s.routes[k] {
				got[o] = true
			}
			if !maps.Equal(got, kernel) || len(got) != len(s.routes[k]) {
				t.Fatalf("the picture holds %v, the kernel %v", s.routes[k], kernel)
			}
			if _, there := s.routes[k]; there != (len(kernel) > 0) {
				t.Fatal("a place without routes is kept")
			}
		}
	})
}

// pair is a driver with a pair of ours between the host's own namespace and ns, and a foreign pair with the same indices.
func pair() *Driver {
	home := &space{state: newState(true), ipv6: true, changed: map[object.Key]bool{}}
	home.state.setLink(8, linkState{name: "v0", alias: "weft-peer:ns/n1", mac: object.MAC{2, 9}, mtu: 1500, veth: true, peer: 3, up: true})
	home.state.setLink(2, linkState{name: "eth0", up: true})
	ns := known()
	l := ns.state.links[3]
	l.veth, l.peer, l.alias, l.threaded = true, 8, "weft:r", true
	ns.state.setLink(3, l)
	other := known()
	other.name = "other"
	other.state.setLink(8, linkState{name: "foreign", veth: true, peer: 3, up: true})
	return &Driver{log: slog.New(slog.DiscardHandler), spaces: map[string]*space{"": home, "ns": ns, "other": other}}
}

// TestPairAsItIs: a pair shows what is wrong with either end. A foreign end is not part of it.
func TestPairAsItIs(t *testing.T) {
	t.Parallel()
	key := object.Key{Kind: object.KindVeth, Name: "ns/n1"}
	want := &object.Veth{OwnerUID: "r", Namespace: "ns", Name: "n1", MAC: object.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Threaded: true,
		Peer: object.VethEnd{Name: "v0", MAC: object.MAC{2, 9}}}
	if got := pair().observe(key); got == nil || len(want.Diff(got)) > 0 {
		t.Fatalf("%+v", got)
	}
	for text, damage := range map[string]func(first, second *linkState){
		"n1 is down":                             func(first, _ *linkState) { first.up = false },
		"v0 is down":                             func(_, second *linkState) { second.up = false },
		"n1 has ARP off":                         func(first, _ *linkState) { first.noARP = true },
		"v0: checksums are offloaded":            func(_, second *linkState) { second.faults = "checksums are offloaded" },
		"n1 belongs to another device":           func(first, _ *linkState) { first.master = 5 },
		"v0 does not carry the mark of its pair": func(_, second *linkState) { second.alias = "weft-peer:ns/n9" },
		"v0 has another mtu than its peer":       func(_, second *linkState) { second.mtu = 1400 },
		"n1 has no link-local address":           func(first, _ *linkState) { first.mac = object.MAC{2, 0, 0, 0, 0, 9} },
	} {
		d := pair()
		delete(d.spaces, "other")
		first, second := d.spaces["ns"].state.links[3], d.spaces[""].state.links[8]
		damage(&first, &second)
		d.spaces["ns"].state.setLink(3, first)
		d.spaces[""].state.setLink(8, second)
		v, ok := d.observe(key).(*object.Veth)
		if !ok || !slices.Equal(v.Deviations, []string{text}) {
			t.Errorf("%s: %+v", text, v)
		}
	}
	d := pair()
	delete(d.spaces[""].state.links, 8)
	delete(d.spaces, "other")
	if v := d.observe(key).(*object.Veth); v.Peer != (object.VethEnd{}) || v.OwnerUID != "r" {
		t.Errorf("a pair whose other end is nowhere: %+v", v)
	}
	d = pair()
	l := d.spaces["ns"].state.links[3]
	l.veth = false
	d.spaces["ns"].state.setLink(3, l)
	if v := d.observe(key).(*object.Veth); v.OwnerUID != "" || v.Peer != (object.VethEnd{}) {
		t.Errorf("a device that is no pair: %+v", v)
	}
	d.spaces["ns"].failure = errClosed
	if got := d.observe(key); got != nil {
		t.Errorf("of a namespace that cannot be read: %+v", got)
	}
}

// TestOurs: Ours lists what carries our mark, and what only we may have in our namespaces. OursAmong agrees for single keys.
func TestOurs(t *testing.T) {
	t.Parallel()
	d := pair()
	d.spaces["ns"] = furnished()
	l := d.spaces["ns"].state.links[3]
	l.veth, l.alias = true, "weft:r"
	d.spaces["ns"].state.setLink(3, l)
	strange := d.spaces["other"] // a namespace without our mark
	strange.state.setLink(1, linkState{name: "lo", up: true, carrier: true})
	own := linkState{name: "w0", alias: "weft:r", veth: true}
	d.spaces[""].state.setLink(9, own)
	keys, err := d.Ours(context.Background())
	var names []string
	for _, k := range keys {
		names = append(names, k.String())
	}
	slices.Sort(names)
	want := "addresses/ns/n1 neighbor/ns/n1/10.0.0.7 netns/ns proxy/ns/n1/10.0.0.7 route/" + object.RouteName("ns", 300, netip.MustParsePrefix("10.9.0.0/24")) + " veth//w0 veth/ns/n1"
	if got := strings.Join(names, " "); err != nil || got != want {
		t.Errorf("ours are %s, %v; expected %s", got, err, want)
	}
	asked := append(slices.Clone(keys), object.Key{Kind: object.KindVeth, Name: "/eth0"}, object.Key{Kind: object.KindVeth, Name: "/v0"},
		object.Key{Kind: object.KindNamespace, Name: "other"}, object.Key{Kind: object.KindAddresses, Name: "ns/lo"},
		object.Key{Kind: object.KindAddresses, Name: "ns/n2"}, object.Key{Kind: object.KindRoute, Name: "ns/10.7.0.0/24"}, object.Key{Kind: object.KindVeth, Name: "gone/x"})
	if among, err := d.OursAmong(context.Background(), asked); err != nil || !slices.Equal(among, keys) {
		t.Errorf("among those asked for ours are %v, %v; expected %v", among, err, keys)
	}
}
