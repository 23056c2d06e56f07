package rtnl

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

func TestRoutesAreTold(t *testing.T) {
	t.Parallel()
	v := newCache()
	if got := v.setRoutes(routeLinks{defaults: map[int]bool{9: true}}); !slices.Equal(got, []int{9}) || !v.carriesRoute(9) || v.carriesRoute(7) {
		t.Errorf("a default route: %v", got)
	}
	if got := v.setRoutes(routeLinks{defaults: map[int]bool{9: true}}); len(got) != 0 {
		t.Errorf("same routes: %v", got)
	}
	got := v.setRoutes(routeLinks{etcd: map[int]bool{7: true}})
	if slices.Sort(got); !slices.Equal(slices.Compact(got), []int{7, 9}) {
		t.Errorf("other routes: %v", got)
	}
}

// TestSeen: what only the drivers of Open vSwitch and bridges compare wakes nobody here.
func TestSeen(t *testing.T) {
	t.Parallel()
	was := own.Link{Index: 2, Name: "tap1", Alias: "somebody's", MTU: 1500}
	for name, c := range map[string]struct {
		change func(*own.Link)
		wakes  bool
	}{
		"promiscuous":    {func(l *own.Link) { l.Promiscuous = true }, false},
		"another's text": {func(l *own.Link) { l.Alias = "another's" }, false},
		"a port's":       {func(l *own.Link) { l.Port.Learning = true }, false},
		"a program":      {func(l *own.Link) { l.XDP = 7 }, false},
		"ours":           {func(l *own.Link) { l.Alias = object.AliasPrefix + "net" }, true},
		"mtu":            {func(l *own.Link) { l.MTU = 1400 }, true},
		"up":             {func(l *own.Link) { l.Up = true }, true},
		"master":         {func(l *own.Link) { l.Master = 3 }, true},
		"another name":   {func(l *own.Link) { l.AltNames = "enp1s0" }, true},
	} {
		is := was
		c.change(&is)
		if got := seen(was) != seen(is); got != c.wakes {
			t.Errorf("%s wakes: %v", name, got)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	v := newCache()
	bond := own.Link{Index: 3, Name: "bond0", Kind: "bond", Alias: object.AliasPrefix + "net"}
	eth := own.Link{Index: 2, Name: "eth0", MAC: object.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Up: true, Master: 3}
	address := netip.MustParsePrefix("192.0.2.1/24")
	cache := own.NewCache([]own.Link{eth, bond}, map[int][]netip.Prefix{2: {address, netip.MustParsePrefix("fe80::1/64")}})
	v.setRoutes(routeLinks{defaults: map[int]bool{2: true}, etcd: map[int]bool{3: true}})
	var got object.Facts
	v.facts(cache, &got)
	want := map[string]object.LinkFacts{
		"eth0": {Index: 2, Kind: "device", MAC: object.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Up: true, Master: "bond0", MasterOwner: "net",
			Addresses: []netip.Prefix{address}, DefaultRoute: true},
		"bond0": {Index: 3, Kind: "bond", EtcdRoute: true},
	}
	samePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if d := cmp.Diff(want, got.Links, samePrefix); d != "" {
		t.Error(d)
	}
	cache = own.NewCache([]own.Link{eth}, nil)
	v.deviceFacts(cache, []string{"eth0", "bond0"}, &got)
	var whole object.Facts
	v.facts(cache, &whole)
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
		b := make([]byte, own.RouteHeader)
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

func TestParseQdisc(t *testing.T) {
	t.Parallel()
	message := func(parent, handle uint32) syscall.NetlinkMessage {
		data := make([]byte, own.QdiscHeader)
		binary.NativeEndian.PutUint32(data[4:], 7)
		binary.NativeEndian.PutUint32(data[8:], handle)
		binary.NativeEndian.PutUint32(data[12:], parent)
		return syscall.NetlinkMessage{Data: append(data, attribute(1, []byte("tbf\x00")...)...)}
	}
	got, ok, err := parseQdisc(message(uint32(hookRoot), 0x80010000))
	if want := (qdiscMessage{index: 7, hook: hookRoot, handle: 0x80010000, kind: "tbf"}); err != nil || !ok || got != want {
		t.Errorf("parseQdisc = %+v, %v, %v; want %+v", got, ok, err, want)
	}
	if _, ok, _ = parseQdisc(message(0x10001, 0)); ok {
		t.Error("a leaf was taken for a root")
	}
}
