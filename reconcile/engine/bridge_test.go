package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/reconcile/compile/linuxbridge"
)

// wiredBridge runs a test that only concerns the kernel's bridges.
func wiredBridge(t *testing.T, ports int, fn func(b *testbed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, model.DriverBridge)
		b.wire(ports)
		fn(b)
	})
}

// alter changes the state of an object of this type on the host.
func alter[T any](b *testbed, k object.Key, change func(*T)) {
	b.t.Helper()
	was, ok := any(b.host.Objects()[k]).(*T)
	if !ok {
		b.t.Fatalf("%s is not on the host", k)
	}
	is := *was
	change(&is)
	b.host.Alter(any(&is).(object.Object))
}

// TestBridgeDriftIsRepairedAndCounted damages everything that somebody can damage on a bridge host, one thing after the other.
func TestBridgeDriftIsRepairedAndCounted(t *testing.T) {
	t.Parallel()
	wiredBridge(t, 2, func(b *testbed) {
		bridge, vlan := b.base(), object.Key{Kind: object.KindVLANDevice, Name: linuxbridge.VLANName(networkUID(1))}
		uplinkPort := object.Key{Kind: object.KindBridgePort, Name: vlan.Name}
		b.settle(2 * deviceSettles) // a difference on a new device is not drift
		for name, damage := range map[string]func(){
			"a guest learns":          func() { alter(b, b.place("tap1"), func(p *object.BridgePort) { p.Strange = true }) },
			"a guest is muted":        func() { alter(b, b.place("tap1"), func(p *object.BridgePort) { p.Mute = true }) },
			"an entry is gone":        func() { alter(b, b.place("tap1"), func(p *object.BridgePort) { p.MACs = nil }) },
			"a port is taken out":     func() { b.host.Damage(b.place("tap1")) },
			"the uplink is taken out": func() { b.host.Damage(uplinkPort) },
			"spanning tree runs":      func() { alter(b, bridge, func(l *object.LinuxBridge) { l.Strange = []string{"spanning tree runs"} }) },
			"another VLAN":            func() { alter(b, vlan, func(v *object.VLANDevice) { v.ID++ }) },
			"a VLAN device is down":   func() { alter(b, vlan, func(v *object.VLANDevice) { v.Down = true }) },
			"it is deleted":           func() { b.host.Damage(vlan) },
			"the rules are others": func() {
				alter(b, (&object.PortSecurity{}).Key(), func(g *object.PortSecurity) { g.Rules = "one is missing" })
			},
			"the table is flushed": func() { b.host.Damage((&object.PortSecurity{}).Key()) },
			"an element too many": func() {
				alter(b, b.protection(1), func(g *object.PortSecurityElements) {
					g.Elements = append(g.Elements[:len(g.Elements):len(g.Elements)], object.PortSecurityElement{Set: object.PortSecurityMACs, Interface: "tap1", MAC: object.MAC{2}})
				})
			},
			"elements are missing": func() {
				alter(b, b.protection(1), func(g *object.PortSecurityElements) { g.Elements = g.Elements[1:] })
			},
			"tags pass the NIC": func() { b.host.Damage(object.Key{Kind: object.KindPortSecurityUplink, Name: "eth1"}) },
		} {
			before := repairs(b.node())
			damage()
			b.settle(20 * time.Second) // each repair is alone, otherwise it would be a fight
			b.converged()
			if repairs(b.node()) == before {
				b.t.Errorf("%s: repaired and not counted", name)
			}
		}
		if x := b.exception(portUID(1)); x.Reason != "" {
			b.t.Errorf("reported %+v", x)
		}
	})
}

// TestPortInSomebodysBridgeIsLeftThere: a device in somebody else's bridge is refused until it is released, and affects nothing
// else.
func TestPortInSomebodysBridgeIsLeftThere(t *testing.T) {
	t.Parallel()
	wiredBridge(t, 2, func(b *testbed) {
		b.host.Enslave("tap1", "virbr0")
		b.settle(time.Second)
		if x := b.exception(portUID(1)); x.State != etcdschema.ExceptionFailed || !strings.Contains(x.Reason, "virbr0") {
			b.t.Errorf("reported %+v", x)
		}
		if _, there := b.host.Objects()[b.place("tap1")]; there {
			b.t.Error("it was taken out of there")
		}
		if x := b.exception(portUID(2)); x.Reason != "" {
			b.t.Errorf("its neighbour has %+v", x)
		}
		b.host.Enslave("tap1", "")
		b.settle(time.Second)
		b.converged()
		if x := b.exception(portUID(1)); x.Reason != "" {
			b.t.Errorf("let go, and still %+v", x)
		}
	})
}

// TestWireComesAndGoes: a network without its NIC only reaches this host. It gets its segment when the NIC appears.
func TestWireComesAndGoes(t *testing.T) {
	t.Parallel()
	wiredBridge(t, 1, func(b *testbed) {
		vlan := object.Key{Kind: object.KindVLANDevice, Name: linuxbridge.VLANName(networkUID(1))}
		b.host.Unplug("eth1")
		b.settle(time.Second)
		b.converged()
		if x := b.exception(networkUID(1)); x.State != etcdschema.ExceptionPending || !strings.Contains(x.Reason, "only this host") {
			b.t.Errorf("reported %+v", x)
		}
		if b.host.Objects()[vlan] != nil || b.host.Objects()[b.place("tap1")] == nil {
			b.t.Error("the VLAN device is there, or the guest is out of its bridge")
		}
		b.host.Plug("eth1")
		b.settle(time.Second)
		b.converged()
		if b.host.Objects()[vlan] == nil || b.exception(networkUID(1)).Reason != "" {
			b.t.Errorf("the NIC came, reported %+v", b.exception(networkUID(1)))
		}
	})
}

// TestDriverOfAHostChanges: everything that the other backend made is removed.
func TestDriverOfAHostChanges(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		before := b.place("tap1")
		was := b.backend
		for _, b.backend = range backends {
			if b.backend != was {
				break
			}
		}
		b.etcd.put(b.hostItem())
		b.settle(time.Minute)
		b.converged()
		if b.host.Objects()[before] != nil || b.host.Objects()[b.place("tap1")] == nil {
			b.t.Errorf("%s is there, or %s is not", before, b.place("tap1"))
		}
		if n := b.node(); n.Exceptions != 0 {
			b.t.Errorf("reported %+v: %+v", n, b.exception(portUID(1)))
		}
	})
}
