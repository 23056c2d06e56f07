package limits_test

import (
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/announce"
	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
	"weft/integration/limits"
	"weft/model"
)

// TestNothingThatTheDoorLetsInIsRefused: no host refuses what model and controllers accepted, or waits for it without end, and kernel and
// switch accept the resulting objects. Enough of what is drawn must be accepted, because otherwise the test would show nothing.
func TestNothingThatTheDoorLetsInIsRefused(t *testing.T) {
	t.Parallel()
	offered, accepted := 0, 0
	kinds := map[object.Kind]int{}
	limits.Check(t, func(t limits.T, h limits.Host) {
		offered, accepted = offered+h.Offered, accepted+h.Accepted
		nothingRefused(t, h, kinds)
	})
	if accepted*2 < offered {
		t.Errorf("only %d of %d objects were accepted", accepted, offered)
	}
	for _, k := range []object.Kind{object.KindFlowSet, object.KindPortSecurityElements, object.KindNATMapping, object.KindNATTable, object.KindRoute,
		object.KindSession, object.KindAnnouncement, object.KindDHCPBinding, object.KindRABinding, object.KindTagFilter, object.KindVLANDevice,
		object.KindBridgeFilter, object.KindFilterNetwork, object.KindFilterPort, object.KindFilterGroup, object.KindFilterMembers} {
		if kinds[k] == 0 {
			t.Errorf("there was no object of kind %s among %v", k, kinds)
		}
	}
}

func nothingRefused(t limits.T, h limits.Host, kinds map[object.Kind]int) {
	for _, u := range h.Results {
		if u.Refused != "" || u.Pending != "" {
			t.Fatalf("%v on a host with driver %s: refused %q, pending %q:\n%s", u.Key, h.Driver, u.Refused, u.Pending, h.Text)
		}
	}
	n := namespaces(h)
	for _, o := range h.Objects() {
		kinds[o.Key().Kind]++
		if why := n.fault(o); why != "" {
			t.Fatalf("%s on a host with driver %s: %s:\n%s", o.Key(), h.Driver, why, h.Text)
		}
	}
}

// world is what the objects of a host say about devices, by namespace and name.
type world struct {
	mtus      map[[2]string]int
	addresses map[[2]string][]netip.Prefix
	spaces    map[string]bool
}

func namespaces(h limits.Host) world {
	w := world{map[[2]string]int{}, map[[2]string][]netip.Prefix{}, map[string]bool{}}
	for _, o := range h.Objects() {
		switch o := o.(type) {
		case *object.Namespace:
			w.spaces[o.Name] = true
		case *object.Veth:
			w.mtus[[2]string{o.Namespace, o.Name}] = o.MTU
			w.mtus[[2]string{o.Peer.Namespace, o.Peer.Name}] = o.MTU
		case *object.Addresses:
			at := [2]string{o.Namespace, o.Device}
			w.addresses[at] = append(w.addresses[at], o.Prefixes...)
		case *object.Route:
			if at := [2]string{o.Namespace, o.Device}; !o.Via.IsValid() {
				w.addresses[at] = append(w.addresses[at], o.Destination)
			}
		}
	}
	return w
}

