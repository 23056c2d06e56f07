package bridge

import (
	"encoding/binary"
	"slices"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

var guestMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

// town is a namespace with a bridge of ours with three ports, and one of somebody else's with one.
func town() *view {
	v := newView()
	for _, l := range []link{
		{index: 1, name: "eth1", kind: "", mtu: 9000, up: true},
		{index: 2, name: "wfb1", kind: "bridge", alias: "weft:net", mtu: 1500, up: true},
		{index: 3, name: "wfv1", kind: "vlan", alias: "weft:net", parent: 1, vlanID: 101, mtu: 1500, up: true, master: 2, port: wirePort},
		{index: 4, name: "tap1", kind: "tuntap", master: 2, up: true, port: guestPort},
		{index: 5, name: "tap2", kind: "tuntap", master: 2, up: true, port: mutePort},
		{index: 6, name: "virbr0", kind: "bridge", up: true},
		{index: 7, name: "vnet0", kind: "tuntap", master: 6, up: true, port: wirePort},
	} {
		v.setLink(l)
	}
	v.setEntry(entry{4, guestMAC}, true)
	return v
}

func diff(t *testing.T, v *view, want object.Object) []object.Difference {
	t.Helper()
	o := v.object(want.Key())
	if o == nil {
		t.Fatalf("%s is not seen", want.Key())
	}
	return want.Diff(o)
}

func TestViewSeesWhatIsOurs(t *testing.T) {
	t.Parallel()
	v := town()
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

func TestViewSeesDrift(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*view)
		want   object.Object
	}{
		"spanning tree": {func(v *view) { l := v.links[2]; l.bridge.stp = true; v.setLink(l) },
			&object.LinuxBridge{OwnerUID: "net", Name: "wfb1", MTU: 1500}},
		"bridge down": {func(v *view) { l := v.links[2]; l.up = false; v.setLink(l) },
			&object.LinuxBridge{OwnerUID: "net", Name: "wfb1", MTU: 1500}},
		"vlan down": {func(v *view) { l := v.links[3]; l.up = false; v.setLink(l) },
			&object.VLANDevice{OwnerUID: "net", Name: "wfv1", Parent: "eth1", ID: 101, MTU: 1500}},
		"guest learns": {func(v *view) { l := v.links[4]; l.port.learning = true; v.setLink(l) },
			&object.BridgePort{Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}}},
		"entry gone": {func(v *view) { v.setEntry(entry{4, guestMAC}, false) },
			&object.BridgePort{Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}}},
		"entry too many": {func(v *view) { v.setEntry(entry{5, guestMAC}, true) },
			&object.BridgePort{Device: "tap2", Bridge: "wfb1", Mute: true}},
	} {
		v := town()
		c.change(v)
		if d := diff(t, v, c.want); len(d) == 0 {
			t.Errorf("%s is no difference", name)
		}
	}
}

func TestViewForgets(t *testing.T) {
	t.Parallel()
	v := town()
	if names := v.setLink(link{index: 4, name: "tap9", kind: "tuntap", master: 2, port: guestPort}); !slices.Equal(names, []string{"tap9", "tap1"}) {
		t.Errorf("a rename changes %v", names)
	}
	if names := v.deleteLink(4); !slices.Equal(names, []string{"tap9"}) || v.deleteLink(4) != nil {
		t.Errorf("a deletion changes %v", names)
	}
	if len(v.entries[4]) != 0 {
		t.Error("the entries of a deleted port stay")
	}
}

// TestPortMessage: what the kernel tells of a port's settings, in the family of bridges, is a change of that port, once; of
// what it does not mention nothing is known anew.
func TestPortMessage(t *testing.T) {
	t.Parallel()
	message := make([]byte, ifInfoMsgSize)
	message[0] = unix.AF_BRIDGE
	binary.NativeEndian.PutUint32(message[4:], 4)
	message = append(message, 12, 0, unix.IFLA_PROTINFO, unix.NLA_F_NESTED>>8, 5, 0, nl.IFLA_BRPORT_LEARNING, 0, 1, 0, 0, 0)
	d := &Driver{view: town()}
	told := syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: unix.RTM_NEWLINK}, Data: message}
	want := guestPort
	want.learning = true
	names, err := d.absorbOne(told)
	if err != nil || !slices.Equal(names, []string{"tap1"}) || d.view.links[4].port != want {
		t.Errorf("changed %v, port %+v, error %v", names, d.view.links[4].port, err)
	}
	if names, err := d.absorbOne(told); err != nil || names != nil {
		t.Errorf("said again, it changes %v, error %v", names, err)
	}
	told.Header.Type = unix.RTM_DELLINK
	if names, err := d.absorbOne(told); err != nil || names != nil || d.view.links[4].name == "" {
		t.Errorf("a port that left its bridge changes %v, error %v", names, err)
	}
	told.Header.Type, told.Data = unix.RTM_NEWLINK, message[:3]
	if _, err := d.absorbOne(told); err == nil {
		t.Error("three bytes were read")
	}
}

// TestParseEntry: only entries that somebody made count, not those that were learnt or are a port's own.
func TestParseEntry(t *testing.T) {
	t.Parallel()
	message := func(family byte, state uint16) []byte {
		m := make([]byte, ndMsgSize)
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
		if l, err := parseLink(data); err == nil && l.index == 0 && len(data) < ifInfoMsgSize {
			t.Error("a link was read from too few bytes")
		}
		if _, ok, err := parseEntry(data); ok && err != nil {
			t.Error("an entry with an error")
		}
	})
}
