package object_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"weft/hostnet/object"
)

// needs is what an object depends on because of its kind, besides its After.
var needs = map[object.Kind]func(o object.Object) []object.Key{
	object.KindUplink:          func(o object.Object) []object.Key { return bridge(o.(*object.Uplink).Bridge) },
	object.KindOVSPort:         func(o object.Object) []object.Key { return bridge(o.(*object.OVSPort).Bridge) },
	object.KindSession:         func(o object.Object) []object.Key { return bridge(o.(*object.Session).Bridge) },
	object.KindMeter:           func(o object.Object) []object.Key { return bridge(o.(*object.Meter).Bridge) },
	object.KindFlowSet:         func(o object.Object) []object.Key { return bridge(o.(*object.FlowSet).Bridge) },
	object.KindDHCPBinding:     func(o object.Object) []object.Key { return link(o.(*object.DHCPBinding).Device) },
	object.KindRABinding:       func(o object.Object) []object.Key { return link(o.(*object.RABinding).Device) },
	object.KindMetadataBinding: func(o object.Object) []object.Key { return link(o.(*object.MetadataBinding).Device) },
	object.KindActivation:      func(o object.Object) []object.Key { return link(o.(*object.Activation).Device) },
	object.KindVeth: func(o object.Object) []object.Key {
		v := o.(*object.Veth)
		return append(namespace(v.Namespace), namespace(v.Peer.Namespace)...)
	},
	object.KindAddresses: func(o object.Object) []object.Key { return namespace(o.(*object.Addresses).Namespace) },
	object.KindRoute:     func(o object.Object) []object.Key { return namespace(o.(*object.Route).Namespace) },
	object.KindRule:      func(o object.Object) []object.Key { return namespace(o.(*object.Rule).Namespace) },
	object.KindNeighbor:  func(o object.Object) []object.Key { return namespace(o.(*object.Neighbor).Namespace) },
	object.KindProxy:     func(o object.Object) []object.Key { return namespace(o.(*object.Proxy).Namespace) },
	object.KindNATTable:  func(o object.Object) []object.Key { return namespace(o.(*object.NATTable).Namespace) },
	object.KindNATMapping: func(o object.Object) []object.Key {
		return []object.Key{{Kind: object.KindNATTable, Name: o.(*object.NATMapping).Namespace}}
	},
	object.KindBridgePort: func(o object.Object) []object.Key {
		return []object.Key{{Kind: object.KindLinuxBridge, Name: o.(*object.BridgePort).Bridge}}
	},
	object.KindPortSecurityElements: func(object.Object) []object.Key { return []object.Key{(&object.PortSecurity{}).Key()} },
	object.KindFilterNetwork:        bridgeFilter,
	object.KindFilterPort:           bridgeFilter,
	object.KindFilterGroup:          bridgeFilter,
	object.KindFilterMembers:        bridgeFilter,
	object.KindSilentDevice:         func(object.Object) []object.Key { return []object.Key{(&object.HostFilter{}).Key()} },
}

func bridgeFilter(object.Object) []object.Key { return []object.Key{(&object.BridgeFilter{}).Key()} }

func bridge(name string) []object.Key { return []object.Key{{Kind: object.KindBridge, Name: name}} }
func link(name string) []object.Key   { return []object.Key{{Kind: object.KindLink, Name: name}} }
func namespace(name string) []object.Key {
	return []object.Key{{Kind: object.KindNamespace, Name: name}}
}

// TestDependsOn: an object comes after what it needs and after everything in its After, and after nothing else.
func TestDependsOn(t *testing.T) {
	t.Parallel()
	for _, like := range kinds {
		o := sample(like, 1)
		var want []object.Key
		if f := needs[o.Key().Kind]; f != nil {
			want = f(o)
		}
		if after := reflect.ValueOf(o).Elem().FieldByName("After"); after.IsValid() {
			want = append(want, after.Interface().([]object.Key)...)
		}
		got := o.DependsOn()
		if !slices.Equal(slices.SortedFunc(slices.Values(got), object.Key.Compare), slices.SortedFunc(slices.Values(want), object.Key.Compare)) {
			t.Errorf("%s comes after %v, expected %v", name(like), got, want)
		}
		if slices.Contains(got, o.Key()) {
			t.Errorf("%s comes after itself", name(like))
		}
	}
}