// fault says what in an object the kernel or the switch would not accept; empty if nothing.
func (w world) fault(o object.Object) string {
	switch o := o.(type) {
	case *object.FlowSet:
		return flowFault(o)
	case *object.OVSPort:
		return switchFault(o.Device)
	case *object.Uplink:
		return switchFault(o.Device)
	case *object.Announcement:
		if _, err := announce.Frames(o); err != nil {
			return err.Error()
		}
		return nameFault(o.Device)
	case *object.Veth:
		if why := nameFault(o.Name) + nameFault(o.Peer.Name); why != "" {
			return why
		}
		return mtuFault(o.MTU)
	case *object.Link:
		return mtuFault(o.MTU) + nameFault(o.Name)
	case *object.LinuxBridge:
		return mtuFault(o.MTU) + nameFault(o.Name) + macFault(o.MAC)
	case *object.VLANDevice:
		if o.ID < 1 || o.ID > 4094 {
			return "it has no VLAN id that the kernel takes"
		}
		return mtuFault(o.MTU) + nameFault(o.Name)
	case *object.BridgePort:
		return macFault(o.MACs...) + nameFault(o.Device) + nameFault(o.Bridge)
	case *object.Session:
		return macFault(o.Local, o.Remote) + nameFault(o.Device) + nameFault(o.PeerDevice)
	case *object.Namespace:
		if len(o.Name) > 255 || strings.ContainsAny(o.Name, "/\x00") {
			return "its name is no file name"
		}
	case *object.Addresses:
		for _, p := range o.Prefixes {
			if why := w.deviceFault(o.Namespace, o.Device, p.Addr()); why != "" {
				return why
			}
		}
	case *object.NATTable:
		return o.Rates.Ingress.Fault() + o.Rates.Egress.Fault()
	case *object.NATMapping:
		return o.Rates.Ingress.Fault() + o.Rates.Egress.Fault()
	case *object.Route:
		return w.routeFault(o)
	case *object.Neighbor:
		return w.deviceFault(o.Namespace, o.Device, o.Address)
	case *object.Proxy:
		return w.deviceFault(o.Namespace, o.Device, o.Address)
	}
	return ""
}

func flowFault(o *object.FlowSet) string {
	for _, f := range o.Flows {
		if _, err := openflow.AppendBundleAdd(nil, 1, openflow.FlowMod{Command: openflow.Add, Cookie: o.Cookie, Flow: f}); err != nil {
			return f.String() + ": " + err.Error()
		}
	}
	return ""
}

// switchFault: Open vSwitch does not open a device that has a name which it reserves for its own (netdev_is_reserved_name).
func switchFault(name string) string {
	for _, tunnel := range []string{"genev", "gre", "ip6gre", "erspan", "ip6erspan", "lisp", "stt", "udp", "vxlan", "gtpu"} {
		if strings.HasPrefix(name, tunnel+"_sys") {
			return "Open vSwitch keeps the name for a tunnel"
		}
	}
	if name == "ovs-system" || name == "ovs-netdev" {
		return "Open vSwitch keeps the name for a datapath"
	}
	return nameFault(name)
}

// nameFault: IFNAMSIZ is 16, including the terminating zero.
func nameFault(name string) string {
	if len(name) > 15 {
		return "device name " + name + " is longer than 15 bytes"
	}
	return ""
}

// macFault: the kernel accepts only unicast addresses (is_valid_ether_addr).
func macFault(macs ...object.MAC) string {
	for _, m := range macs {
		if m == (object.MAC{}) || m[0]&1 != 0 {
			return m.String() + " is no station's address"
		}
	}
	return ""
}

// mtuFault: the least MTU of veths (ETH_MIN_MTU), and the greatest of taps (linux/tun.c: MAX_MTU less the Ethernet header).
func mtuFault(mtu int) string {
	if mtu < 68 || mtu > 65521 {
		return "its MTU is none that a device of any kind takes"
	}
	return ""
}

// deviceFault: a device in one of Weft's namespaces may have only addresses of a family that the kernel has on it.
func (w world) deviceFault(namespace, device string, a netip.Addr) string {
	mtu, made := w.mtus[[2]string{namespace, device}]
	switch {
	case !w.spaces[namespace] || !made:
		return "nobody makes its namespace or its device"
	case a.Is6() && mtu < model.MinMTUv6:
		return "IPv6 on a device with an MTU below 1280"
	}
	return ""
}

// routeFault: the kernel accepts only a next hop that is on the device's link.
func (w world) routeFault(r *object.Route) string {
	if why := w.deviceFault(r.Namespace, r.Device, r.Destination.Addr()); why != "" || !r.Via.IsValid() {
		return why
	}
	if r.Via.Is4() != r.Destination.Addr().Is4() {
		return "the next hop is of another family"
	}
	for _, p := range w.addresses[[2]string{r.Namespace, r.Device}] {
		if p.Contains(r.Via) {
			return ""
		}
	}
	return "the next hop is on no link of the device"
}
