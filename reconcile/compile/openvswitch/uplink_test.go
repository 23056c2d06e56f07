package openvswitch_test

import (
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// TestUplinkFaults: an uplink that the host needs, or that is declared wrongly, is not used. The bridge and the others stay.
func TestUplinkFaults(t *testing.T) {
	t.Parallel()
	second := func(up desired.Uplink) func(compile.Input) {
		return func(in compile.Input) {
			in.Config.Host().Uplinks = append(in.Config.Host().Uplinks, up)
			in.Facts.Links["eth2"] = object.LinkFacts{MTU: 1500}
			in.Facts.Interfaces["eth2"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 2, OwnerUID: fixture.HostUID, Created: true}
		}
	}
	fixture.AskAll(t, fixture.Plain, fixture.Key(desired.KindHost, fixture.HostUID), []ask{
		{"two of one physical network", second(desired.Uplink{PhysicalNetwork: "rack", Interface: "eth2"}), "", "the physical network has uplink eth1 already"},
		{"two of two", second(desired.Uplink{PhysicalNetwork: "other", Interface: "eth2"}), "", ""},
		{"the bridge itself", second(desired.Uplink{PhysicalNetwork: "other", Interface: "br-int"}), "", "uplink br-int of physical network other: it is the bridge itself"},
		{"without a name", second(desired.Uplink{PhysicalNetwork: "other"}), "", `uplink "" of physical network other: the name is empty`},
		{"a star", second(desired.Uplink{PhysicalNetwork: "other", Interface: "eth*"}), "", "the name holds a byte"},
		{"no number", func(in compile.Input) {
			fixture.Interface(in, "eth1", func(i *object.InterfaceFacts) { i.OFPort, i.Error = 0, "busy" })
		}, `uplink eth1 of physical network rack: waits for an OpenFlow port number: OVS says "busy"`, ""},
		{"enslaved to the datapath", func(in compile.Input) {
			fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.Master = "ovs-system" })
		}, "", ""},
		{"the route to etcd, without address", func(in compile.Input) { fixture.Link(in, "eth1", func(l *object.LinkFacts) { l.EtcdRoute = true }) },
			"is in use by guests but carries the route to etcd", ""},
		{"no bridge", func(in compile.Input) { in.Config.Host().Bridge = "" }, "", `bridge "" is empty`},
		{"a bridge with a long name", func(in compile.Input) { in.Config.Host().Bridge = "br-" + strings.Repeat("é", 40) }, "", `\u00e9`},
	})
	in := fixture.Plain()
	in.Config.Host().Bridge = strings.Repeat("b", 200)
	if u := compile.Compile(in, fixture.Key(desired.KindHost, fixture.HostUID)); !strings.Contains(u.Refused, `"`+strings.Repeat("b", 64)+`"…`) {
		t.Errorf("a name of 200 bytes is told as %s", u.Refused)
	}
}
