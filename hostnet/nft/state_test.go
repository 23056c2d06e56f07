package nft

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// drawTargets draws mappings from few floating and fixed addresses, so that they collide.
func drawTargets(t *rapid.T) map[netip.Addr]target {
	address := func(name string, third byte) netip.Addr {
		last := byte(rapid.IntRange(0, 5).Draw(t, name))
		if rapid.Bool().Draw(t, "six") {
			return netip.AddrFrom16([16]byte{0xfd, third, 15: last})
		}
		return netip.AddrFrom4([4]byte{10, 0, third, last})
	}
	all := map[netip.Addr]target{}
	for range rapid.IntRange(0, 8).Draw(t, "targets") {
		floating, ports := address("floating", 1), map[service]netip.AddrPort{}
		fixed := address("fixed", 2)
		if fixed.BitLen() != floating.BitLen() {
			fixed = netip.Addr{}
		}
		if to := address("to", 2); to.BitLen() == floating.BitLen() {
			for range rapid.IntRange(0, 3).Draw(t, "ports") {
				ports[service{unix.IPPROTO_TCP, uint16(rapid.IntRange(1, 4).Draw(t, "port"))}] = netip.AddrPortFrom(to, 80)
			}
		}
		var rates object.RateLimits
		if fixed.IsValid() || len(ports) > 0 { // no mapping without a destination has limits
			rates = drawRates(t)
		}
		all[floating] = target{fixed, ports, floatingRatesOf(rates)}
	}
	return all
}

func drawRates(t *rapid.T) object.RateLimits {
	some := []object.RateLimit{{}, {}, {Rate: 12500, Burst: 62500}, {Packets: 10, PacketBurst: 16}, {Rate: 2_500_000_000, Packets: 8_000_000, PacketBurst: 4_000_000}}
	return object.RateLimits{Ingress: rapid.SampledFrom(some).Draw(t, "ingress"), Egress: rapid.SampledFrom(some).Draw(t, "egress")}
}

// carryOut does what the kernel would do, and refuses what the kernel would refuse.
func carryOut(t *rapid.T, v *cache, d delta) {
	have := map[element]bool{}
	keys := map[element]bool{}
	for _, e := range v.elements() {
		have[e] = true
		keys[element{set: e.set, key: e.key}] = true
	}
	ignored := newTouched()
	for _, e := range d.remove {
		if !have[e] {
			t.Fatalf("removes %x of %s, which is not there", e.key, e.set)
		}
		delete(keys, element{set: e.set, key: e.key})
		v.put(e, false, ignored)
	}
	for _, e := range d.add {
		if k := (element{set: e.set, key: e.key}); keys[k] {
			t.Fatalf("adds %x to %s, which is there", e.key, e.set)
		} else {
			keys[k] = true
		}
		v.put(e, true, ignored)
	}
}

// TestDeltaLeadsToTargets: from any state, also a damaged one, one delta for all addresses that exist leads to exactly the
// targets. A second delta is empty.
func TestDeltaLeadsToTargets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := newCache()
		carryOut(t, v, v.delta(drawTargets(t)))
		for _, e := range v.elements() {
			if rapid.IntRange(0, 3).Draw(t, "damage") == 0 {
				v.put(e, false, newTouched())
			}
		}
		before := v.floatings()
		targets := drawTargets(t)
		want := maps.Clone(targets)
		for f := range before {
			if _, ok := targets[f]; !ok {
				targets[f] = target{}
			}
		}
		carryOut(t, v, v.delta(targets))
		for f, w := range want {
			m, ok := v.mapping("n", f)
			if !w.fixed.IsValid() && len(w.ports) == 0 {
				if ok {
					t.Fatalf("%s: %+v, expected nothing", f, m)
				}
				continue
			}
			if !ok || m.Fixed != w.fixed || !slices.Equal(m.Forwards, rangesOf(w.ports)) || floatingRatesOf(m.Rates) != w.rates {
				t.Fatalf("%s: %+v, expected %+v", f, m, w)
			}
		}
		for f := range v.floatings() {
			if _, ok := want[f]; !ok {
				t.Fatalf("%s is left", f)
			}
		}
		if d := v.delta(targets); len(d.remove)+len(d.add)+len(d.cuts) > 0 {
			t.Fatalf("the second delta is %+v", d)
		}
	})
}

