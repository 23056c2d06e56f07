package activation

import (
	"context"
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

var (
	guest = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}
	alien = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}
)

// rarp is what QEMU sends for a guest that continues to run.
func rarp(mac object.MAC) []byte {
	own := netip.IPv4Unspecified()
	f := packetsocket.ARP{Operation: 3, SenderMAC: mac, TargetMAC: mac, Sender: own, Target: own}.Frame(packetsocket.Between{Src: mac, Dst: packetsocket.Broadcast()})
	f[12], f[13] = 0x80, 0x35
	return f
}

func arp(src, sha object.MAC, spa, tpa string) []byte {
	return packetsocket.ARP{
		Operation: packetsocket.ARPRequest, SenderMAC: sha, Sender: netip.MustParseAddr(spa), Target: netip.MustParseAddr(tpa),
	}.Frame(packetsocket.Between{Src: src, Dst: packetsocket.Broadcast()})
}

func advertisement(src object.MAC, flags uint8, hopLimit uint8) []byte {
	all := netip.MustParseAddr("ff02::1")
	body := make([]byte, 4, 24)
	body[0] = 136
	body = append(body, flags, 0, 0, 0)
	body = append(body, netip.MustParseAddr("2001:db8::5").AsSlice()...)
	f := packetsocket.ICMPv6(packetsocket.Between{Src: src, Dst: packetsocket.MulticastMAC(all)}, netip.MustParseAddr("2001:db8::5"), all, body)
	f[21] = hopLimit
	return f
}

func TestAnnounces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		frame []byte
		want  bool
	}{
		"reverse ARP":                    {rarp(guest), true},
		"reverse ARP of another":         {rarp(alien), false},
		"gratuitous ARP":                 {arp(guest, guest, "10.0.0.5", "10.0.0.5"), true},
		"gratuitous ARP of another":      {arp(alien, alien, "10.0.0.5", "10.0.0.5"), false},
		"gratuitous ARP for another":     {arp(guest, alien, "10.0.0.5", "10.0.0.5"), false},
		"ARP request":                    {arp(guest, guest, "10.0.0.5", "10.0.0.6"), false},
		"ARP probe":                      {arp(guest, guest, "0.0.0.0", "10.0.0.5"), false},
		"ARP about nothing":              {arp(guest, guest, "0.0.0.0", "0.0.0.0"), false},
		"unsolicited advertisement":      {advertisement(guest, 0x20, 255), true},
		"advertisement of another":       {advertisement(alien, 0x20, 255), false},
		"solicited advertisement":        {advertisement(guest, 0x60, 255), false},
		"advertisement through a router": {advertisement(guest, 0x20, 254), false},
		"cut advertisement":              {advertisement(guest, 0x20, 255)[:60], false},
		"cut":                            {rarp(guest)[:12], false},
		"empty":                          {nil, false},
	} {
		if got := Announces(c.frame, guest); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzAnnounces(f *testing.F) {
	f.Add(rarp(guest))
	f.Add(arp(guest, guest, "10.0.0.5", "10.0.0.5"))
	f.Add(advertisement(guest, 0x20, 255))
	f.Fuzz(func(t *testing.T, received []byte) {
		if Announces(received, guest) && object.MAC(received[6:12]) != guest {
			t.Errorf("another MAC's frame announces the guest: %x", received)
		}
	})
}

// line is the transport of a device. The test plays the guest.
type line struct {
	packetsocket.Transport
	receiver packetsocket.Receiver
}

func (*line) Alive() bool                         { return true }
func (*line) Close() error                        { return nil }
func (*line) SetFilter(packetsocket.Filter) error { return nil }

func apply(t *testing.T, d *Driver, op object.Op, desired, observed object.Object) {
	t.Helper()
	for _, err := range d.Apply(t.Context(), []object.Change{{Op: op, Desired: desired, Observed: observed}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDriverTellsOnceOfEachActivation(t *testing.T) {
	t.Parallel()
	var tap *line
	d := New(func(_ string, _ packetsocket.Filter, r packetsocket.Receiver) (packetsocket.Transport, error) {
		tap = &line{receiver: r}
		return tap, nil
	}, nil)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	events, ended := make(chan object.Event, 10), make(chan error, 1)
	go func() { ended <- d.Watch(ctx, func(e object.Event) { events <- e }) }()
	first := &object.Activation{OwnerUID: "uid", Device: "tap1", MAC: guest, Migration: 7}
	apply(t, d, object.Create, first, nil)
	for _, f := range [][]byte{arp(guest, guest, "10.0.0.5", "10.0.0.6"), rarp(alien)} {
		if answers := tap.receiver.Frame(f); answers != nil || d.Activated("uid") != 0 {
			t.Fatalf("%x was answered with %x, activated for %d", f, answers, d.Activated("uid"))
		}
	}
	for range 3 {
		tap.receiver.Frame(rarp(guest))
	}
	if e := <-events; len(e.Keys) != 1 || e.Keys[0] != first.Key() || d.Activated("uid") != 7 {
		t.Errorf("%+v, activated for %d", e, d.Activated("uid"))
	}
	second := *first
	second.Migration = 9
	apply(t, d, object.Update, &second, first)
	tap.receiver.Frame(rarp(guest))
	if e := <-events; len(e.Keys) != 1 || d.Activated("uid") != 9 {
		t.Errorf("%+v, activated for %d", e, d.Activated("uid"))
	}
	apply(t, d, object.Delete, nil, &second)
	if d.Activated("uid") != 0 {
		t.Errorf("who is not waited for any more is activated for %d", d.Activated("uid"))
	}
	stop()
	if err := <-ended; err != nil || len(events) != 0 {
		t.Errorf("%v, and %d more events", err, len(events))
	}
}
