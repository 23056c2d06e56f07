//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/portsecurity"
	"weft/integration/timescale"
)

// bridgeTold: if a guest's frames are dropped, a bridge host warns and says why. It has no warnings about other guests. A hostile guest
// can fill only its own entry, and the entry is removed with the guest's device.
func bridgeTold(t *testing.T, st *stage) {
	told := newListener(t, st)
	told.ofNobody(t)
	told.ofForeignSource(t)
	told.ofTags(t)
	told.onceForMany(t)
	told.ofLinkLocalLimit(t)
	told.nothingAfterReplug(t)
}

// listener reads the warnings of the port security of a bridge host about its guests.
type listener struct {
	*stage
	security *portsecurity.Driver
	members  map[string]*object.PortSecurityElements // by device
}

func newListener(t *testing.T, st *stage) *listener {
	t.Helper()
	l := &listener{stage: st, members: map[string]*object.PortSecurityElements{}}
	for _, part := range st.driver.(*drivers).parts {
		if d, ok := part.(*portsecurity.Driver); ok {
			l.security = d
		}
	}
	objects, _ := st.compile(t)
	for _, o := range objects {
		if m, ok := o.(*object.PortSecurityElements); ok {
			l.members[m.Name] = m
		}
	}
	return l
}

// look is a sweep: port security reads its sets.
func (l *listener) look(t *testing.T) {
	t.Helper()
	if err := l.driver.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wants checks the warnings about guest a, and that there are none about other guests.
func (l *listener) wants(t *testing.T, when string, ofA ...object.WarningReason) {
	t.Helper()
	for device, want := range map[string][]object.WarningReason{"tapa": ofA, "tapb": nil, "tapc": nil} {
		var got []object.WarningReason
		for _, w := range l.security.Warnings(l.members[device]) {
			got = append(got, w.Reason)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: told of %s %v, want %v", when, device, got, want)
		}
	}
}

// noted is a set or map of port security's table as nft shows it.
func (l *listener) noted(t *testing.T, set string) string {
	t.Helper()
	kind := "set"
	if set == "foreign" {
		kind = "map"
	}
	out, err := exec.CommandContext(t.Context(), "ip", "netns", "exec", l.namespace, "nft", "list", kind, "bridge", "weft", set).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// frames is the counter of a device's element; -1 if it has none.
func (l *listener) frames(t *testing.T, set, device string) int {
	t.Helper()
	m := regexp.MustCompile(`"` + device + `"[^,}]* packets (\d+)`).FindStringSubmatch(l.noted(t, set))
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// says makes a guest send frames, and waits until the counter of the set has counted them.
func (l *listener) says(t *testing.T, g *guest, set string, frames ...[]byte) {
	t.Helper()
	device := "tap" + g.name
	want := max(l.frames(t, set, device), 0) + len(frames)
	for _, f := range frames {
		g.send(t, f)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	for {
		got := l.frames(t, set, device)
		if got == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("set %s counted %d frames of %s, want %d", set, got, device, want)
		case <-time.After(10 * time.Millisecond): // a counter has no events
		}
	}
}

// foreign are frames of a guest from n MACs that are not its own.
func foreign(g *guest, n int) (frames [][]byte) {
	for i := range n {
		frames = append(frames, arp(object.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}, 1, g.mac, g.v4, netip.AddrFrom4([4]byte{10, 1, 0, 98})))
	}
	return frames
}

func (l *listener) honest(t *testing.T) {
	t.Helper()
	good := eth(l.a.mac, l.b.mac, 0x0800, ipv4(l.a.v4, l.b.v4, 17, udp(5000, 5001, []byte("honest"))))
	l.try(t, attempt{"what a guest says from its own MAC", nil, good, atPeer})
}

// ofNobody: no warnings about guests that send only allowed frames or none, that are in standby, or that have no intent.
func (l *listener) ofNobody(t *testing.T) {
	for range 3 {
		for _, g := range []*guest{l.s, l.x} {
			for _, f := range foreign(g, 3) {
				g.send(t, f)
			}
		}
		l.honest(t)
		l.look(t)
		l.wants(t, "honest and quiet guests")
	}
	if has := l.noted(t, "foreign"); strings.Contains(has, "elements") {
		t.Errorf("noted of guests that did nothing: %s", has)
	}
	if macs := l.noted(t, "macs"); strings.Contains(macs, "counter") {
		t.Errorf("the frames of honest guests are counted: %s", macs)
	}
}

// ofForeignSource: a guest is warned about only if it sends with another MAC alone, not if it also uses its own.
func (l *listener) ofForeignSource(t *testing.T) {
	l.says(t, l.b, "foreign", foreign(l.b, 1)...)
	l.says(t, l.a, "foreign", foreign(l.a, 3)...)
	l.startToCount(t)
	l.wants(t, "once")
	l.says(t, l.a, "foreign", foreign(l.a, 3)...)
	l.look(t)
	l.wants(t, "twice")
	l.says(t, l.a, "foreign", foreign(l.a, 2)...)
	l.look(t)
	l.wants(t, "two frames more")
	l.says(t, l.a, "foreign", foreign(l.a, 1)...)
	l.look(t)
	l.wants(t, "thrice", object.WarnForeignSource)
	if w := l.security.Warnings(l.members["tapa"]); len(w) == 1 && (!strings.Contains(w[0].Message, l.a.mac.String()) ||
		!strings.Contains(w[0].Message, "first frame came from 02:00:00:00:00:00;")) {
		t.Errorf("%+v", w)
	}
	l.look(t)
	l.wants(t, "silent since", object.WarnForeignSource)
	l.honest(t)
	l.look(t)
	l.wants(t, "heard from its own MAC")
	for range 3 {
		l.says(t, l.a, "foreign", foreign(l.a, 4)...)
		l.honest(t)
		l.look(t)
		l.wants(t, "its own MAC and others")
	}
}

// startToCount is the first sweep after foreign frames. It replaces the guests' elements while b sends. None of b's frames is lost, and
// there is nothing to repair.
func (l *listener) startToCount(t *testing.T) {
	t.Helper()
	const many = 200
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(20*time.Second))
	defer cancel()
	l.a.drain()
	end := closing(l.b)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range many {
			l.b.send(t, eth(l.b.mac, l.a.mac, 0x0800, ipv4(l.b.v4, l.a.v4, 17, udp(5000, 5001, fmt.Appendf(nil, "all the while %d", i)))))
		}
		l.b.send(t, end)
	}()
	l.look(t)
	<-sent
	if got, err := l.a.until(ctx, end); err != nil || len(got) != many+1 {
		t.Errorf("%d of %d frames arrived: %v", len(got), many+1, err)
	}
	if macs := l.noted(t, "macs"); strings.Count(macs, "counter") != 2 {
		t.Errorf("the frames of two guests are to be counted: %s", macs)
	}
	objects, _ := l.compile(t)
	for _, c := range slices.Concat(l.difference(t, objects)...) {
		if c.Key().Kind == object.KindPortSecurityElements {
			t.Errorf("to be repaired: %s", c.Key())
		}
	}
}