// TestTouchedNamesAllThatChanged: when any element is added or removed, each mapping that is then observed differently is named,
// both by the notification and by the comparison of two dumps.
func TestTouchedNamesAllThatChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := newCache()
		carryOut(t, v, v.delta(drawTargets(t)))
		old := newCache()
		for _, e := range v.elements() {
			old.put(e, true, newTouched())
		}
		other := newCache()
		carryOut(t, other, other.delta(drawTargets(t)))
		named := newTouched()
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			from, present := v.elements(), false
			if rapid.Bool().Draw(t, "add") {
				from, present = other.elements(), true
			}
			if len(from) > 0 {
				v.put(from[rapid.IntRange(0, len(from)-1).Draw(t, "element")], present, named)
			}
		}
		compared := v.since(old)
		all := v.floatings()
		maps.Copy(all, old.floatings())
		for f := range all {
			a, was := old.mapping("n", f)
			b, is := v.mapping("n", f)
			if was == is && (!was || len(a.Diff(b)) == 0) {
				continue
			}
			if !named.mappings[f] || !compared.mappings[f] {
				t.Fatalf("%s changed from %+v to %+v: named by notifications %t, by comparison %t", f, a, b, named.mappings[f], compared.mappings[f])
			}
		}
	})
}

func TestRangesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := mappingOf("192.0.2.1")
		for range rapid.IntRange(0, 5).Draw(t, "forwards") {
			first := uint16(rapid.IntRange(1, 50).Draw(t, "first"))
			m.Forwards = append(m.Forwards, object.NATForward{
				Protocol: rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol"), First: first,
				Last: first + uint16(rapid.IntRange(0, 20).Draw(t, "more")), To: netip.MustParseAddr("10.0.0.1"),
				ToFirst: uint16(rapid.IntRange(1, 50).Draw(t, "to")),
			})
		}
		ports, err := portsOf(m)
		if err != nil {
			return // forwarded twice
		}
		for s, to := range ports {
			f, s2, to2, ok := readForward(forwardElement(m.Floating, s, to))
			if !ok || f != m.Floating || s2 != s || to2 != to {
				t.Fatalf("%v → %v read as %v %v %v", s, to, f, s2, to2)
			}
		}
		short := rangesOf(ports)
		if seen := (&object.NATMapping{Floating: m.Floating, Forwards: short}); len(m.Diff(seen)) > 0 {
			t.Fatalf("%v read back is a difference: %v", m.Forwards, m.Diff(seen))
		}
		if len(short) > len(m.Forwards) {
			t.Fatalf("%v became %v", m.Forwards, short)
		}
		m.Forwards = short
		again, err := portsOf(m)
		if err != nil || !maps.Equal(again, ports) {
			t.Fatalf("%v expands to %v (%v)", short, again, err)
		}
	})
}

func mappingOf(floating string) *object.NATMapping {
	return &object.NATMapping{Namespace: "n", Floating: netip.MustParseAddr(floating)}
}

