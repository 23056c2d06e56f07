//go:build integration

package dhcp

import (
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/hostnet/packetsocket/packetsockettest"
)

// flood sends the frame as fast as the kernel accepts it. stop ends that and returns how many were sent.
func flood(t *testing.T, s packetsocket.Sender, f []byte) (stop func() int) {
	end, sent := make(chan struct{}), 0
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
				_ = s.Send(f) // a full queue is part of a flood
				sent++
			}
		}
	})
	once := sync.OnceFunc(func() { close(end); wait.Wait() })
	t.Cleanup(once)
	return func() int { once(); return sent }
}

// TestFloodingGuestHarmsNobody: two guests flood, one with frames that the server answers and one with frames that it ignores,
// while a third one gets its lease. The kernel shuts the two out. They are served again after the flood.
func TestFloodingGuestHarmsNobody(t *testing.T) {
	x := packetsockettest.Mux(t)
	d := New(x.Open, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { must(t, d.Close()) })
	asking, listening, victim := newGuest(t, "tapf1", guestMAC), newGuest(t, "tapf2", guestMAC), newGuest(t, "tapf3", guestMAC)
	for i, g := range []*guest{asking, listening, victim} {
		b := testBinding(g.Device)
		b.V4[0].Address = netip.AddrFrom4([4]byte{10, 0, 0, byte(5 + i)})
		apply(t, d.PortDriver, object.Create, b)
	}
	discover := from4(ask4(dhcpv4.MessageTypeDiscover), "0.0.0.0", "255.255.255.255")
	arp := packetsocket.ARP{Operation: packetsocket.ARPRequest, SenderMAC: guestMAC, Sender: netip.MustParseAddr("10.0.0.6"), Target: netip.MustParseAddr("10.0.0.2")}
	stops := []func() int{
		flood(t, asking.Sender(), discover),
		flood(t, listening.Sender(), arp.Frame(packetsocket.Between{Src: guestMAC, Dst: packetsocket.Broadcast()})),
	}
	packetsockettest.WaitFor(t, "both shut out", func() bool { return x.Stats().Floods >= 2 })
	for range 3 {
		begin := time.Now()
		victim.lease4("beside two floods")
		t.Logf("a lease beside two floods took %s", time.Since(begin))
	}
	packetsockettest.WaitFor(t, "the floods let in and shut out again", func() bool { return x.Stats().Floods >= 4 })
	victim.lease4("after they were let in once")
	sent := 0
	for _, stop := range stops {
		sent += stop()
	}
	got := x.Stats()
	t.Logf("%d frames sent, %+v", sent, got)
	if got.Frames > uint64(sent)/2 {
		t.Errorf("%d of %d frames of two floods reached the server: they were not shut out", got.Frames, sent)
	}
	for _, g := range []*guest{asking, listening} {
		packetsockettest.WaitFor(t, "a lease on "+g.Device+", which floods no more", func() bool {
			_, err := g.Try("udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true", "-t", "5", "-T", "1")
			return err == nil
		})
	}
}
