package openvswitch_test

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// ask is fixture.Ask.
type ask fixture.Ask

// TestWhatTheHostNeedsIsNoGuests: an adopted interface, or a device, that the host itself needs.
func TestWhatTheHostNeedsIsNoGuests(t *testing.T) {
	t.Parallel()
	fixture.AskAll(t, fixture.Routed, fixture.Key(desired.KindPort, fixture.PortWeb), []ask{
		{"an external network's device", func(in compile.Input) {
			in.Config.Port(fixture.PortWeb).Device = compile.ExternalGatewayDevice(fixture.NetPublic)
		}, "", "is an external network's"},
		{"a device with an address", func(in compile.Input) {
			delete(in.Facts.Interfaces, "tapweb")
			fixture.Link(in, "tapweb", func(l *object.LinkFacts) { l.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")} })
		}, "", "device tapweb carries address 192.0.2.9/24"},
		{"a device with the default route", func(in compile.Input) {
			delete(in.Facts.Interfaces, "tapweb")
			fixture.Link(in, "tapweb", func(l *object.LinkFacts) { l.DefaultRoute = true })
		}, "", "device tapweb carries the default route"},
		{"a device that is plugged already may be up and have anything", func(in compile.Input) {
			fixture.Link(in, "tapweb", func(l *object.LinkFacts) { l.Kind, l.Master = "device", "ovs-system" })
		}, "", ""},
		{"netkit", func(in compile.Input) {
			delete(in.Facts.Interfaces, "tapweb")
			fixture.Link(in, "tapweb", func(l *object.LinkFacts) { l.Kind = "netkit" })
		}, "OpenFlow port number", ""},
	})
	fixture.AskAll(t, fixture.Plain, fixture.Key(desired.KindPort, fixture.PortDB), []ask{
		{"the adopted one is the uplink", func(in compile.Input) {
			delete(in.Facts.Interfaces, "vnet7")
			fixture.Interface(in, "eth1", func(i *object.InterfaceFacts) { i.Created, i.OwnerUID, i.InterfaceID = false, "", "if-tapdb" })
		}, "", "device eth1 is the uplink of physical network rack"},
		{"the adopted one is the bridge", func(in compile.Input) {
			delete(in.Facts.Interfaces, "vnet7")
			in.Facts.Interfaces["br-int"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 65534, InterfaceID: "if-tapdb"}
		}, "", "device br-int is the host's bridge"},
		{"the adopted one has no number", func(in compile.Input) {
			fixture.Interface(in, "vnet7", func(i *object.InterfaceFacts) { i.OFPort, i.Error = 0, "busy" })
		}, `waits for an OpenFlow port number of vnet7: OVS says "busy"`, ""},
		{"a number that is none", func(in compile.Input) {
			fixture.Interface(in, "vnet7", func(i *object.InterfaceFacts) { i.OFPort = 0xff00 })
		},
			"waits for an OpenFlow port number of vnet7", ""},
		{"the highest number", func(in compile.Input) {
			fixture.Interface(in, "vnet7", func(i *object.InterfaceFacts) { i.OFPort = 0xfeff })
		}, "", ""},
	})
}
