package ra

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/ndp"
	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// device exists in every network namespace, so its records survive a restart.
const device = "lo"

func routed(prefixes ...string) *object.RABinding {
	b := &object.RABinding{OwnerUID: "6f0c1b1e-0000-4000-8000-000000000001", Device: device, MTU: 1500, Lease: time.Hour, Router: true}
	for _, p := range prefixes {
		b.Prefixes = append(b.Prefixes, netip.MustParsePrefix(p))
	}
	return b
}

// told describes in one line what frames tell a guest, without lifetimes other than 0.
func told(t testing.TB, frames [][]byte) string {
	t.Helper()
	var lines []string
	for _, f := range frames {
		m, ra := parse(t, f)
		words := []string{fmt.Sprintf("%s:", m.Src)}
		word := func(what string, lifetime time.Duration) {
			if lifetime == 0 {
				what = "no " + what
			}
			words = append(words, what)
		}
		word("router", ra.RouterLifetime)
		for _, o := range ra.Options {
			switch o := o.(type) {
			case *ndp.PrefixInformation:
				word(o.Prefix.String(), o.ValidLifetime)
			case *ndp.RecursiveDNSServer:
				for _, s := range o.Servers {
					word(s.String(), o.Lifetime)
				}
			case *ndp.DNSSearchList:
				word(o.DomainNames[0], o.Lifetime)
			case *ndp.RouteInformation:
				word("route", o.RouteLifetime)
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

func TestWhatIsTrueNoLongerIsWithdrawn(t *testing.T) {
	t.Parallel()
	const server, gateway, own = "fe80::57:45ff:fe46:5401", "fe80::57:45ff:fe46:5402", "fe80::f816:3eff:fe00:9"
	plain := func(prefixes ...string) *object.RABinding { b := routed(prefixes...); b.Router = false; return b }
	dns := func(b *object.RABinding, servers ...string) *object.RABinding {
		for _, s := range servers {
			b.DNS = append(b.DNS, netip.MustParseAddr(s))
		}
		return b
	}
	domain := func(b *object.RABinding, name string) *object.RABinding { b.Domain = name; return b }
	central := func(b *object.RABinding) *object.RABinding {
		b.RouterMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 9}
		return b
	}
	for name, c := range map[string]struct {
		bindings []*object.RABinding
		want     string
	}{
		"the router goes": {
			[]*object.RABinding{routed("2001:db8:a::/64"), plain("2001:db8:a::/64")},
			server + ": no router 2001:db8:a::\n" + gateway + ": no router no route",
		},
		"it comes again": {
			[]*object.RABinding{routed("2001:db8:a::/64"), plain("2001:db8:a::/64"), routed("2001:db8:a::/64")},
			gateway + ": router route 2001:db8:a::",
		},
		"it becomes centralized: the new one first": {
			[]*object.RABinding{routed("2001:db8:a::/64"), central(routed("2001:db8:a::/64"))},
			own + ": router route 2001:db8:a::\n" + gateway + ": no router no route",
		},
		"and distributed again": {
			[]*object.RABinding{routed("2001:db8:a::/64"), central(routed("2001:db8:a::/64")), routed("2001:db8:a::/64")},
			gateway + ": router route 2001:db8:a::\n" + own + ": no router no route",
		},
		"a prefix is exchanged": {
			[]*object.RABinding{plain("2001:db8:a::/64"), plain("2001:db8:b::/64")},
			server + ": no router 2001:db8:b:: no 2001:db8:a::",
		},
		"the last prefix goes": {
			[]*object.RABinding{routed("2001:db8:a::/64"), plain()},
			gateway + ": no router no route no 2001:db8:a::",
		},
		"there never was one": {[]*object.RABinding{plain(), plain()}, ""},
		"a DNS server and the domain go": {
			[]*object.RABinding{
				domain(dns(plain("2001:db8:a::/64"), "2001:db8::1", "2001:db8::2"), "old.example"),
				domain(dns(plain("2001:db8:a::/64"), "2001:db8::2"), "new.example"),
			},
			server + ": no router 2001:db8:a:: new.example 2001:db8::2 no old.example no 2001:db8::1",
		},
		"what two have told is withdrawn by both": {
			[]*object.RABinding{dns(plain("2001:db8:a::/64"), "2001:db8::1"), dns(routed("2001:db8:a::/64"), "2001:db8::1"), routed("2001:db8:a::/64")},
			gateway + ": router route 2001:db8:a:: no 2001:db8::1\n" + server + ": no router no 2001:db8::1",
		},
		"of another guest nothing is known": {
			[]*object.RABinding{{OwnerUID: "another", Device: device, MTU: 1500, Prefixes: routed("2001:db8:e::/64").Prefixes}, plain("2001:db8:a::/64")},
			server + ": no router 2001:db8:a::",
		},
	} {
		// The same in one process, and with a separate process for each binding.
		a, dir := newAdvertiser(t, ""), t.TempDir()
		var frames, after [][]byte
		for _, b := range c.bindings {
			frames, after = serve(t, a, b), serve(t, newAdvertiser(t, dir), b)
		}
		if got := told(t, frames); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if got := told(t, after); got != c.want {
			t.Errorf("%s, weftd started again each time:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestWithdrawalsEndWhenNobodyCanBelieveTheOldAnyMore(t *testing.T) {
	t.Parallel()
	a := newAdvertiser(t, t.TempDir())
	now := a.now()
	a.now = func() time.Time { return now }
	serve(t, a, routed("2001:db8:a::/64"))
	s, err := a.service(routed("2001:db8:b::/64"))
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(factLifetime - time.Second)
	if got := told(t, s.Unsolicited()); !strings.Contains(got, "no 2001:db8:a::") {
		t.Errorf("a second before: %s", got)
	}
	now = now.Add(time.Second)
	if got := told(t, s.Unsolicited()); strings.Contains(got, "2001:db8:a::") {
		t.Errorf("afterwards: %s", got)
	}
	if got := serve(t, a, routed("2001:db8:b::/64")); len(a.memory.of(device, routed().OwnerUID)) != 2 || len(got) != 1 {
		t.Errorf("it is still remembered: %+v", a.memory.records)
	}
}

func TestRecordsOfDevicesThatAreGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := routed("2001:db8:a::/64")
	serve(t, newAdvertiser(t, dir), b)
	b.Device = "weft-not-there"
	serve(t, newAdvertiser(t, dir), b)
	if err := os.WriteFile(filepath.Join(dir, "damaged.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := openMemory(dir, slog.New(slog.DiscardHandler))
	if len(m.records) != 1 || len(m.of(device, b.OwnerUID)) != 2 {
		t.Errorf("records %+v", m.records)
	}
	m.forget(device)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestEveryBindingFits: whatever a network may declare, and however often that changed, every frame fits the MTU and everything
// is told once. What nobody tells any more is withdrawn by the speaker that told it.
func TestEveryBindingFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := advertiser{memory: openMemory("", slog.New(slog.DiscardHandler)), now: time.Now}
		believed := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			b := anyBinding(t)
			s, err := a.service(b)
			if err != nil {
				t.Fatal(err)
			}
			if s.Unsolicited == nil {
				continue
			}
			for _, f := range s.Unsolicited() {
				if len(f)-14 > b.MTU {
					t.Fatalf("a packet of %d bytes with an MTU of %d", len(f)-14, b.MTU)
				}
				believe(believed, f)
			}
			want, _ := state(b)
			for _, x := range want.facts {
				if key := said(want.source, x); !believed[key] {
					t.Fatalf("%s was not told", key)
				}
			}
			for key, on := range believed {
				holds := slices.ContainsFunc(want.facts, func(x fact) bool {
					_, told, _ := strings.Cut(key, " ")
					return told == what(x) && (!x.router() || key == said(want.source, x))
				})
				if on && !holds {
					t.Fatalf("%q is still believed", key)
				}
			}
		}
	})
}

func anyBinding(t *rapid.T) *object.RABinding {
	b := &object.RABinding{OwnerUID: "u", Device: "tap1", MTU: rapid.IntRange(1280, 9000).Draw(t, "mtu"), Lease: time.Hour,
		Router: rapid.Bool().Draw(t, "router")}
	if rapid.Bool().Draw(t, "gateway") {
		b.Gateway = netip.AddrFrom16([16]byte{0xfe, 0x80, 15: rapid.ByteRange(1, 2).Draw(t, "interface")})
	}
	if rapid.Bool().Draw(t, "central") {
		b.RouterMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, rapid.Byte().Draw(t, "mac")}
	}
	for i := range rapid.IntRange(0, 32).Draw(t, "prefixes") {
		b.Prefixes = append(b.Prefixes, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, byte(i), rapid.ByteRange(0, 1).Draw(t, "life")}), 64))
	}
	for i := range rapid.IntRange(0, 16).Draw(t, "servers") {
		b.DNS = append(b.DNS, netip.AddrFrom16([16]byte{0x20, 2, byte(i), rapid.ByteRange(0, 1).Draw(t, "life")}))
	}
	if rapid.Bool().Draw(t, "domain") {
		label := strings.Repeat(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "letter"), 62)
		b.Domain = strings.Join([]string{label, label, label, label}, ".") // 251 characters
	}
	return b
}

