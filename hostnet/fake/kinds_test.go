package fake

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

const space = "weft-router-1"

// examples has an object of each kind and another state of it, in an order in which a host can hold them. eth1, eth2 and tap1 are
// plugged.
func examples() []example {
	address := netip.MustParseAddr("10.0.0.1")
	return []example{
		{&object.Bridge{OwnerUID: "h", Name: "br-int", FailMode: "secure"}, &object.Bridge{OwnerUID: "h", Name: "br-int", FailMode: "standalone"}},
		{&object.Uplink{OwnerUID: "h", Bridge: "br-int", Device: "eth1"}, &object.Uplink{OwnerUID: "h", Bridge: "br-int", Device: "eth1", PhysicalNetwork: "p"}},
		{&object.OVSPort{OwnerUID: "p", Bridge: "br-int", Device: "tap1"}, &object.OVSPort{OwnerUID: "p", Bridge: "br-int", Device: "tap1", Tag: 1}},
		{&object.Session{OwnerUID: "n", Bridge: "br-int", Device: "ps1", PeerDevice: "pw1"}, &object.Session{OwnerUID: "n", Bridge: "br-int", Device: "ps1", PeerDevice: "pw2"}},
		{&object.Meter{OwnerUID: "p", Bridge: "br-int", ID: 3, Rate: 1000}, &object.Meter{OwnerUID: "p", Bridge: "br-int", ID: 3, Rate: 2000}},
		{&object.FlowSet{OwnerUID: "p", Bridge: "br-int", Cookie: 7}, &object.FlowSet{OwnerUID: "p", Bridge: "br-int", Cookie: 7, Flows: []object.Flow{{Table: 1, Actions: []object.Action{object.ApplyMeter{ID: 3}}}}}},
		{&object.Link{OwnerUID: "p", Name: "tap1", MTU: 1500}, &object.Link{OwnerUID: "p", Name: "tap1", MTU: 1450, Up: true}},
		{&object.Qdisc{OwnerUID: "p", Device: "tap1"}, &object.Qdisc{OwnerUID: "p", Device: "tap1", Root: "tbf"}},
		{&object.DHCPBinding{OwnerUID: "p", Device: "tap1"}, &object.DHCPBinding{OwnerUID: "p", Device: "tap1", Hostname: "web"}},
		{&object.RABinding{OwnerUID: "p", Device: "tap1"}, &object.RABinding{OwnerUID: "p", Device: "tap1", Domain: "a"}},
		{&object.MetadataBinding{OwnerUID: "p", Device: "tap1"}, &object.MetadataBinding{OwnerUID: "p", Device: "tap1", UserData: object.Secret("a")}},
		{&object.Activation{OwnerUID: "p", Device: "tap1"}, &object.Activation{OwnerUID: "p", Device: "tap1", Migration: 2}},
		{&object.Announcement{OwnerUID: "p"}, &object.Announcement{OwnerUID: "p", VLAN: 5}},
		{&object.Namespace{OwnerUID: "r", Name: space}, &object.Namespace{OwnerUID: "s", Name: space}},
		{&object.Veth{OwnerUID: "r", Namespace: space, Name: "n1", Peer: object.VethEnd{Name: "h1"}}, &object.Veth{OwnerUID: "r", Namespace: space, Name: "n1", Peer: object.VethEnd{Name: "h1"}, MTU: 1400}},
		{&object.Addresses{OwnerUID: "r", Namespace: space, Device: "n1"}, &object.Addresses{OwnerUID: "r", Namespace: space, Device: "n1", Prefixes: []netip.Prefix{netip.PrefixFrom(address, 24)}}},
		{&object.Route{OwnerUID: "r", Namespace: space, Device: "n1"}, &object.Route{OwnerUID: "r", Namespace: space, Device: "n1", Via: address}},
		{&object.Rule{OwnerUID: "r", Namespace: space, Priority: 5}, &object.Rule{OwnerUID: "r", Namespace: space, Priority: 5, Table: 3}},
		{&object.Neighbor{OwnerUID: "r", Namespace: space, Device: "n1", Address: address}, &object.Neighbor{OwnerUID: "r", Namespace: space, Device: "n1", Address: address, MAC: object.MAC{2}}},
		{&object.Proxy{OwnerUID: "r", Namespace: space, Device: "n1", Address: address}, nil},
		{&object.NATTable{OwnerUID: "r", Namespace: space}, &object.NATTable{OwnerUID: "r", Namespace: space, Outside: "n1"}},
		{&object.NATMapping{OwnerUID: "f", Namespace: space, Floating: address}, &object.NATMapping{OwnerUID: "f", Namespace: space, Floating: address, Fixed: address}},
		{&object.PortSecurity{OwnerUID: "h"}, nil},
		{&object.PortSecurityUplink{OwnerUID: "h", Device: "eth2"}, nil},
		{&object.PortSecurityElements{OwnerUID: "p", Name: "tap1", Elements: []object.PortSecurityElement{{Set: object.PortSecurityGuests, Interface: "tap1"}}}, &object.PortSecurityElements{OwnerUID: "p", Name: "tap1", Elements: []object.PortSecurityElement{{Set: object.PortSecurityRouterInterfaces, Interface: "tap1"}}}},
		{&object.VLANDevice{OwnerUID: "n", Name: "wfv1", Parent: "eth2", ID: 101, MTU: 1500}, &object.VLANDevice{OwnerUID: "n", Name: "wfv1", Parent: "eth2", ID: 102, MTU: 1400}},
		{&object.LinuxBridge{OwnerUID: "n", Name: "wfb1", MTU: 1500}, &object.LinuxBridge{OwnerUID: "n", Name: "wfb1", MTU: 1400}},
		{&object.BridgePort{OwnerUID: "p", Device: "tap1", Bridge: "wfb1"}, &object.BridgePort{OwnerUID: "p", Device: "tap1", Bridge: "wfb1", Mute: true}},
		{&object.TagFilter{OwnerUID: "h", Device: "eth1", Hook: object.TagFilterXDP}, &object.TagFilter{OwnerUID: "h", Device: "eth1", Hook: object.TagFilterTC}},
		{&object.BridgeFilter{OwnerUID: "h"}, nil},
		{&object.FilterNetwork{OwnerUID: "n", Bridge: "wfb1", Zone: 5}, &object.FilterNetwork{OwnerUID: "n", Bridge: "wfb1", Zone: 6}},
		{&object.FilterGroup{OwnerUID: "g", Number: 7, Version: "a"}, &object.FilterGroup{OwnerUID: "g", Number: 7, Version: "b"}},
		{&object.FilterMembers{OwnerUID: "m", Group: 7, Bridge: "wfb1"}, &object.FilterMembers{OwnerUID: "m", Group: 7, Bridge: "wfb1", Members: []netip.Prefix{netip.PrefixFrom(address, 32)}}},
		{&object.FilterPort{OwnerUID: "p", Device: "tap1"}, &object.FilterPort{OwnerUID: "p", Device: "tap1", Groups: []uint32{9}}},
		{&object.HostFilter{OwnerUID: "h"}, nil},
		{&object.SilentDevice{OwnerUID: "p", Device: "tap1"}, nil},
	}
}