func TestBadForwards(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	for name, list := range map[string][]object.NATForward{
		"protocol":   {{Protocol: "sctp", First: 1, Last: 1, To: v4, ToFirst: 1}},
		"port 0":     {{Protocol: "tcp", First: 0, Last: 1, To: v4, ToFirst: 1}},
		"backwards":  {{Protocol: "tcp", First: 2, Last: 1, To: v4, ToFirst: 1}},
		"to 0":       {{Protocol: "tcp", First: 1, Last: 1, To: v4}},
		"beyond":     {{Protocol: "tcp", First: 1, Last: 10, To: v4, ToFirst: 65530}},
		"family":     {{Protocol: "tcp", First: 1, Last: 1, To: v6, ToFirst: 1}},
		"no target":  {{Protocol: "tcp", First: 1, Last: 1, ToFirst: 1}},
		"too many":   {{Protocol: "tcp", First: 1, Last: 65535, To: v4, ToFirst: 1}},
		"twice":      {{Protocol: "tcp", First: 1, Last: 5, To: v4, ToFirst: 1}, {Protocol: "tcp", First: 5, Last: 6, To: v4, ToFirst: 1}},
		"last of 16": {{Protocol: "tcp", First: 65535, Last: 65535, To: v4, ToFirst: 1}, {Protocol: "tcp", First: 65535, Last: 65535, To: v4, ToFirst: 1}},
	} {
		m := mappingOf("192.0.2.1")
		m.Forwards = list
		if _, err := portsOf(m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRulesAreFixed: the version is the same for the same source, and differs between the roles.
func TestRulesAreFixed(t *testing.T) {
	t.Parallel()
	a, err := New(Config{Namespaces: noSpaces{}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Namespaces: noSpaces{}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]ruleKey{}
	for _, k := range []ruleKey{{object.NATRouter, testLimits}, {object.NATExternal, testLimits}, {object.NATRouter, object.NATLimits{Connections: 7, PerDestination: 1, PerSecond: 1}}} {
		version := a.versions.of(k)
		if version == "" || version != b.versions.of(k) || version != a.versions.of(k) || seen[version] != (ruleKey{}) {
			t.Errorf("%v: versions %q and %q, %v has it already", k, version, b.versions.of(k), seen[version])
		}
		seen[version] = k
	}
	if _, err := ruleSetOf(ruleKey{"bridge", testLimits}); err == nil {
		t.Error("an unknown role has rules")
	}
}

var testLimits = object.NATLimits{Connections: 1000, PerDestination: 100, PerSecond: 1000}

// TestSpread: a limit that is spread over elements stays about the same.
func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit         int
		buckets, each uint32
	}{{1, 1, 1}, {63, 1, 63}, {64, 2, 32}, {100, 2, 50}, {1000, 16, 63}, {4032, 64, 63}, {32768, 64, 512}} {
		if buckets, each := spread(c.limit); buckets != c.buckets || each != c.each {
			t.Errorf("%d is spread over %d elements of %d, want %d of %d", c.limit, buckets, each, c.buckets, c.each)
		}
	}
}

type noSpaces struct{ Namespaces }

func TestComments(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "x", "weft router 89eb081c08d5 router-uid"} {
		if got := commentOf(comment(s)); got != s {
			t.Errorf("%q read as %q", s, got)
		}
	}
	if got := commentOf([]byte{1, 2, 'a', 'b', 0, 2, 'c', 0}); got != "c" {
		t.Errorf("the comment after other data is %q", got)
	}
	if got := commentOf([]byte{0, 200, 'a'}); got != "" {
		t.Errorf("a comment longer than its data is %q", got)
	}
}

// FuzzMessages gives random bytes to everything that parses messages of the kernel.
func FuzzMessages(f *testing.F) {
	elements := []element{floatingElement(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.1")),
		forwardElement(netip.MustParseAddr("2001:db8::1"), service{6, 80}, netip.MustParseAddrPort("[fd00::1]:8080"))}
	for _, r := range elementRequests(unix.NFT_MSG_NEWSETELEM, elements) {
		f.Add(r.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < unix.SizeofNlMsghdr {
			return
		}
		m := netlink.Message{Header: syscall.NlMsghdr{Type: binary.NativeEndian.Uint16(b[4:])}, Data: b[unix.SizeofNlMsghdr:]}
		s := &space{cache: newCache(), reached: make(chan struct{})}
		_, _, _ = s.absorb([]netlink.Message{m}, 1)
		list, _ := elementsOf(m)
		for _, e := range list {
			s.cache.put(e, rand.IntN(2) == 0, newTouched())
		}
		for floating := range s.cache.floatings() {
			s.cache.mapping("n", floating)
		}
		s.cache.table("n", nil)
		_ = netlink.ErrorOf(m)
	})
}

// TestElementsRoundTrip: elements are read back as they were sent, in pieces that fit an attribute.
func TestElementsRoundTrip(t *testing.T) {
	t.Parallel()
	var sent []element
	for i := range 3000 {
		sent = append(sent, forwardElement(netip.MustParseAddr("2001:db8::1"), service{17, uint16(i)}, netip.MustParseAddrPort("[fd00::1]:8080")))
	}
	var got []element
	for _, r := range elementRequests(unix.NFT_MSG_NEWSETELEM, sent) {
		messages, err := syscall.ParseNetlinkMessage(r.Bytes())
		if err != nil || len(messages) != 1 {
			t.Fatalf("%d messages: %v", len(messages), err)
		}
		list, err := elementsOf(messages[0])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, list...)
	}
	if !slices.Equal(got, sent) {
		t.Errorf("%d elements read of %d", len(got), len(sent))
	}
}
