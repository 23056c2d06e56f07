package fake

import (
	"context"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// heard collects what a driver tells from now on until the test ends.
func facts(h *Host) (f object.Facts) {
	for _, d := range h.Drivers() {
		d.Facts(&f)
	}
	return f
}

func ovsDriver(h *Host) *Driver { return driverOf(h, object.KindOVSPort) }

// TestAHypervisorsPort: it appears with its iface-id, is adopted and given back, and goes with its guest.
func TestAHypervisorsPort(t *testing.T) {
	t.Parallel()
	h := New()
	must(t, h, create(&object.Bridge{OwnerUID: "h", Name: "br-int"}))
	take, takeLinks := heard(t, ovsDriver(h)), heard(t, driverOf(h, object.KindLink))
	h.PlugOVS("br-int", "vnet7", "if-7")
	if e := take(); names(e.Keys) != "ovs-port/vnet7" || !slices.Equal(e.Devices, []string{"vnet7"}) {
		t.Errorf("plugged: %+v", e)
	}
	if e := takeLinks(); names(e.Keys) != "link/vnet7 qdisc/vnet7" || !slices.Equal(e.Devices, []string{"vnet7"}) {
		t.Errorf("plugged: %+v", e)
	}
	i := facts(h).Interfaces["vnet7"]
	if i.OFPort == 0 || i.Row == "" || i.Bridge != "br-int" || i.InterfaceID != "if-7" || i.Created || i.OwnerUID != "" {
		t.Errorf("its facts are %+v", i)
	}
	mine := &object.OVSPort{OwnerUID: "p", Bridge: "br-int", Device: "vnet7", Adopted: true, InterfaceID: "if-7", Tag: object.DeadVLAN}
	must(t, h, object.Change{Op: object.Update, Desired: mine, Observed: observe(t, h, mine.Key())})
	holds(t, h, mine, true)
	if f := facts(h).Interfaces["vnet7"]; f.OwnerUID != "p" || f.Created || f.OFPort != i.OFPort {
		t.Errorf("adopted: %+v", f)
	}
	h.Attach("vnet7", "fa:16:3e:00:00:07")
	if e := take(); !slices.Equal(e.Devices, []string{"vnet7"}) || facts(h).Interfaces["vnet7"].AttachedMAC != "fa:16:3e:00:00:07" {
		t.Errorf("attached: %+v", e)
	}
	must(t, h, object.Change{Op: object.Delete, Observed: mine})
	back, is := observe(t, h, mine.Key()).(*object.OVSPort)
	if !is || back.OwnerUID != "" || back.Tag != 0 || back.InterfaceID != "if-7" || facts(h).Interfaces["vnet7"].OwnerUID != "" {
		t.Errorf("given back: %+v, %+v", back, facts(h).Interfaces["vnet7"])
	}
	take()
	h.UnplugOVS("vnet7")
	f := facts(h)
	_, link := f.Links["vnet7"]
	if _, port := f.Interfaces["vnet7"]; link || port || observe(t, h, mine.Key()) != nil {
		t.Errorf("the guest has ended, and there are %+v", f)
	}
	if e := take(); names(e.Keys) != "ovs-port/vnet7" || !slices.Equal(e.Devices, []string{"vnet7"}) {
		t.Errorf("unplugged: %+v", e)
	}
	h.PlugOVS("br-int", "vnet7", "if-7")
	if again := facts(h).Interfaces["vnet7"]; again.Row == i.Row || again.OFPort == i.OFPort {
		t.Errorf("plugged again it is the same: %+v", again)
	}
	h.Attach("tap9", "x") // no interface
	must(t, h, create(&object.OVSPort{OwnerUID: "q", Bridge: "br-int", Device: "tap8"}))
	if h.Attach("tap8", "x"); facts(h).Interfaces["tap8"].AttachedMAC != "" {
		t.Error("nobody but Weft writes on what Weft made")
	}
}

// TestNumbersComeLate: a port has its number when its netdev is there, at once or when the test says so.
func TestNumbersComeLate(t *testing.T) {
	t.Parallel()
	h := New()
	number := func(device string) uint32 { return facts(h).Interfaces[device].OFPort }
	must(t, h, create(&object.Bridge{OwnerUID: "h", Name: "br-int"}))
	port := func(device string) object.Change {
		return create(&object.OVSPort{OwnerUID: "p", Bridge: "br-int", Device: device})
	}
	h.Plug("tap1")
	must(t, h, port("tap1"))
	must(t, h, port("tap2"))
	if number("tap1") == 0 || number("tap2") != 0 {
		t.Errorf("a port with a netdev has number %d, one without %d", number("tap1"), number("tap2"))
	}
	h.Plug("tap2")
	if number("tap2") == 0 || number("tap2") == number("tap1") {
		t.Errorf("after its netdev came it has number %d", number("tap2"))
	}
	before := number("tap1")
	h.Unplug("tap1")
	if i := facts(h).Interfaces["tap1"]; i.OFPort != 0 || !strings.Contains(i.Error, "could not open network device tap1") {
		t.Errorf("without its netdev: %+v", i)
	}
	h.LateOFPorts(true)
	h.Plug("tap1")
	if number("tap1") != 0 {
		t.Error("it has a number already")
	}
	take := heard(t, ovsDriver(h))
	h.GiveOFPorts()
	if i := facts(h).Interfaces["tap1"]; i.OFPort == 0 || i.OFPort == before || i.Error != "" {
		t.Errorf("given its number: %+v", i)
	}
	if e := take(); !slices.Equal(e.Devices, []string{"tap1"}) || e.Resync {
		t.Errorf("given its number: %+v", e)
	}
	must(t, h, create(&object.FlowSet{OwnerUID: "p", Bridge: "br-int", Cookie: 1, Flows: []object.Flow{{Match: object.Match{InPort: number("tap1")}}}}))
	old := []uint32{number("tap1"), number("tap2")}
	h.RestartSwitch()
	if e := take(); !e.Resync || slices.Contains(old, number("tap1")) || slices.Contains(old, number("tap2")) || number("tap1") == number("tap2") {
		t.Errorf("the switch restarted: %+v, numbers %d and %d", e, number("tap1"), number("tap2"))
	}
	if h.has(object.KindFlowSet, object.FlowSetName("br-int", 1)) {
		t.Error("flows outlive the switch")
	}
	if !h.has(object.KindOVSPort, "tap1") {
		t.Error("a port is lost with the switch")
	}
}

// TestAVanishingDevice takes what is on it along, and the order that found out fails.
func TestAVanishingDevice(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	take := heard(t, driverOf(h, object.KindLink))
	h.Vanishing("tap1")
	d := driverOf(h, object.KindLink)
	change := object.Change{Op: object.Update, Desired: &object.Link{OwnerUID: "p", Name: "tap1", MTU: 1400}, Observed: &object.Link{Name: "tap1"}}
	if err := d.Apply(context.Background(), []object.Change{change})[0]; err == nil || !strings.Contains(err.Error(), "no such device") {
		t.Errorf("error %v", err)
	}
	if o := observe(t, h, change.Key()); o != nil {
		t.Errorf("the driver still shows %+v", o)
	}
	if e := take(); names(e.Keys) != "qdisc/tap1" {
		t.Errorf("what went along is told as %q", names(e.Keys))
	}
	h.Plug("tap1")
	if err := d.Apply(context.Background(), []object.Change{change})[0]; err != nil {
		t.Errorf("it vanishes once: %v", err)
	}
	if l := facts(h).Links["tap1"]; l.MTU != 1400 || l.Up {
		t.Errorf("its facts are %+v", l)
	}
}

// TestActivations: a guest that announces itself is heard where somebody waits for it, until the process ends.
func TestActivations(t *testing.T) {
	t.Parallel()
	h := plugged()
	d := driverOf(h, object.KindActivation)
	h.Announce("tap1")
	if n := d.Activated("p"); n != 0 {
		t.Errorf("nobody waited, and migration %d was heard", n)
	}
	must(t, h, create(&object.Activation{OwnerUID: "p", Device: "tap1", Migration: 4, MAC: object.MAC{2}}))
	take := heard(t, d)
	h.Announce("eth1")
	if n := d.Activated("p"); n != 0 {
		t.Errorf("on another device migration %d was heard", n)
	}
	take()
	h.Announce("tap1")
	if e := take(); d.Activated("p") != 4 || d.Activated("q") != 0 || names(e.Keys) != "activation/tap1" {
		t.Errorf("heard is migration %d, told %+v", d.Activated("p"), e)
	}
	h.Restart()
	if d.Activated("p") != 0 || h.has(object.KindActivation, "tap1") {
		t.Error("a new process has heard it too")
	}
}

// TestRestart: a new process knows nothing before its first Sync, and what lived in the old one is gone.
// TestFactsOfDevices: the facts of named devices are set, and removed when there is none.
func TestFactsOfDevices(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	f := facts(h)
	read := h.FactsRead()
	h.Unplug("tap1")
	h.Damage(object.Key{Kind: object.KindSession, Name: "ps1"})
	h.Plug("tap2")
	for _, d := range h.Drivers() {
		d.DeviceFacts([]string{"tap1", "tap2", "ps1"}, &f)
	}
	_, gone := f.Links["tap1"]
	_, session := f.Interfaces["ps1"]
	_, peer := f.Interfaces["pw1"] // was not asked for
	if _, came := f.Links["tap2"]; gone || !came || session || !peer || f.Interfaces["tap1"].OFPort != 0 {
		t.Errorf("the facts are %+v", f)
	}
	if f.DatapathType != "netdev" || h.FactsRead() != read {
		t.Errorf("datapath %q, all facts were read %d times", f.DatapathType, h.FactsRead()-read)
	}
	if facts(h); h.FactsRead() != read+len(h.Drivers()) {
		t.Errorf("all facts were read %d times by %d drivers", h.FactsRead()-read, len(h.Drivers()))
	}
}

// TestSilentAndLoudChanges: what somebody else does is told, unless it is done silently. Warnings are told too.
// TestEventsWaitForTheirWatcher: what happens before Watch is told to it in order, once.
