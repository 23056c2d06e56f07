//go:build integration

package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/integration/need"
	"weft/integration/vm/vmtest"
)

var otherMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}

// machineLimit is how long the tests of the driver may take in a virtual machine.
const machineLimit = 5 * time.Minute

// TestDriver runs the driver on the kernel's devices. If the machine's kernel lacks them, it runs in a virtual machine.
func TestDriver(t *testing.T) {
	t.Parallel()
	if vmtest.Inside(t, machineLimit, need.VLANDevice, need.VLANFiltering) {
		return
	}
	for name, test := range map[string]func(*testing.T){
		"bridges": bridgesAndPorts, "moves": anotherBridge, "vlans": vlanDevices, "drift": driftIsAnEvent, "refusals": refusals, "again": madeAgain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// bridgesAndPorts: what was made is read back, by any process. Nothing is left when it is removed.
func bridgesAndPorts(t *testing.T) {
	b := newTestbed(t)
	b.must(create(ourBridge()))
	b.same(ourBridge())
	for _, name := range []string{"tap1", "tap2", "uplink1"} {
		b.device(name)
	}
	guest, mute, uplink := guestPortOf("tap1", guestMAC, otherMAC), guestPortOf("tap2"), guestPortOf("uplink1")
	mute.Mute = true
	b.must(create(guest), create(mute), create(uplink))
	for _, p := range []*object.BridgePort{guest, mute, uplink} {
		b.same(p)
	}
	guest.MACs = []object.MAC{otherMAC}
	mute.Mute, uplink.Mute = false, true
	mute.MACs = []object.MAC{guestMAC}
	b.must(update(guest), update(mute), update(uplink))
	for _, p := range []*object.BridgePort{guest, mute, uplink} {
		b.same(p)
	}
	b.must(remove(guest), remove(mute))
	if o := b.observe(b.d, guest.Key()); o != nil {
		t.Errorf("taken out, and seen as %+v", o)
	}
	b.must(remove(ourBridge()))
	for _, k := range []object.Key{ourBridge().Key(), uplink.Key()} {
		if o := b.observe(b.d, k); o != nil {
			b.await(func(e object.Event) bool { return slices.Contains(e.Keys, k) && b.observe(b.d, k) == nil })
		}
	}
	if _, there := b.d.find("tap1"); !there {
		t.Error("a guest's device went with its place")
	}
	if ours, err := b.d.Ours(t.Context()); err != nil || len(ours) > 0 {
		t.Errorf("left is %v, %v", ours, err)
	}
}

// anotherBridge: a device moves from one bridge of ours to another.
func anotherBridge(t *testing.T) {
	b := newTestbed(t)
	second := ourBridge()
	second.Name, second.MAC[5] = "wfb2", 8
	b.must(create(ourBridge()), create(second))
	b.device("tap1")
	b.must(create(guestPortOf("tap1", guestMAC)))
	moved := guestPortOf("tap1", otherMAC)
	moved.Bridge = "wfb2"
	b.must(update(moved))
	b.same(moved)
}

// vlanDevices: a VLAN device is made again if its id or parent differs, and corrected otherwise. Its NIC is not changed.
func vlanDevices(t *testing.T) {
	b := newTestbed(t)
	b.device("eth1")
	b.device("eth2")
	vlan := &object.VLANDevice{OwnerUID: networkUID, Name: "wfv1", Parent: "eth1", ID: 101, MTU: 1400}
	if err := b.apply(create(vlan))[0]; !strings.Contains(fmt.Sprint(err), "set it up") {
		t.Errorf("on a NIC that is down: %v", err)
	}
	if nic, _ := b.d.find("eth1"); nic.Up || b.observe(b.d, vlan.Key()) != nil {
		t.Error("the NIC was set up, or what could not be finished was left")
	}
	b.run("ip", "link", "set", "eth1", "up")
	b.run("ip", "link", "set", "eth2", "up")
	b.must(create(vlan))
	b.same(vlan)
	index := func() int { l, _ := b.d.find("wfv1"); return l.Index }
	for _, c := range []struct {
		cmd   string
		anew  bool
		wants object.VLANDevice
	}{
		{"ip link set wfv1 down", false, *vlan},
		{"ip link set wfv1 mtu 1300", false, *vlan},
		{"ip link set wfv1 alias weft:another", false, *vlan},
		{"", true, object.VLANDevice{OwnerUID: networkUID, Name: "wfv1", Parent: "eth1", ID: 102, MTU: 1400}},
		{"", true, object.VLANDevice{OwnerUID: networkUID, Name: "wfv1", Parent: "eth2", ID: 102, MTU: 1400}},
		{"", false, object.VLANDevice{OwnerUID: networkUID, Name: "wfv1", Parent: "eth2", ID: 102, MTU: 1450}},
		{"ip link del wfv1", true, object.VLANDevice{OwnerUID: networkUID, Name: "wfv1", Parent: "eth2", ID: 102, MTU: 1450}},
	} {
		before := index()
		if c.cmd != "" {
			b.run(strings.Fields(c.cmd)...)
		}
		b.until(c.cmd, func() bool {
			have := b.observe(b.d, c.wants.Key())
			return have == nil || len(c.wants.Diff(have)) > 0
		})
		b.must(update(&c.wants))
		b.same(&c.wants)
		if anew := index() != before; anew != c.anew {
			t.Errorf("%q, %+v: made anew: %v", c.cmd, c.wants, anew)
		}
	}
	too := &object.VLANDevice{OwnerUID: networkUID, Name: "wfv2", Parent: "eth2", ID: 102, MTU: 1400}
	if err := b.apply(create(too))[0]; !strings.Contains(fmt.Sprint(err), "create VLAN 102 on eth2") {
		t.Errorf("two of the same id: %v", err)
	}
	b.must(remove(vlan))
	if o := b.observe(b.d, vlan.Key()); o != nil {
		t.Errorf("removed, and seen as %+v", o)
	}
	if _, there := b.d.find("eth2"); !there {
		t.Error("the NIC went")
	}
}

// driftIsAnEvent: if somebody changes any setting that Weft fixes, that is seen and corrected.
func driftIsAnEvent(t *testing.T) {
	b := newTestbed(t)
	guest, uplink := guestPortOf("tap1", guestMAC), guestPortOf("uplink1")
	b.must(create(ourBridge()))
	b.device("tap1")
	b.device("uplink1")
	b.must(create(guest), create(uplink))
	bridge := ourBridge()
	for _, c := range []struct {
		want object.Object
		cmd  string
	}{
		{bridge, "ip link set wfb1 down"},
		{bridge, "ip link set wfb1 mtu 1300"},
		{bridge, "ip link set wfb1 address 02:00:00:00:00:77"},
		{bridge, "ip link set wfb1 alias weft:another"},
		{bridge, "ip link set wfb1 type bridge stp_state 1"},
		{bridge, "ip link set wfb1 type bridge forward_delay 500"},
		{bridge, "ip link set wfb1 type bridge mcast_snooping 1"},
		{bridge, "ip link set wfb1 type bridge vlan_filtering 1"},
		{guest, "bridge link set dev tap1 learning on"},
		{guest, "bridge link set dev tap1 flood on"},
		{guest, "bridge link set dev tap1 mcast_flood off"},
		{guest, "bridge link set dev tap1 bcast_flood off"},
		{guest, "bridge link set dev tap1 hairpin on"},
		{guest, "bridge link set dev tap1 isolated on"},
		{guest, "bridge fdb del fa:16:3e:00:00:01 dev tap1 master"},
		{guest, "bridge fdb add fa:16:3e:00:00:02 dev tap1 master static"},
		{guest, "ip link set tap1 nomaster"},
		{uplink, "bridge link set dev uplink1 learning off"},
		{uplink, "bridge link set dev uplink1 flood off"},
		{uplink, "bridge fdb add fa:16:3e:00:00:05 dev uplink1 master static"},
	} {
		b.run(strings.Fields(c.cmd)...)
		differs := func() bool {
			have := b.observe(b.d, c.want.Key())
			return have == nil || len(c.want.Diff(have)) > 0
		}
		b.until(c.cmd, differs)
		b.must(update(c.want))
		b.same(c.want)
	}
}

// refusals: foreign things stay as they are. Missing things are reported.
func refusals(t *testing.T) {
	b := newTestbed(t)
	b.run("ip", "link", "add", "virbr0", "type", "bridge")
	b.run("ip", "link", "add", "wfb1", "type", "bridge")
	b.run("ip", "link", "add", "wfb2", "type", "dummy")
	b.run("ip", "link", "set", "wfb2", "alias", "weft:x")
	b.run("ip", "link", "add", "vnet0", "type", "dummy")
	b.run("ip", "link", "set", "vnet0", "master", "virbr0")
	b.run("ip", "link", "add", "tap1", "type", "dummy")
	b.sync(b.d)
	named := func(name string) *object.LinuxBridge { o := ourBridge(); o.Name = name; return o }
	in := func(device, bridge string) *object.BridgePort {
		return &object.BridgePort{Device: device, Bridge: bridge}
	}
	b.must(create(named("wfb3")))
	for _, c := range []struct {
		want object.Object
		text string
	}{
		{named("wfb1"), "is not Weft's"},
		{named("wfb2"), "a dummy of that name"},
		{in("vnet0", "wfb3"), "enslaved to virbr0, which is not Weft's"},
		{in("tap1", "virbr0"), "bridge virbr0"},
		{in("tap1", "wfb9"), "bridge wfb9 does not exist"},
		{in("tap9", "wfb3"), "no such device"},
		{&object.VLANDevice{OwnerUID: networkUID, Name: "wfv1", Parent: "eth9", ID: 5}, "device eth9 does not exist"},
		{&object.VLANDevice{OwnerUID: networkUID, Name: "virbr0", Parent: "tap1", ID: 5}, "is not Weft's"},
		{&object.VLANDevice{OwnerUID: networkUID, Name: "wfb3", Parent: "tap1", ID: 5}, "a bridge of that name"},
		{&object.Link{Name: "tap1"}, "not a kind of the bridge driver"},
	} {
		if err := b.apply(create(c.want))[0]; !strings.Contains(fmt.Sprint(err), c.text) || !strings.Contains(fmt.Sprint(err), c.want.Key().String()) {
			t.Errorf("%s: %v, expected %q", c.want.Key(), err, c.text)
		}
	}
	for _, o := range []object.Object{named("wfb1"), named("virbr0"), in("vnet0", "virbr0"), named("none")} {
		b.must(remove(o)) // not ours: nothing to remove
	}
	b.sync(b.d)
	for name, master := range map[string]string{"virbr0": "", "wfb1": "", "vnet0": "virbr0"} {
		b.d.look(func(v cache) {
			if l, there := v.Named(name); !there || v.name(l.Master) != master {
				t.Errorf("%s: there %v, enslaved to %q", name, there, v.name(l.Master))
			}
		})
	}
}

// madeAgain: the entries of a guest whose device was removed are not taken for those of the next guest.
func madeAgain(t *testing.T) {
	b := newTestbed(t)
	b.device("tap1")
	b.must(create(ourBridge()), create(guestPortOf("tap1", guestMAC)))
	b.run("ip", "link", "del", "tap1")
	b.until("tap1 goes", func() bool { return b.observe(b.d, guestPortOf("tap1").Key()) == nil })
	b.device("tap1")
	b.must(create(guestPortOf("tap1", guestMAC)))
	b.same(guestPortOf("tap1", guestMAC))
}