// example is an object and another state of it. The second is nil if the kind has only one state.
type example struct{ first, then object.Object }

func plugged() *Host {
	h := New()
	for _, device := range []string{"eth1", "eth2", "tap1"} {
		h.Plug(device)
	}
	return h
}

// TestEveryKindIsHeld takes each kind through its life: a driver has it, it is read back as it was applied, counts as ours, is
// changed, and is removed.
func TestEveryKindIsHeld(t *testing.T) {
	t.Parallel()
	h := plugged()
	for _, kind := range object.Kinds() {
		tried := slices.ContainsFunc(examples(), func(x example) bool { return x.first.Key().Kind == kind })
		if !tried || driverOf(h, kind) == nil {
			t.Fatalf("the fake host does not know objects of kind %s: give the kind to a driver in New (host.go), say in possible (apply.go) "+
				"what a real host refuses, in drop (drop.go) what goes with such an object, and add one to examples in this file", kind)
		}
	}
	for _, x := range examples() {
		kind := x.first.Key().Kind
		made := kind == object.KindLink || kind == object.KindQdisc // made by others, together with the netdev
		if !made {
			must(t, h, object.Change{Op: object.Create, Desired: x.first})
		}
		holds(t, h, x.first, !made)
		if x.then != nil {
			must(t, h, object.Change{Op: object.Update, Desired: x.then, Observed: x.first})
			holds(t, h, x.then, !made)
		}
	}
	for _, x := range slices.Backward(examples()) {
		k := x.first.Key()
		if k.Kind == object.KindLink || k.Kind == object.KindQdisc {
			continue
		}
		must(t, h, object.Change{Op: object.Delete, Observed: x.first})
		if o := observe(t, h, k); o != nil {
			t.Errorf("%s was deleted, and there is %+v", k, o)
		}
	}
	for k := range h.Objects() {
		if k.Kind != object.KindLink && k.Kind != object.KindQdisc {
			t.Errorf("%s is left", k)
		}
	}
}

