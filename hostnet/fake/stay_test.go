package fake

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
)

// TestWhatStays: what goes with an object takes nothing of others along.
func TestWhatStays(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	address := netip.MustParseAddr("10.0.0.1")
	const second = "weft-external-1"
	others := []object.Object{
		&object.Namespace{OwnerUID: "r", Name: second}, pair(space, "n2", second, "t1"), pair(second, "n1", "", "h2"),
		&object.Addresses{OwnerUID: "r", Namespace: space, Device: "n2"}, &object.Addresses{OwnerUID: "r", Namespace: second, Device: "n1"},
		&object.Neighbor{OwnerUID: "r", Namespace: second, Device: "n1", Address: address},
		&object.Rule{OwnerUID: "r", Namespace: second, Priority: 5}, &object.NATTable{OwnerUID: "r", Namespace: second},
		&object.NATMapping{OwnerUID: "f", Namespace: second, Floating: address},
		&object.VLANDevice{OwnerUID: "n", Name: "wfv2", Parent: "eth2", ID: 200, MTU: 1400}, &object.LinuxBridge{OwnerUID: "n", Name: "wfb2", MTU: 1500},
		&object.Bridge{OwnerUID: "h", Name: "br-two"}, &object.FlowSet{OwnerUID: "p", Bridge: "br-two", Cookie: 7},
		&object.OVSPort{OwnerUID: "r", Bridge: "br-two", Device: "h2", InterfaceID: "if"},
	}
	for _, o := range others {
		must(t, h, create(o))
	}
	if i := facts(h).Interfaces["h2"]; i.Bridge != "br-two" || i.InterfaceID != "if" || i.OwnerUID != "r" || !i.Created {
		t.Errorf("the facts of a port are %+v", i)
	}
	h.Damage(object.Key{Kind: object.KindVeth, Name: space + "/n1"}, object.Key{Kind: object.KindNATTable, Name: space},
		object.Key{Kind: object.KindLinuxBridge, Name: "wfb1"}, object.Key{Kind: object.KindVLANDevice, Name: "wfv1"}, object.Key{Kind: object.KindBridge, Name: "br-int"})
	for _, o := range others {
		if observe(t, h, o.Key()) == nil {
			t.Errorf("%s went along", o.Key())
		}
	}
	h.Damage(object.Key{Kind: object.KindNamespace, Name: space})
	for _, o := range others {
		gone := o.Key().Name == space+"/n2" // both ends of the pair, and what was on this one
		if there := observe(t, h, o.Key()) != nil; there == gone {
			t.Errorf("without a namespace %s is there: %v", o.Key(), there)
		}
	}
}

// TestAVLANDeviceMadeAgain: another parent or id makes it again, and what was on it is gone. Another MTU does not.
func TestAVLANDeviceMadeAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(v *object.VLANDevice)
		stays  bool
	}{
		"another MTU":    {func(v *object.VLANDevice) { v.MTU = 1300 }, true},
		"another id":     {func(v *object.VLANDevice) { v.ID = 7 }, false},
		"another parent": {func(v *object.VLANDevice) { v.Parent = "eth1" }, false},
	} {
		h := plugged()
		first := &object.VLANDevice{OwnerUID: "n", Name: "wfv1", Parent: "eth2", ID: 101, MTU: 1400}
		on := &object.BridgePort{OwnerUID: "n", Device: "wfv1", Bridge: "wfb1"}
		for _, o := range []object.Object{first, &object.LinuxBridge{OwnerUID: "n", Name: "wfb1", MTU: 1400}, on} {
			must(t, h, create(o))
		}
		index := facts(h).Links["wfv1"].Index
		then := *first
		c.change(&then)
		must(t, h, object.Change{Op: object.Update, Desired: &then, Observed: first})
		l := facts(h).Links["wfv1"]
		if there := observe(t, h, on.Key()) != nil; there != c.stays || (l.Index == index) != c.stays || l.MTU != then.MTU || (l.Master == "wfb1") != c.stays {
			t.Errorf("%s: its port is there: %v, the link is %+v", name, there, l)
		}
	}
}

// TestReadBackWhole: a kernel keeps the content and no owner, and shows what somebody else has changed.
func TestReadBackWhole(t *testing.T) {
	t.Parallel()
	h := plugged()
	security := &object.PortSecurity{OwnerUID: "h"}
	uplink := &object.PortSecurityUplink{OwnerUID: "h", Device: "eth2"}
	must(t, h, create(security))
	must(t, h, create(uplink))
	for _, o := range []object.Object{security, uplink} {
		if have := observe(t, h, o.Key()); have.Owner() != "" || len(o.Diff(have)) > 0 {
			t.Errorf("%s is read back as %+v", o.Key(), have)
		}
	}
	altered := &object.PortSecurity{Rules: "a rule is missing"}
	h.Alter(altered)
	if d := security.Diff(observe(t, h, security.Key())); len(d) == 0 {
		t.Error("what somebody else has put is not seen")
	}
	h.AlterSilently(security.Key(), security)
	if h.Objects()[security.Key()] != object.Object(security) {
		t.Error("what somebody else has put silently is not there")
	}
}

// TestAPortIsEnslavedElsewhere: it is no port of ours any more, and cannot be taken back while it is somebody else's.
func TestAPortIsEnslavedElsewhere(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	k := object.Key{Kind: object.KindBridgePort, Name: "tap1"}
	take := heard(t, driverOf(h, object.KindBridgePort))
	h.Enslave("tap1", "virbr0")
	if e := take(); observe(t, h, k) != nil || names(e.Keys) != "bridge-port/tap1" {
		t.Errorf("there is %+v, told %+v", observe(t, h, k), e)
	}
	h.Meet("ps1", false)
	if s := facts(h).Interfaces["ps1"].Session; s != (object.SessionFacts{Known: true, Converged: true}) {
		t.Errorf("a session that is down is %+v", s)
	}
	must(t, h, create(&object.VLANDevice{OwnerUID: "n", Name: "wfv9", Parent: "eth1", ID: 101, MTU: 1400})) // the id of another parent
	must(t, h, create(&object.VLANDevice{OwnerUID: "n", Name: "wfv8", Parent: "eth1", ID: 102, MTU: 1500})) // as large as its parent
}