// TestHostsOwnNamespaceNeedsNothing: "" always exists.
func TestHostsOwnNamespaceNeedsNothing(t *testing.T) {
	t.Parallel()
	v := &object.Veth{Name: "a", Peer: object.VethEnd{Namespace: "weft-router-1", Name: "b"}}
	if got := v.DependsOn(); !slices.Equal(got, namespace("weft-router-1")) {
		t.Errorf("a pair into the host comes after %v", got)
	}
}

// TestDependsOnLeavesAfterAlone: a second call returns the same, although lists are joined.
func TestDependsOnLeavesAfterAlone(t *testing.T) {
	t.Parallel()
	for _, like := range kinds {
		o := sample(like, 1)
		before, first := clone(o), slices.Clone(o.DependsOn())
		if !slices.Equal(first, o.DependsOn()) || !reflect.DeepEqual(before, o) {
			t.Errorf("%s is another one after it was asked", name(like))
		}
	}
}

// TestMeterIDs: no two meters of ports share an id, and the port of a meter of broadcast is known by its id.
func TestMeterIDs(t *testing.T) {
	t.Parallel()
	seen := map[uint32]bool{}
	for ofport := range uint32(0xff00) {
		for _, slot := range []object.MeterSlot{object.MeterEgressRate, object.MeterEgressPackets, object.MeterIngressPackets, object.MeterBroadcast} {
			id := object.MeterID(ofport, slot)
			if seen[id] || id > object.LastMeter || ofport > 0 && id == 0 {
				t.Fatalf("port %d, slot %d: id %d is used twice, or cannot be used", ofport, slot, id)
			}
			seen[id] = true
			if port, is := object.BroadcastMeterOf(id); ofport > 0 && (is != (slot == object.MeterBroadcast) || is && port != ofport) {
				t.Fatalf("meter %d of port %d, slot %d: is the meter of broadcast of port %d, %v", id, ofport, slot, port, is)
			}
		}
	}
	bridge, id, ok := object.ParseMeterName((&object.Meter{Bridge: "br-int", ID: 77}).Key().Name)
	if !ok || bridge != "br-int" || id != 77 {
		t.Errorf("%q, %d, %v", bridge, id, ok)
	}
	for _, name := range []string{"br-int", "br-int/", "br-int/x", "br-int/4294967296", "br-int/-1"} {
		if _, _, ok := object.ParseMeterName(name); ok {
			t.Errorf("%q passes as the name of a meter", name)
		}
	}
}

// TestBurstTime: the bucket is never smaller than asked, and larger by less than a tick.
func TestBurstTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount, rate uint64
		want         time.Duration
	}{{0, 5, 0}, {5, 0, 0}, {125_000, 250_000, 500 * time.Millisecond}, {1, 3, 333_333_376}, {1 << 16, 2_500_000_000, 26_240}, {500_000_000, 1, 500_000_000 * time.Second}} {
		if got := object.BurstTime(c.amount, c.rate); got != c.want || got%object.PSchedTick != 0 {
			t.Errorf("%d at %d a second last %d ns, expected %d", c.amount, c.rate, got, c.want)
		}
	}
}

// TestOwnerIsTheUID: the owner is the uid of the item that the object serves.
func TestOwnerIsTheUID(t *testing.T) {
	t.Parallel()
	for _, like := range kinds {
		if o := sample(like, 1); o.Owner() != reflect.ValueOf(o).Elem().FieldByName("OwnerUID").String() || o.Owner() == "" {
			t.Errorf("the owner of a %s is %q", name(like), o.Owner())
		}
	}
}

// TestNetdev: what is on a device is removed with it. What only names a device is not.
func TestNetdev(t *testing.T) {
	t.Parallel()
	on := []object.Kind{object.KindUplink, object.KindOVSPort, object.KindLink, object.KindQdisc, object.KindDHCPBinding, object.KindRABinding,
		object.KindMetadataBinding, object.KindActivation, object.KindAnnouncement, object.KindBridgePort}
	for _, like := range kinds {
		o := sample(like, 1)
		device, ok := o.(object.OnDevice)
		if ok != slices.Contains(on, o.Key().Kind) {
			t.Errorf("%s stands on a device: %v", name(like), ok)
			continue
		}
		if !ok {
			continue
		}
		v := reflect.ValueOf(o).Elem()
		want := v.FieldByName("Device")
		if !want.IsValid() {
			want = v.FieldByName("Name")
		}
		if device.Netdev() != want.String() {
			t.Errorf("%s stands on %q, expected %q", name(like), device.Netdev(), want)
		}
	}
}
