//go:build integration

package announce

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket/packetsockettest"
)

func TestMain(m *testing.M) { packetsockettest.Main(m) }

// TestAnnouncementOnTheWire captures what the other end of the uplink sees.
func TestAnnouncementOnTheWire(t *testing.T) {
	g := packetsockettest.NewGuest(t, "upl1", object.MAC{2, 0, 0, 0, 0, 1})
	log := g.Dir + "/capture"
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	g.StartTo(out, "tcpdump", "-l", "-n", "-e", "-i", "eth0", "vlan", "123")
	packetsockettest.WaitFor(t, "tcpdump listening", func() bool { return strings.Contains(read(t, log), "listening on") })
	d := New(nil, slog.New(slog.DiscardHandler))
	defer d.Close()
	a := announcement("a", "10.0.0.5", "2001:db8::5")
	a.Device = g.Device
	if err := d.Apply(t.Context(), []object.Change{{Op: object.Create, Desired: a}})[0]; err != nil {
		t.Fatal(err)
	}
	packetsockettest.WaitFor(t, "three announcements of each address", func() bool {
		text := read(t, log)
		return strings.Count(text, "Request who-has 10.0.0.5 tell 10.0.0.5") == repetitions &&
			strings.Count(text, "2001:db8::5 > ff02::1: ICMP6, neighbor advertisement, tgt is 2001:db8::5") == repetitions
	})
	for line := range strings.Lines(read(t, log)) {
		if strings.Contains(line, "vlan 123") && !strings.Contains(line, guestMAC.String()+" >") {
			t.Errorf("not from the guest's MAC: %s", line)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