// said is a fact as its speaker told it: the speaker's address and the option's value without lifetimes.
func said(source speaker, f fact) string { return source.address().String() + " " + what(f) }

func what(f fact) string {
	switch {
	case f.router():
		return "router"
	case f.Prefix.IsValid():
		return f.Prefix.String()
	case f.DNS.IsValid():
		return f.DNS.String()
	}
	return f.Domain
}

// believe reads the bytes of a frame like a host that keeps facts for each speaker.
func believe(believed map[string]bool, f []byte) {
	source, body := speaker{router: netip.AddrFrom16([16]byte(f[22:38]))}, f[54:]
	believed[said(source, fact{})] = body[6] != 0 || body[7] != 0
	for o := body[advertisementSize:]; len(o) > 0; o = o[8*int(o[1]):] {
		value := o[2 : 8*int(o[1])]
		switch o[0] {
		case optionPrefix:
			p := netip.PrefixFrom(netip.AddrFrom16([16]byte(value[14:30])), int(value[0]))
			believed[said(source, fact{Prefix: p})] = string(value[2:6]) != "\x00\x00\x00\x00"
		case optionDNS:
			for s := value[6:]; len(s) > 0; s = s[16:] {
				believed[said(source, fact{DNS: netip.AddrFrom16([16]byte(s))})] = string(value[2:6]) != "\x00\x00\x00\x00"
			}
		case optionDomain:
			var labels []string
			for s := value[6:]; s[0] != 0; s = s[1+int(s[0]):] {
				labels = append(labels, string(s[1:1+int(s[0])]))
			}
			believed[said(source, fact{Domain: strings.Join(labels, ".")})] = string(value[2:6]) != "\x00\x00\x00\x00"
		}
	}
}
