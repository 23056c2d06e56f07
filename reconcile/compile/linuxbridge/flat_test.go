package linuxbridge_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
)

const vlanUID = "bbbbbbbb-0000-4000-8000-000000000002"

// flatSite is a site with a flat network on a NIC of its own, and a network in a VLAN of the same NIC.
func flatSite() compile.Input {
	in := site()
	n := in.Config.Network(netUID)
	n.Type, n.SegmentationID = model.NetworkTypeFlat, 0
	in.Config.Put(&desired.Network{UID: vlanUID, Project: "alpha", Name: "blue", Type: model.NetworkTypeVLAN, PhysicalNetwork: "rack", SegmentationID: 102, MTU: 1450})
	in.Facts.Links["eth0"] = object.LinkFacts{Kind: "device", MTU: 9000}
	return in
}

// TestFlatNetworkEnslavesTheNIC: it becomes a port of the bridge after port security knows it and the host's own stack is kept off it.
func TestFlatNetworkEnslavesTheNIC(t *testing.T) {
	t.Parallel()
	u := compiled(t, flatSite(), desired.KindNetwork, netUID)
	port, elements, silent := find[*object.BridgePort](u), find[*object.PortSecurityElements](u), find[*object.SilentDevice](u)
	if u.Pending != "" || port == nil || elements == nil || silent == nil || find[*object.VLANDevice](u) != nil {
		t.Fatalf("pending %q, objects %v", u.Pending, u.Objects)
	}
	if port.Device != "eth0" || port.Bridge != linuxbridge.BridgeName(netUID) || len(port.MACs) > 0 || silent.Device != "eth0" {
		t.Errorf("%+v, %+v", port, silent)
	}
	for _, k := range []object.Key{elements.Key(), silent.Key(), {Kind: object.KindPortSecurityUplink, Name: "eth0"}, {Kind: object.KindLink, Name: "eth0"}} {
		if !slices.Contains(port.DependsOn(), k) {
			t.Errorf("the NIC is enslaved before %v: %v", k, port.DependsOn())
		}
	}
	if !slices.Contains(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityUplinks, Interface: "eth0"}) {
		t.Errorf("port security does not know the NIC as an uplink: %v", elements.Elements)
	}
	u = compiled(t, flatSite(), desired.KindPort, portUID)
	a := find[*object.Announcement](u)
	if a == nil || a.Device != "eth0" || a.VLAN != 0 || !slices.Contains(a.DependsOn(), object.Key{Kind: object.KindBridgePort, Name: "eth0"}) {
		t.Errorf("the guest is announced by %+v", a)
	}
}

// TestFlatNetworkAndItsNIC: a NIC that carries something is not taken, and one that is in use is not given back. VLAN devices work on it
// in each case, except in somebody else's bridge.
func TestFlatNetworkAndItsNIC(t *testing.T) {
	t.Parallel()
	bridge, address := linuxbridge.BridgeName(netUID), []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")}
	for name, c := range map[string]struct {
		link   object.LinkFacts
		says   string
		joined bool
		vlan   bool
	}{
		"free":                              {object.LinkFacts{}, "", true, true},
		"joined":                            {object.LinkFacts{Master: bridge, MasterOwner: netUID}, "", true, true},
		"joined to one of before":           {object.LinkFacts{Master: "wfb000000000000", MasterOwner: "gone"}, "", true, true},
		"an address":                        {object.LinkFacts{Addresses: address}, "carries address 192.0.2.11/24: a flat network needs a NIC of its own", false, true},
		"the default route":                 {object.LinkFacts{DefaultRoute: true}, "carries the default route", false, true},
		"the route to etcd":                 {object.LinkFacts{EtcdRoute: true}, "carries the route to etcd", false, true},
		"an address came later":             {object.LinkFacts{Master: bridge, MasterOwner: netUID, Addresses: address}, "is in use by guests but carries address", true, true},
		"address in another bridge of ours": {object.LinkFacts{Master: "wfb000000000000", MasterOwner: "gone", Addresses: address}, "carries address", false, true},
		"somebody else's bridge":            {object.LinkFacts{Master: "br0"}, "is enslaved to br0", false, false},
		"one that is named alike":           {object.LinkFacts{Master: bridge}, "is enslaved to " + bridge, false, false},
	} {
		in := flatSite()
		c.link.Kind, c.link.MTU = "device", 9000
		in.Facts.Links["eth0"] = c.link
		u := compiled(t, in, desired.KindNetwork, netUID)
		if joined := find[*object.BridgePort](u) != nil; joined != c.joined || !strings.Contains(u.Pending, c.says) || c.says == "" && u.Pending != "" {
			t.Errorf("%s: joined %v, pending %q", name, joined, u.Pending)
		}
		if find[*object.LinuxBridge](u) == nil {
			t.Errorf("%s: the guests of the host have no bridge", name)
		}
		if silent := find[*object.SilentDevice](u); silent != nil != (c.joined && len(c.link.Addresses) == 0) {
			t.Errorf("%s: the NIC is silent: %v", name, silent != nil)
		}
		v := compiled(t, in, desired.KindNetwork, vlanUID)
		if device := find[*object.VLANDevice](v); device != nil != c.vlan || c.vlan && (device.ID != 102 || device.Parent != "eth0") {
			t.Errorf("%s: the VLAN beside it: %+v, pending %q", name, device, v.Pending)
		}
		if h := compile.Compile(in, desired.Key{Kind: desired.KindHost, UID: hostUID}); c.vlan && find[*object.PortSecurityUplink](h) == nil {
			t.Errorf("%s: the NIC has no filter", name)
		}
	}
}

// TestNoVLANZero: whatever a host is told, it makes no VLAN device with an id that is none.
func TestNoVLANZero(t *testing.T) {
	t.Parallel()
	for _, n := range []desired.Network{{Type: model.NetworkTypeVLAN}, {Type: model.NetworkTypeFlat}, {Type: model.NetworkTypeFlat, SegmentationID: 7}, {Type: "vxlan"}, {}} {
		in := flatSite()
		was := in.Config.Network(netUID)
		was.Type, was.SegmentationID = n.Type, n.SegmentationID
		u := compile.Compile(in, desired.Key{Kind: desired.KindNetwork, UID: netUID})
		if device := find[*object.VLANDevice](u); device != nil {
			t.Errorf("type %q, id %d: VLAN device %+v", n.Type, n.SegmentationID, device)
		}
	}
}
