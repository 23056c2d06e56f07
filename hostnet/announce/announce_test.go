package announce

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

var guestMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

func announcement(uid string, addresses ...string) *object.Announcement {
	a := &object.Announcement{OwnerUID: uid, Device: "eth1", VLAN: 123, MAC: guestMAC}
	for _, s := range addresses {
		a.Addresses = append(a.Addresses, netip.MustParseAddr(s))
	}
	return a
}

func TestFrames(t *testing.T) {
	t.Parallel()
	frames, err := Frames(announcement("a", "10.0.0.5", "2001:db8::5"))
	if err != nil || len(frames) != 2 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	for _, f := range frames {
		p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default)
		e, tag := p.LinkLayer().(*layers.Ethernet), p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q)
		if object.MAC(e.SrcMAC) != guestMAC || tag.VLANIdentifier != 123 || e.DstMAC[0]&1 != 1 {
			t.Errorf("%s", p)
		}
	}
	arp := gopacket.NewPacket(frames[0], layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
	if arp.Operation != layers.ARPRequest || !slices.Equal(arp.SourceProtAddress, arp.DstProtAddress) ||
		!slices.Equal(arp.SourceProtAddress, []byte{10, 0, 0, 5}) || object.MAC(arp.SourceHwAddress) != guestMAC {
		t.Errorf("not an ARP announcement: %+v", arp)
	}
	p := gopacket.NewPacket(frames[1], layers.LayerTypeEthernet, gopacket.Default)
	na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	if !ok || !na.Override() || na.Solicited() || na.Router() || na.TargetAddress.String() != "2001:db8::5" {
		t.Errorf("not an unsolicited neighbour advertisement: %s", p)
	}
}

func TestFramesWithoutAddressOrTag(t *testing.T) {
	t.Parallel()
	a := announcement("a")
	a.VLAN = 0
	frames, err := Frames(a)
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	if f := frames[0]; packetsocket.EtherType(f) != etherTypeRARP || object.MAC(f[6:12]) != guestMAC || object.MAC(f[:6]) != packetsocket.Broadcast() {
		t.Errorf("frame %x", f)
	}
	a.Addresses = []netip.Addr{{}}
	if _, err := Frames(a); err == nil || !strings.Contains(err.Error(), "addresses[0]") {
		t.Errorf("no address: %v, want an error that names the field", err)
	}
}

func TestQueuePrefersTheFirstTime(t *testing.T) {
	t.Parallel()
	var q queue
	now := time.Now()
	old, fresh := &entry{}, &entry{}
	q.add(old, now)
	if e, _ := q.next(now); e != old {
		t.Fatal("the first was not due at once")
	}
	if e, wait := q.next(now); e != nil || wait != repetitionDelay {
		t.Fatalf("then %v, %s; want to wait for the repetition", e, wait)
	}
	later := now.Add(repetitionDelay)
	q.add(fresh, later)
	var got []*entry
	for at := later; ; {
		e, wait := q.next(at)
		if e == nil && wait == 0 {
			break
		}
		if e != nil {
			got = append(got, e)
		}
		at = at.Add(wait)
	}
	if want := 2*repetitions - 1; !slices.Equal(got[:2], []*entry{fresh, old}) || len(got) != want {
		t.Errorf("%d sendings, the first of them new: %v; want %d, true", len(got), got[0] == fresh, want)
	}
}

// uplink is a Sender in memory.
type uplink struct {
	mu     sync.Mutex
	sent   [][]byte
	dead   bool
	closed bool
	wake   chan struct{}
}

func (u *uplink) Alive() bool  { u.mu.Lock(); defer u.mu.Unlock(); return !u.dead }
func (u *uplink) Close() error { u.mu.Lock(); defer u.mu.Unlock(); u.closed = true; return nil }

func (u *uplink) Send(f []byte) error {
	u.mu.Lock()
	u.sent = append(u.sent, f)
	u.mu.Unlock()
	u.wake <- struct{}{}
	return nil
}

func (u *uplink) kill() { u.mu.Lock(); defer u.mu.Unlock(); u.dead = true }

func startDriver(t *testing.T) (*Driver, *[]*uplink) {
	var opened []*uplink
	d := New(func(device string) (packetsocket.Sender, error) {
		if device != "eth1" {
			return nil, errors.New("no such device")
		}
		u := &uplink{wake: make(chan struct{}, 100)}
		opened = append(opened, u)
		return u, nil
	}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		for _, u := range opened {
			if !u.closed {
				t.Error("a socket was left open")
			}
		}
	})
	return d, &opened
}

func apply(t *testing.T, d *Driver, op object.Op, a *object.Announcement) error {
	t.Helper()
	c := object.Change{Op: op, Desired: a}
	if op == object.Delete {
		c = object.Change{Op: op, Observed: a}
	}
	return d.Apply(t.Context(), []object.Change{c})[0]
}

