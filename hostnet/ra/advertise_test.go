package ra

import (
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/ndp"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

var update = flag.Bool("update", false, "write the golden files")

func fullBinding() *object.RABinding {
	return &object.RABinding{
		OwnerUID: "6f0c1b1e-0000-4000-8000-000000000001", Device: "tap1", MTU: 1450, Lease: time.Hour,
		Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("2001:db8:2::/56")},
		DNS:      []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")},
		Domain:   "alpha.example",
	}
}

func TestAdvertisement(t *testing.T) {
	t.Parallel()
	short, hostile := fullBinding(), fullBinding()
	short.Lease, short.MTU, short.DNS, short.Domain = time.Minute, 576, nil, ""
	hostile.Domain = "$(reboot)"
	routed := fullBinding()
	routed.Router = true
	var w strings.Builder
	for _, c := range []struct {
		name    string
		binding *object.RABinding
	}{{"everything", fullBinding()}, {"a short lease, an MTU below IPv6's, no DNS", short}, {"a hostile domain", hostile}, {"a router of ours", routed}} {
		fmt.Fprintf(&w, "== %s\n%s", c.name, describe(t, serve(t, newAdvertiser(t, ""), c.binding)))
	}
	checkGolden(t, w.String())
}

// newAdvertiser has a clock that does not move.
func newAdvertiser(t testing.TB, dir string) advertiser {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return advertiser{memory: openMemory(dir, slog.New(slog.DiscardHandler)), now: func() time.Time { return now }}
}

// serve is what the guest is told unasked, starting with this binding.
func serve(t testing.TB, a advertiser, b *object.RABinding) [][]byte {
	t.Helper()
	s, err := a.service(b)
	if err != nil {
		t.Fatal(err)
	}
	if s.Unsolicited == nil {
		return nil
	}
	return s.Unsolicited()
}

// describe prints advertisements.
func describe(t testing.TB, frames [][]byte) string {
	t.Helper()
	var w strings.Builder
	for _, f := range frames {
		m, ra := parse(t, f)
		fmt.Fprintf(&w, "%s > %s, %s > %s, hop limit %d\nM=%v O=%v router lifetime %s, hop limit %d\n",
			m.EthSrc, m.EthDst, m.Src, m.Dst, m.HopLimit, ra.ManagedConfiguration, ra.OtherConfiguration, ra.RouterLifetime, ra.CurrentHopLimit)
		for _, o := range ra.Options {
			fmt.Fprintf(&w, "  %+v\n", o)
		}
	}
	return w.String()
}

func parse(t testing.TB, f []byte) (packetsocket.Message, *ndp.RouterAdvertisement) {
	t.Helper()
	m, err := packetsocket.ParseICMPv6(f)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ndp.ParseMessage(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return m, parsed.(*ndp.RouterAdvertisement)
}

func checkGolden(t *testing.T, got string) {
	t.Helper()
	path := filepath.Join("testdata", "advertisement.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func TestAdvertisementRefuses(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	b.Prefixes[1] = netip.MustParsePrefix("10.0.0.0/24")
	if _, err := newAdvertiser(t, "").service(b); err == nil || !strings.Contains(err.Error(), "prefixes[1]") {
		t.Errorf("an IPv4 prefix: %v, want an error that names the field", err)
	}
}

// solicit builds a router solicitation.
func solicit(t testing.TB, src netip.Addr, options ...ndp.Option) []byte {
	body, err := ndp.MarshalMessage(&ndp.RouterSolicitation{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	dst := netip.IPv6LinkLocalAllRouters()
	return packetsocket.ICMPv6(packetsocket.Between{Src: object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}, Dst: packetsocket.MulticastMAC(dst)}, src, dst, body)
}

func TestSolicitationsAreAnswered(t *testing.T) {
	t.Parallel()
	s, err := newAdvertiser(t, "").service(fullBinding())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	guest := netip.MustParseAddr("fe80::1")
	lla := &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: object.ServerMAC[:]}
	for name, f := range map[string][]byte{"with an address": solicit(t, guest, lla), "from ::": solicit(t, netip.IPv6Unspecified())} {
		if got := s.Answer(f, log); len(got) != 1 || cmp.Diff(got, s.Unsolicited()) != "" {
			t.Errorf("%s: %d answers", name, len(got))
		}
	}
	routed, advertisement := solicit(t, guest), s.Unsolicited()[0]
	routed[21] = 64
	coded := solicit(t, guest)
	coded[55] = 1
	for name, f := range map[string][]byte{"crossed a router": routed, "another code": coded, "an advertisement": advertisement, "nothing": nil} {
		if got := s.Answer(f, log); len(got) != 0 {
			t.Errorf("%s: answered", name)
		}
	}
}

func TestIntervalIsSpread(t *testing.T) {
	t.Parallel()
	for sent := 1; sent < initialAdvertisements; sent++ {
		for range 100 {
			if d := interval(sent); d < minInitialInterval || d > maxInitialInterval {
				t.Fatalf("interval %s after %d advertisements", d, sent)
			}
		}
	}
	seen := map[time.Duration]bool{}
	for range 100 {
		d := interval(initialAdvertisements)
		if d < minInterval || d >= maxInterval {
			t.Fatalf("interval %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different intervals of 100", len(seen))
	}
}

func FuzzIsSolicitation(f *testing.F) {
	f.Add(solicit(f, netip.MustParseAddr("fe80::1"), &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: object.ServerMAC[:]}, ndp.NewNonce()))
	f.Add(serve(f, newAdvertiser(f, ""), fullBinding())[0])
	f.Fuzz(func(t *testing.T, received []byte) {
		if IsSolicitation(received) && received[54] != routerSolicitation {
			t.Error("taken for a solicitation")
		}
	})
}
