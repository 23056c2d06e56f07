//go:build integration

package ra

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket/packetsockettest"
)

func TestMain(m *testing.M) { packetsockettest.Main(m) }

func TestRdisc6HearsTheAdvertisement(t *testing.T) {
	g := packetsockettest.NewGuest(t, "tapra1", object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1})
	d := New(Config{Open: packetsockettest.Mux(t).Open, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	b := fullBinding()
	b.Device = g.Device
	serve := func(op object.Op) {
		t.Helper()
		for _, err := range d.Apply(t.Context(), []object.Change{{Op: op, Desired: b}}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	serve(object.Create)
	g.AwaitLinkLocal()
	out := g.Run("rdisc6", "-1", "-r", "5", "-w", "1000", "eth0")
	for _, want := range []string{
		"Stateful address conf.    :          Yes", "Stateful other conf.      :          Yes",
		"Router lifetime           :            0", "2001:db8:1::/64", "On-link                 :          Yes",
		"Autonomous address conf.:           No", "1450 bytes", "Recursive DNS server     : 2001:db8::53",
		"DNS search list          : alpha.example", "Source link-layer address: 02:57:45:46:54:01", "from fe80::57:45ff:fe46:5401",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("rdisc6 does not say %q:\n%s", want, out)
		}
	}
	if a := g.Run("ip", "-6", "address", "show", "dev", "eth0", "scope", "global"); strings.Contains(a, "inet6") {
		t.Errorf("the guest made an address of its own from a prefix:\n%s", a)
	}
	// A change is sent at once and unasked. The guest's kernel gets the prefix's route from it.
	more := *b
	more.Prefixes = append(more.Prefixes[:1:1], netip.MustParsePrefix("2001:db8:3::/64"))
	b = &more
	serve(object.Update)
	packetsockettest.WaitFor(t, "the added prefix on the link", func() bool {
		return strings.Contains(g.Run("ip", "-6", "route", "show", "dev", "eth0"), "2001:db8:3::/64")
	})
}