func observed(t *testing.T, d *Driver, keys ...object.Key) int {
	t.Helper()
	got, err := d.Observe(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	return len(got)
}

func TestAnnouncesSeveralTimes(t *testing.T) {
	t.Parallel()
	d, opened := startDriver(t)
	a := announcement("a", "10.0.0.5", "2001:db8::5")
	if err := apply(t, d, object.Create, a); err != nil {
		t.Fatal(err)
	}
	u := (*opened)[0]
	for range 2 * repetitions {
		<-u.wake
	}
	if observed(t, d, a.Key()) != 1 {
		t.Error("the announcement is not observed")
	}
	u.kill()
	if observed(t, d, a.Key()) != 0 {
		t.Error("observed, although the uplink it was announced by is gone")
	}
	if err := apply(t, d, object.Create, a); err != nil {
		t.Fatal(err)
	}
	<-(*opened)[1].wake
	if observed(t, d, a.Key()) != 1 {
		t.Error("not observed by the new uplink")
	}
}

func TestWithdrawnIsSentNoMore(t *testing.T) {
	t.Parallel()
	d, opened := startDriver(t)
	a, b := announcement("a", "10.0.0.5"), announcement("b", "10.0.0.6")
	if err := apply(t, d, object.Create, a); err != nil {
		t.Fatal(err)
	}
	u := (*opened)[0]
	<-u.wake
	if err := errors.Join(apply(t, d, object.Delete, a), apply(t, d, object.Create, b)); err != nil {
		t.Fatal(err)
	}
	for range repetitions {
		<-u.wake
	}
	if keys, _ := d.Ours(t.Context()); len(keys) != 1 || keys[0] != b.Key() {
		t.Errorf("ours: %v", keys)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.sent) != 1+repetitions {
		t.Errorf("%d frames, want %d", len(u.sent), 1+repetitions)
	}
}

// TestThoseOnThisHostHearIt: in whatever order they were added, guests are told about routers, and routers about all. Nobody is
// told about other networks or about themselves.
func TestThoseOnThisHostHearIt(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sent := map[string][]string{} // device → MAC of what was received
	wake := make(chan struct{}, 1000)
	d := New(func(device string) (packetsocket.Sender, error) {
		if device == "gone" {
			return nil, errors.New("no such device")
		}
		return senderFunc(func(f []byte) {
			mu.Lock()
			defer mu.Unlock()
			if packetsocket.EtherType(f) == packetsocket.EtherTypeVLAN {
				t.Errorf("%s heard a tagged frame", device)
			}
			sent[device] = append(sent[device], object.MAC(f[6:12]).String())
			wake <- struct{}{}
		}), nil
	}, slog.New(slog.DiscardHandler))
	var changes []object.Change // all at once, because what is sent depends on who is there then
	add := func(network, local string, last byte, router bool) {
		changes = append(changes, object.Change{Op: object.Create, Desired: &object.Announcement{
			OwnerUID: network + local, MAC: object.MAC{2, 0, 0, 0, 0, last}, Network: network, Local: local, Router: router,
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.5")}}})
	}
	add("red", "gone", 8, false)
	add("red", "left", 9, false)
	changes = append(changes, object.Change{Op: object.Delete, Observed: changes[1].Desired})
	add("red", "guest-1", 1, false)
	add("red", "guest-2", 2, false)
	add("red", "router interface", 3, true)
	add("blue", "guest-3", 4, false)
	add("blue", "", 5, true) // a router elsewhere
	if err := errors.Join(d.Apply(t.Context(), changes)...); err != nil {
		t.Fatal(err)
	}
	// Each repetition has six sendings: three guests to the router interface, the router interface to the two guests that are
	// there, the router elsewhere to one guest.
	for range repetitions * 6 {
		<-wake
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	mac := func(last byte) string { return object.MAC{2, 0, 0, 0, 0, last}.String() }
	for device, want := range map[string][]string{
		"guest-1": {mac(3)}, "guest-2": {mac(3)}, "router interface": {mac(1), mac(2), mac(8)}, "guest-3": {mac(5)}, "left": nil,
	} {
		got := slices.Compact(slices.Sorted(slices.Values(sent[device])))
		if !slices.Equal(got, want) || len(sent[device]) != repetitions*len(want) {
			t.Errorf("%s heard %v, want each of %v %d times", device, sent[device], want, repetitions)
		}
	}
}

// senderFunc is a Sender whose device always exists.
type senderFunc func([]byte)

func (s senderFunc) Send(f []byte) error { s(f); return nil }
func (senderFunc) Alive() bool           { return true }
func (senderFunc) Close() error          { return nil }

func TestApplyNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	d, _ := startDriver(t)
	a := announcement("a", "10.0.0.5")
	a.Device = "eth9"
	if err := apply(t, d, object.Create, a); err == nil || !strings.Contains(err.Error(), "announcement/a") {
		t.Errorf("an uplink that is not there: %v", err)
	}
	if keys, _ := d.Ours(t.Context()); len(keys) != 0 {
		t.Errorf("ours: %v", keys)
	}
}
