package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"weft/hostnet/fake"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
	"weft/reconcile/compile/openvswitch"
)

// backends are the ways in which a host wires guests. What the engine does is the same on each.
var backends = []model.Driver{model.DriverOVS, model.DriverBridge}

// compilers are the backends that compile for each driver.
func compilers() map[model.Driver]compile.Backend {
	return map[model.Driver]compile.Backend{model.DriverOVS: openvswitch.Backend{}, model.DriverBridge: linuxbridge.Backend{}}
}

// onEach runs a test with a host of each backend, on which nothing is desired yet.
func onEach(t *testing.T, fn func(b *testbed)) {
	t.Helper()
	for _, on := range backends {
		t.Run(string(on), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { fn(newTestbed(t, on)) })
		})
	}
}

// wired runs a test on a host of each backend that has ports tap1…tapN of network 1 wired.
func wired(t *testing.T, ports int, fn func(b *testbed)) {
	t.Helper()
	onEach(t, func(b *testbed) {
		b.wire(ports)
		fn(b)
	})
}

// wiredOVS runs a test that only concerns Open vSwitch.
func wiredOVS(t *testing.T, ports int, fn func(b *testbed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, model.DriverOVS)
		b.wire(ports)
		fn(b)
	})
}

func (b *testbed) wire(ports int) {
	b.t.Helper()
	items := []desired.Item{b.hostItem(), networkItem(1)}
	for i := range ports {
		b.host.Plug(fmt.Sprint("tap", i+1))
		items = append(items, portItem(i+1, 1))
	}
	b.etcd.put(items...)
	b.start()
	b.settle(time.Second)
	b.converged()
}

func (b *testbed) ovs() bool { return b.backend == model.DriverOVS }

func (b *testbed) hostItem() *desired.Host {
	h := &desired.Host{UID: hostUID, Name: node, Driver: b.backend, RouterMAC: model.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 1},
		Uplinks: []desired.Uplink{{PhysicalNetwork: "physnet1", Interface: "eth1", MTU: 1500}}}
	if b.ovs() {
		h.Bridge = "br-int"
	}
	return h
}

// driver is the fake host's driver of a kind.
func (b *testbed) driver(kind object.Kind) *fake.Driver {
	for _, d := range b.host.Drivers() {
		for _, k := range d.Kinds() {
			if k == kind {
				return d
			}
		}
	}
	b.t.Fatalf("no driver has objects of kind %s", kind)
	return nil
}

// place is the object that joins a guest's device to its network.
func (b *testbed) place(device string) object.Key {
	if b.ovs() {
		return object.Key{Kind: object.KindOVSPort, Name: device}
	}
	return object.Key{Kind: object.KindBridgePort, Name: device}
}

// protection is the object that says what guest n may send and receive.
func (b *testbed) protection(n int) object.Key {
	if b.ovs() {
		return object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName("br-int", openvswitch.Cookie(portUID(n), openvswitch.FeaturePort))}
	}
	return object.Key{Kind: object.KindPortSecurityElements, Name: fmt.Sprint("tap", n)}
}

// base is the object on which all guests of network 1 depend.
func (b *testbed) base() object.Key {
	if b.ovs() {
		return object.Key{Kind: object.KindBridge, Name: "br-int"}
	}
	return object.Key{Kind: object.KindLinuxBridge, Name: linuxbridge.BridgeName(networkUID(1))}
}

// worst damages the whole dataplane: the switch is restarted, or somebody flushes nftables.
func (b *testbed) worst() {
	if b.ovs() {
		b.host.RestartSwitch()
		return
	}
	b.host.Damage((&object.PortSecurity{}).Key(), object.Key{Kind: object.KindPortSecurityUplink, Name: "eth1"})
}

// stranger adds an object of somebody else.
func (b *testbed) stranger(name string) object.Key {
	var o object.Object = &object.LinuxBridge{Name: name}
	if b.ovs() {
		o = &object.OVSPort{Bridge: "br-int", Device: name, InterfaceID: "someone-else"}
	}
	b.host.Alter(o)
	return o.Key()
}

// alien adds an object in a place where only ours may be.
func (b *testbed) alien(n int) object.Object {
	if b.ovs() {
		return &object.FlowSet{Bridge: "br-int", Cookie: uint64(n), Flows: []object.Flow{{Table: 1}}}
	}
	device := fmt.Sprint("alien", n)
	return &object.PortSecurityElements{Name: device, Elements: []object.PortSecurityElement{{Set: object.PortSecurityGuests, Interface: device}}}
}
