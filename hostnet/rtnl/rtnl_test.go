package rtnl

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

func TestDumpRepeatsWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	calls := 0
	got, err := dump(t.Context(), "links", func() ([]int, error) {
		calls++
		if calls < 3 {
			return []int{1}, netlink.ErrDumpInterrupted
		}
		return []int{1, 2}, nil
	})
	if err != nil || len(got) != 2 {
		t.Fatalf("dump = %v, %v; want the complete list", got, err)
	}
	_, err = dump(t.Context(), "links", func() ([]int, error) { return []int{1}, netlink.ErrDumpInterrupted })
	if err == nil {
		t.Fatal("a dump that is always interrupted was taken for complete")
	}
	boom := errors.New("boom")
	if _, err = dump(t.Context(), "links", func() ([]int, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Fatalf("err = %v, want it to wrap boom", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = dump(ctx, "links", func() ([]int, error) { return nil, nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want it to end with the context", err)
	}
}

func TestViewReportsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	v := newView()
	a := linkState{index: 7, name: "tap1", mtu: 1500}
	check := func(step string, got []string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", step, d)
		}
	}
	check("new link", v.setLink(a), "tap1")
	check("same link", v.setLink(a))
	a.up = true
	check("link came up", v.setLink(a), "tap1")
	a.name = "tap2"
	check("renamed", v.setLink(a), "tap2", "tap1")
	again := linkState{index: 9, name: "tap2", mtu: 1500}
	check("same name, new index, before the old one is said to be gone", v.setLink(again), "tap2")
	check("the old one gone", v.deleteLink(7), "tap2")
	if l, _, ok := v.link("tap2"); !ok || l.index != 9 {
		t.Errorf("tap2 is %+v, %v; want the new one", l, ok)
	}
	check("unknown link gone", v.deleteLink(7))
	check("default route", v.setRoads(roads{defaults: map[int]bool{9: true}}), "tap2")
	check("same roads", v.setRoads(roads{defaults: map[int]bool{9: true}}))
}

func TestReplaceNamesEveryDifference(t *testing.T) {
	t.Parallel()
	fill := func(links ...linkState) *view {
		v := newView()
		for _, l := range links {
			v.setLink(l)
		}
		return v
	}
	gone, same, changed, made := linkState{index: 1, name: "gone"}, linkState{index: 2, name: "same"},
		linkState{index: 3, name: "changed"}, linkState{index: 4, name: "made"}
	v := fill(gone, same, changed)
	changed.mtu = 9000
	fresh := fill(same, changed, made)
	fresh.setQdisc(2, hookRoot, "tbf")
	if d := cmp.Diff([]string{"changed", "gone", "made", "same"}, v.replace(fresh)); d != "" {
		t.Error(d)
	}
	if got := v.replace(fresh); len(got) != 0 {
		t.Errorf("replacing by the same names %v", got)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	v := newView()
	v.setLink(linkState{index: 2, name: "eth0", mac: object.MAC{2, 0, 0, 0, 0, 1}, mtu: 1500, up: true, master: 3})
	v.setLink(linkState{index: 3, name: "bond0", kind: "bond", owner: "net"})
	v.setAddress(addressKey{2, netip.MustParsePrefix("192.0.2.1/24")}, true)
	v.setAddress(addressKey{2, netip.MustParsePrefix("fe80::1/64")}, true)
	v.setRoads(roads{defaults: map[int]bool{2: true}, etcd: map[int]bool{3: true}})
	var got object.Facts
	v.facts(&got)
	want := map[string]object.LinkFacts{
		"eth0": {Index: 2, MAC: object.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Up: true, Master: "bond0", MasterOwner: "net",
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, DefaultRoute: true},
		"bond0": {Index: 3, Kind: "bond", EtcdRoute: true},
	}
	samePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if d := cmp.Diff(want, got.Links, samePrefix); d != "" {
		t.Error(d)
	}
	v.deleteLink(3)
	v.setAddress(addressKey{2, netip.MustParsePrefix("192.0.2.1/24")}, false)
	v.deviceFacts([]string{"eth0", "bond0"}, &got)
	var whole object.Facts
	v.facts(&whole)
	if d := cmp.Diff(whole, got, samePrefix); d != "" || len(got.Links) != 1 || len(got.Links["eth0"].Addresses) != 0 {
		t.Errorf("facts of single devices differ from the whole: %s", d)
	}
}

// attribute encodes one route attribute.
func attribute(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestRouteMatters(t *testing.T) {
	t.Parallel()
	route := func(bits, table, kind byte, attributes ...[]byte) []byte {
		b := make([]byte, rtMsgSize)
		b[1], b[4], b[7] = bits, table, kind
		for _, a := range attributes {
			b = append(b, a...)
		}
		return b
	}
	linkLocal := netip.MustParseAddr("fe80::").AsSlice()
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"default":             {route(0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST), true},
		"connected":           {route(24, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, attribute(unix.RTA_DST, 192, 0, 2, 0)), true},
		"local table":         {route(32, unix.RT_TABLE_LOCAL, unix.RTN_LOCAL, attribute(unix.RTA_DST, 192, 0, 2, 1)), false},
		"link-local":          {route(64, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, attribute(unix.RTA_DST, linkLocal...)), false},
		"short, to be safe":   {nil, true},
		"garbled, to be safe": {append(route(64, unix.RT_TABLE_MAIN, unix.RTN_UNICAST), 1, 0, 1, 0), true},
	} {
		if got := routeMatters(syscall.NetlinkMessage{Data: c.data}); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestParseAddressPrefersTheLocalOne(t *testing.T) {
	t.Parallel()
	data := make([]byte, ifAddrMsgSize)
	data[1] = 30
	binary.NativeEndian.PutUint32(data[4:], 7)
	data = append(data, attribute(unix.IFA_ADDRESS, 192, 0, 2, 2)...) // the peer
	data = append(data, attribute(unix.IFA_LOCAL, 192, 0, 2, 1)...)
	got, err := parseAddress(syscall.NetlinkMessage{Data: data})
	if want := (addressKey{7, netip.MustParsePrefix("192.0.2.1/30")}); err != nil || got != want {
		t.Errorf("parseAddress = %v, %v; want %v", got, err, want)
	}
	for n := range data {
		_, _ = parseAddress(syscall.NetlinkMessage{Data: data[:n]}) // never panics
	}
}

func TestParseQdisc(t *testing.T) {
	t.Parallel()
	message := func(parent, handle uint32) syscall.NetlinkMessage {
		data := make([]byte, tcMsgSize)
		binary.NativeEndian.PutUint32(data[4:], 7)
		binary.NativeEndian.PutUint32(data[8:], handle)
		binary.NativeEndian.PutUint32(data[12:], parent)
		return syscall.NetlinkMessage{Data: append(data, attribute(1, []byte("tbf\x00")...)...)}
	}
	got, ok, err := parseQdisc(message(uint32(hookRoot), 0x80010000))
	if want := (qdiscMessage{7, hookRoot, 0x80010000, "tbf"}); err != nil || !ok || got != want {
		t.Errorf("parseQdisc = %+v, %v, %v; want %+v", got, ok, err, want)
	}
	if _, ok, _ = parseQdisc(message(0x10001, 0)); ok {
		t.Error("a leaf was taken for a root")
	}
}

func TestApplyRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	d := &Driver{view: newView()}
	d.view.setLink(linkState{index: 1, name: "tap1"})
	for name, c := range map[string]object.Change{
		"device that is not there": {Op: object.Create, Desired: &object.Link{Name: "tap2"}},
		"a limit":                  {Op: object.Update, Desired: &object.Qdisc{Device: "tap1", Root: "tbf"}},
	} {
		if err := d.apply(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := d.apply(object.Change{Op: object.Delete, Observed: &object.Link{Name: "tap1"}}); err != nil {
		t.Errorf("managing a device no longer: %v", err)
	}
}