// ofTags: tagged frames are dropped and warned about. Other frames that are not IP are not.
func (l *listener) ofTags(t *testing.T) {
	own := eth(l.a.mac, broadcast, 0x0800, ipv4(l.a.v4, all4, 17, udp(5000, 5001, []byte("tag"))))
	for range 2 {
		l.wants(t, "tags")
		l.says(t, l.a, "foreign", tagged(own, 0x8100, 0), tagged(own, 0x88a8, vidRed), tagged(own, 0x8100, vidRed))
		l.look(t)
	}
	l.wants(t, "nothing but tags", object.WarnForeignSource)
	l.says(t, l.a, "macs", snap(own))
	l.look(t)
	l.wants(t, "a frame with an LLC header")
}

// onceForMany: a guest with many MACs has one entry.
func (l *listener) onceForMany(t *testing.T) {
	l.says(t, l.a, "foreign", foreign(l.a, 300)...)
	if all := l.noted(t, "foreign"); strings.Count(all, `"tap`) != 2 || strings.Count(all, "expires") != 2 {
		t.Errorf("noted of guests a and b: %s", all)
	}
}

// claims is a frame of guest a from a link-local address of its choice.
func (l *listener) claims(n int) []byte {
	src := netip.MustParseAddr(fmt.Sprintf("fe80::1:%x", n))
	return eth(l.a.mac, l.b.mac, 0x86dd, ipv6(src, l.b.v6, 17, udp(7, 7, []byte{byte(n)})))
}

func (l *listener) ofLinkLocalLimit(t *testing.T) {
	for n := 1; n <= 8; n++ {
		l.try(t, attempt{"address within the bound", nil, l.claims(n), atPeer})
	}
	l.look(t)
	l.wants(t, "all addresses that it may have")
	for n := 9; n <= 12; n++ {
		l.try(t, attempt{"address beyond the bound", l.claims(n), l.claims(n - 8), atPeer})
	}
	l.look(t)
	l.wants(t, "one address more", object.WarnLinkLocalLimit)
	if limited := l.noted(t, "limited"); strings.Count(limited, `"tap`) != 1 {
		t.Errorf("noted of guest a: %s", limited)
	}
}

func (l *listener) nothingAfterReplug(t *testing.T) {
	device := l.links["tapa"]
	delete(l.links, "tapa")
	objects, _ := l.compile(t)
	l.apply(t, objects)
	for _, set := range []string{"foreign", "rate", "limited", "claimed", "macs"} {
		if has := l.noted(t, set); strings.Contains(has, `"tapa"`) {
			t.Errorf("set %s without the device: %s", set, has)
		}
	}
	if taken := l.noted(t, "taken"); strings.Contains(taken, "elements") {
		t.Errorf("addresses of nobody are taken: %s", taken)
	}
	if !strings.Contains(l.noted(t, "foreign"), `"tapb"`) {
		t.Error("what was noted of guest b went too")
	}
	l.links["tapa"] = device
	l.wants(t, "before it is back")
	l.converge(t)
	l.wants(t, "plugged anew")
	for n := 9; n <= 16; n++ {
		l.try(t, attempt{"address within the bound of another guest on the device", nil, l.claims(n), atPeer})
	}
	l.look(t)
	l.wants(t, "plugged anew")
}
