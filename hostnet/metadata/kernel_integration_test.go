//go:build integration

package metadata

import (
	"log/slog"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket/packetsockettest"
)

// kernelGuest is a namespace on a port that is served.
func kernelGuest(t *testing.T, d *Driver, b *object.MetadataBinding) *packetsockettest.Guest {
	t.Helper()
	g := packetsockettest.NewGuest(t, b.Device, b.MAC)
	g.Run("ip", "address", "add", "10.0.0.5/24", "dev", "eth0")
	g.Run("ip", "address", "add", "2001:db8::5/64", "dev", "eth0", "nodad")
	g.AwaitLinkLocal()
	if err := d.Apply(t.Context(), []object.Change{{Op: object.Create, Desired: b}})[0]; err != nil {
		t.Fatal(err)
	}
	return g
}

func kernelDriver(t *testing.T) *Driver {
	d := New(packetsockettest.Mux(t).Open, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func curl(g *packetsockettest.Guest, args ...string) string {
	return g.Run(append([]string{"curl", "-sS", "--max-time", "20"}, args...)...)
}

const v6URL = "http://[fe80::a9fe:a9fe%25eth0]"

// TestKernelGuest: Linux as the guest, whose device leaves checksums and the cutting of packets to others. It reaches the service by a
// default route (at the gateway's MAC), by a route on the link, and by IPv6 without any route, and so does a neighbour with the same addresses.
func TestKernelGuest(t *testing.T) {
	d := kernelDriver(t)
	large := strings.Repeat("0123456789abcde\n", 4<<10)
	g := kernelGuest(t, d, binding("tapm1", large))
	other := binding("tapm2", "of the other")
	neighbor := kernelGuest(t, d, other)

	g.Run("ip", "route", "add", "default", "via", "10.0.0.1")
	g.Run("ip", "neighbour", "add", "10.0.0.1", "lladdr", object.GatewayMAC.String(), "dev", "eth0")
	if got := curl(g, "http://169.254.169.254/openstack/latest/user_data"); got != large {
		t.Errorf("by the default route: %d bytes", len(got))
	}
	neighbor.Run("ip", "route", "add", "169.254.169.254/32", "dev", "eth0")
	if got := curl(neighbor, "http://169.254.169.254/openstack/latest/user_data"); got != "of the other" {
		t.Errorf("by a route on the link: %q", got)
	}
	if got := neighbor.Run("ip", "neighbour", "show", "169.254.169.254"); !strings.Contains(got, object.ServerMAC.String()) {
		t.Errorf("ARP: %s", got)
	}
	for who, want := range map[*packetsockettest.Guest]string{g: large, neighbor: "of the other"} {
		if got := curl(who, v6URL+"/latest/user-data"); got != want {
			t.Errorf("by IPv6: %d bytes", len(got))
		}
	}
	if got := curl(g, "-H", "X-Long: "+strings.Repeat("x", 3500), "http://169.254.169.254/latest/meta-data/mac"); got != guestMAC.String() {
		t.Errorf("a request of several segments: %q", got)
	}
	// A guest that uses another address is not answered.
	neighbor.Run("ip", "address", "add", "10.0.0.6/24", "dev", "eth0")
	if out, err := neighbor.Try("curl", "-sS", "--max-time", "2", "--interface", "10.0.0.6", "http://169.254.169.254/"); err == nil {
		t.Errorf("from another address: %s", out)
	}
	if n := d.Stats().Rejected[RejectedSource]; n == 0 {
		t.Error("frames from another address were not counted")
	}
}

// TestFloodOfSYNs: a guest that opens connections without end, and answers nothing, is shut out. Its neighbour is served.
func TestFloodOfSYNs(t *testing.T) {
	d := kernelDriver(t)
	hostile, neighbor := kernelGuest(t, d, binding("tapm3", "hostile")), kernelGuest(t, d, binding("tapm4", "neighbor"))
	send := hostile.Sender()
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		sent := 0
		for {
			select {
			case <-stop:
				done <- sent
				return
			default:
				f := syn(guestMAC, "10.0.0.5", service4)
				f[34], f[35] = byte(sent>>8), byte(sent)
				_ = send.Send(f)
				sent++
			}
		}
	}()
	neighbor.Run("ip", "route", "add", "169.254.169.254/32", "dev", "eth0")
	for range 20 {
		if got := curl(neighbor, "http://169.254.169.254/latest/user-data"); got != "neighbor" {
			t.Errorf("under the flood: %q", got)
		}
	}
	close(stop)
	if sent, s := <-done, d.Stats(); sent < 1000 || s.Open > 2*defaultBounds().portConnections || s.Rejected[RejectedRate] == 0 {
		t.Errorf("%d frames were sent: %+v", sent, s)
	}
	packetsockettest.WaitFor(t, "the hostile guest is served again", func() bool {
		out, err := hostile.Try("curl", "-sS", "--max-time", "2", v6URL+"/latest/user-data")
		return err == nil && out == "hostile"
	})
}
