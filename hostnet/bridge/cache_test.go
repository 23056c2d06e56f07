package bridge

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

var guestMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

// town is a namespace with a bridge of ours with three ports, and a foreign bridge with one. The link with the given index is
// changed first.
func town(index int, change func(*own.Link)) cache {
	links := []own.Link{
		{Index: 1, Name: "eth1", MTU: 9000, Up: true},
		{Index: 2, Name: "wfb1", Kind: "bridge", Alias: "weft:net", MTU: 1500, Up: true},
		{Index: 3, Name: "wfv1", Kind: "vlan", Alias: "weft:net", Parent: 1, VLAN: 101, MTU: 1500, Up: true, Master: 2, Port: uplinkPort},
		{Index: 4, Name: "tap1", Kind: "tun", Master: 2, Up: true, Port: guestPort},
		{Index: 5, Name: "tap2", Kind: "tun", Master: 2, Up: true, Port: mutePort},
		{Index: 6, Name: "virbr0", Kind: "bridge", Up: true},
		{Index: 7, Name: "vnet0", Kind: "tun", Master: 6, Up: true, Port: uplinkPort},
	}
	if change != nil {
		change(&links[index-1])
	}
	return cache{own.NewCache(links, nil), entries{4: {guestMAC: true}}}
}

func diff(t *testing.T, v cache, want object.Object) []object.Difference {
	t.Helper()
	o := v.object(want.Key())
	if o == nil {
		t.Fatalf("%s is not seen", want.Key())
	}
	return want.Diff(o)
}

func TestCacheShowsWhatIsOurs(t *testing.T) {
	t.Parallel()
	v := town(0, nil)
	for _, want := range []object.Object{
		&object.VLANDevice{OwnerUID: "net", Name: "wfv1", Parent: "eth1", ID: 101, MTU: 1500},
		&object.LinuxBridge{OwnerUID: "net", Name: "wfb1", MTU: 1500},
		&object.BridgePort{Device: "wfv1", Bridge: "wfb1"},
		&object.BridgePort{Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}},
		&object.BridgePort{Device: "tap2", Bridge: "wfb1", Mute: true},
	} {
		if d := diff(t, v, want); len(d) > 0 {
			t.Errorf("%s differs: %v", want.Key(), d)
		}
	}
	for _, k := range slices.Concat(keysOf("eth1"), keysOf("virbr0"), keysOf("vnet0"), keysOf("none")) {
		if o := v.object(k); o != nil {
			t.Errorf("%s is taken for ours: %+v", k, o)
		}
	}
}

func TestCacheShowsDrift(t *testing.T) {
	t.Parallel()
	ours := &object.LinuxBridge{OwnerUID: "net", Name: "wfb1", MTU: 1500}
	for name, c := range map[string]struct {
		cache cache
		want  object.Object
	}{
		"spanning tree": {town(2, func(l *own.Link) { l.Bridge.SpanningTree = true }), ours},
		"bridge down":   {town(2, func(l *own.Link) { l.Up = false }), ours},
		"vlan down": {town(3, func(l *own.Link) { l.Up = false }),
			&object.VLANDevice{OwnerUID: "net", Name: "wfv1", Parent: "eth1", ID: 101, MTU: 1500}},
		"guest learns": {town(4, func(l *own.Link) { l.Port.Learning = true }),
			&object.BridgePort{Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}}},
		"guest does not learn": {town(0, nil), &object.BridgePort{Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}, Learns: true}},
		"entry gone":           {cache{town(0, nil).Cache, entries{}}, &object.BridgePort{Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}}},
		"entry too many": {cache{town(0, nil).Cache, entries{5: {guestMAC: true}}},
			&object.BridgePort{Device: "tap2", Bridge: "wfb1", Mute: true}},
	} {
		if d := diff(t, c.cache, c.want); len(d) == 0 {
			t.Errorf("%s is no difference", name)
		}
	}
}

// TestParseEntry: only entries that somebody added count, not those that were learned or are a port's own.
func TestParseEntry(t *testing.T) {
	t.Parallel()
	message := func(family byte, state uint16) []byte {
		m := make([]byte, own.NeighborHeader)
		m[0] = family
		binary.NativeEndian.PutUint32(m[4:], 4)
		binary.NativeEndian.PutUint16(m[8:], state)
		m = append(m, 10, 0, unix.NDA_LLADDR, 0)
		m = append(append(m, guestMAC[:]...), 0, 0)
		return append(m, 8, 0, unix.NDA_MASTER, 0, 2, 0, 0, 0)
	}
	if e, ok, err := parseEntry(message(unix.AF_BRIDGE, unix.NUD_NOARP)); err != nil || !ok || e != (entry{4, guestMAC}) {
		t.Errorf("read %v, %v, error %v", e, ok, err)
	}
	for _, m := range [][]byte{message(unix.AF_BRIDGE, unix.NUD_PERMANENT), message(unix.AF_BRIDGE, unix.NUD_REACHABLE), message(unix.AF_INET, unix.NUD_NOARP)} {
		if _, ok, err := parseEntry(m); ok || err != nil {
			t.Errorf("% x is an entry: %v, error %v", m, ok, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok, err := parseEntry(data); ok && err != nil {
			t.Error("an entry with an error")
		}
	})
}