func driverOf(h *Host, kind object.Kind) *Driver {
	for _, d := range h.Drivers() {
		if slices.Contains(d.Kinds(), kind) {
			return d
		}
	}
	return nil
}

func must(t *testing.T, h *Host, c object.Change) {
	t.Helper()
	d := driverOf(h, c.Key().Kind)
	if d == nil {
		t.Fatalf("no driver of the fake host has objects of kind %s: give the kind to one in New (host.go)", c.Key().Kind)
	}
	if err := errors.Join(d.Apply(context.Background(), []object.Change{c})...); err != nil {
		t.Errorf("%s %s: %v", c.Op, c.Key(), err)
	}
}

func observe(t *testing.T, h *Host, k object.Key) object.Object {
	t.Helper()
	found, err := driverOf(h, k.Kind).Observe(context.Background(), []object.Key{k})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

func holds(t *testing.T, h *Host, want object.Object, ours bool) {
	t.Helper()
	have := observe(t, h, want.Key())
	if have == nil {
		t.Errorf("%s is not read back", want.Key())
		return
	}
	if d := want.Diff(have); len(d) > 0 {
		t.Errorf("%s is read back otherwise: %v", want.Key(), d)
	}
	keys, _ := driverOf(h, want.Key().Kind).Ours(context.Background())
	if slices.Contains(keys, want.Key()) != ours {
		t.Errorf("%s is ours: %v", want.Key(), !ours)
	}
}

// TestWhatGoesAlong: what an object carries is removed with it, as on a real host, and its driver reports that.
func TestWhatGoesAlong(t *testing.T) {
	t.Parallel()
	damage := func(kind object.Kind, name string) func(*Host) {
		return func(h *Host) { h.Damage(object.Key{Kind: kind, Name: name}) }
	}
	for name, c := range map[string]struct {
		do   func(*Host)
		gone string
	}{
		"a switch": {damage(object.KindBridge, "br-int"), "bfd-session/ps1 bridge/br-int flow-set/br-int/0x7 meter/br-int/3 ovs-port/tap1 uplink/eth1"},
		"a namespace": {damage(object.KindNamespace, space), "addresses/weft-router-1/n1 nat-mapping/weft-router-1/10.0.0.1 nat-table/weft-router-1 " +
			"neighbor/weft-router-1/n1/10.0.0.1 netns/weft-router-1 proxy/weft-router-1/n1/10.0.0.1 route/weft-router-1/invalid Prefix " +
			"rule/weft-router-1/5/invalid Prefix veth/weft-router-1/n1"},
		"a pair": {damage(object.KindVeth, space+"/n1"), "addresses/weft-router-1/n1 neighbor/weft-router-1/n1/10.0.0.1 " +
			"proxy/weft-router-1/n1/10.0.0.1 route/weft-router-1/invalid Prefix veth/weft-router-1/n1"},
		"translation":     {damage(object.KindNATTable, space), "nat-mapping/weft-router-1/10.0.0.1 nat-table/weft-router-1"},
		"a bridge":        {damage(object.KindLinuxBridge, "wfb1"), "bridge-port/tap1 linux-bridge/wfb1"},
		"a VLAN device":   {damage(object.KindVLANDevice, "wfv1"), "vlan-device/wfv1"},
		"a bridge's port": {damage(object.KindBridgePort, "tap1"), "bridge-port/tap1"},
		"port security":   {damage(object.KindPortSecurity, "weft"), "port-security-elements/tap1 port-security/weft"},
		"security groups": {damage(object.KindBridgeFilter, "weft"), "bridge-filter/weft filter-group/g00000007 filter-members/g00000007/wfb1/0 filter-network/wfb1 filter-port/tap1"},
		"the filter":      {damage(object.KindHostFilter, "weft"), "host-filter/weft silent-device/tap1"},
		"a guest":         {func(h *Host) { h.Unplug("tap1") }, "bridge-port/tap1 link/tap1 qdisc/tap1"},
		"a NIC":           {func(h *Host) { h.Unplug("eth2") }, "link/eth2 port-security-uplink/eth2 qdisc/eth2 vlan-device/wfv1"},
		"an uplink":       {func(h *Host) { h.Unplug("eth1") }, "link/eth1 qdisc/eth1 tag-filter/eth1"},
	} {
		h := furnished(t)
		before := h.Objects()
		c.do(h)
		after := h.Objects()
		if gone := strings.Join(missing(before, after), " "); gone != c.gone {
			t.Errorf("%s: there went %s, expected %s", name, gone, c.gone)
		}
		for k := range before {
			if seen := observe(t, h, k) != nil; seen != (after[k] != nil) {
				t.Errorf("%s: %s is there: %v, and its driver shows it: %v", name, k, !seen, seen)
			}
		}
	}
}

// furnished is a host with an object of each kind.
func furnished(t *testing.T) *Host {
	t.Helper()
	h := plugged()
	for _, x := range examples() {
		if k := x.first.Key().Kind; k != object.KindLink && k != object.KindQdisc {
			must(t, h, object.Change{Op: object.Create, Desired: x.first})
		}
	}
	return h
}

func missing(before, after map[object.Key]object.Object) (gone []string) {
	for k := range before {
		if after[k] == nil {
			gone = append(gone, k.String())
		}
	}
	slices.Sort(gone)
	return gone
}

// TestFactsFollow: what is made of kernel devices and sessions is in the facts, and is not after its removal.
func TestFactsFollow(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	var facts object.Facts
	read := func() {
		for _, d := range h.Drivers() {
			d.Facts(&facts)
		}
	}
	read()
	if v, b := facts.Links["wfv1"], facts.Links["wfb1"]; v.Kind != "vlan" || b.Kind != "bridge" || v.Index == b.Index || v.MTU != 1500 || !v.Up {
		t.Errorf("a VLAN device is %+v, a bridge %+v", v, b)
	}
	if l := facts.Links["tap1"]; l.Master != "wfb1" || l.MasterOwner != "n" {
		t.Errorf("a port of a bridge of ours is %+v", l)
	}
	if i := facts.Interfaces["ps1"]; i.OFPort == 0 || i.Session != (object.SessionFacts{Known: true}) || facts.Interfaces["pw1"].OFPort == 0 {
		t.Errorf("a session is %+v", i)
	}
	h.Meet("ps1", true)
	h.Meet("tap1", true) // not a session
	h.Enslave("tap1", "virbr0")
	read()
	if s := facts.Interfaces["ps1"].Session; !s.Up || !s.Converged || facts.Interfaces["tap1"].Session.Known {
		t.Errorf("a session that is up is %+v", s)
	}
	if l := facts.Links["tap1"]; l.Master != "virbr0" || l.MasterOwner != "" {
		t.Errorf("a port of somebody else's bridge is %+v", l)
	}
	h.RestartSwitch()
	h.Damage(object.Key{Kind: object.KindLinuxBridge, Name: "wfb1"}, object.Key{Kind: object.KindVLANDevice, Name: "wfv1"})
	read()
	_, vlan := facts.Links["wfv1"]
	if _, bridge := facts.Links["wfb1"]; vlan || bridge || facts.Interfaces["ps1"].OFPort == 0 {
		t.Error("a device that has gone is a fact, or a session lost its port number")
	}
	h.Damage(object.Key{Kind: object.KindSession, Name: "ps1"})
	read()
	if _, there := facts.Interfaces["pw1"]; there {
		t.Error("the other end of a session stays")
	}
}

// TestBridgingIsRefused: orders for the kernel's bridges that no kernel would carry out.
func TestBridgingIsRefused(t *testing.T) {
	t.Parallel()
	vlan := &object.VLANDevice{OwnerUID: "n", Name: "wfv1", Parent: "eth2", ID: 101, MTU: 1500}
	bridge := &object.LinuxBridge{OwnerUID: "n", Name: "wfb1", MTU: 1500}
	for want, c := range map[string]struct {
		do      func(*Host)
		changes []object.Change
	}{
		"there is no netdev eth9":                       {nil, []object.Change{create(&object.VLANDevice{Name: "wfv1", Parent: "eth9", ID: 1})}},
		"is larger than that of eth2":                   {nil, []object.Change{create(&object.VLANDevice{Name: "wfv1", Parent: "eth2", ID: 1, MTU: 9000})}},
		"is that of wfv1 already":                       {nil, []object.Change{create(vlan), create(&object.VLANDevice{Name: "wfv2", Parent: "eth2", ID: 101})}},
		"there is a device wfv1 already":                {func(h *Host) { h.Plug("wfv1") }, []object.Change{create(vlan)}},
		"there is a device wfb1 already":                {func(h *Host) { h.Plug("wfb1") }, []object.Change{create(bridge)}},
		"linux-bridge/wfb1 is not there yet":            {nil, []object.Change{create(&object.BridgePort{Device: "tap1", Bridge: "wfb1"})}},
		"there is no netdev tap9":                       {nil, []object.Change{create(bridge), create(&object.BridgePort{Device: "tap9", Bridge: "wfb1"})}},
		"enslaved to virbr0, which is somebody":         {func(h *Host) { h.Enslave("tap1", "virbr0") }, []object.Change{create(bridge), create(&object.BridgePort{Device: "tap1", Bridge: "wfb1"})}},
		"port-security/weft is not there yet":           {nil, []object.Change{create(&object.PortSecurityElements{Name: "tap1"})}},
		"port-security-uplink/eth9: there is no netdev": {nil, []object.Change{create(&object.PortSecurityUplink{Device: "eth9"})}},
		"bridge-filter/weft is not there yet":           {nil, []object.Change{create(&object.FilterPort{Device: "tap1"})}},
		"chains of tap1 lead to it":                     {nil, []object.Change{create(&object.BridgeFilter{}), create(&object.FilterGroup{Number: 7}), create(&object.FilterPort{Device: "tap1", Groups: []uint32{7}}), {Op: object.Delete, Observed: &object.FilterGroup{Number: 7}}}},
		"tag-filter/eth9: there is no netdev":           {nil, []object.Change{create(&object.TagFilter{Device: "eth9"})}},
	} {
		h := plugged()
		if c.do != nil {
			c.do(h)
		}
		errs := apply(t, h, c.changes...)
		if err := errs[len(errs)-1]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
		if err := errors.Join(errs[:len(errs)-1]...); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}
