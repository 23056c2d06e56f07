package openvswitch_test

import (
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile/internal/fixture"
)

// TestStrangersOnTheBridgeAreSilent: whoever is behind an undeclared interface cannot talk to the host, like a guest.
func TestStrangersOnTheBridgeAreSilent(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	x := fixture.Indexed(in)
	in.Index = x
	host := in.Config.Host().Key()
	silent := func() (names []string) {
		for _, o := range fixture.Noted(in, host).Objects {
			if s, ok := o.(*object.SilentDevice); ok {
				names = append(names, s.Device)
			}
		}
		return names
	}
	before := silent()
	add := func(name, bridge, id string, addresses ...netip.Prefix) bool {
		in.Facts.Links[name] = object.LinkFacts{Index: 100 + len(in.Facts.Links), Addresses: addresses}
		in.Facts.Interfaces[name] = object.InterfaceFacts{Bridge: bridge, InterfaceID: id}
		return slices.Contains(x.Observe(in.Facts, []string{name}), host)
	}
	const bridge = "br-int"
	if !add("vnet8", bridge, "of-another-cloud") || !add("odd0", bridge, "") {
		t.Error("the host was not compiled again")
	}
	add("mgmt0", bridge, "", netip.MustParsePrefix("192.0.2.9/24"))
	if add("elsewhere0", "br-ext", ""); slices.Contains(silent(), "elsewhere0") {
		t.Error("an interface of another bridge was touched")
	}
	if got, want := silent(), append(slices.Clone(before), "odd0", "vnet8"); !equalNames(got, want) {
		t.Errorf("silent are %v, expected %v: an address may be what the host is reached by", got, want)
	}
	in.Facts.Links["mgmt0"] = object.LinkFacts{Index: in.Facts.Links["mgmt0"].Index}
	if dirty := x.Observe(in.Facts, []string{"mgmt0"}); !slices.Contains(dirty, host) || !slices.Contains(silent(), "mgmt0") {
		t.Errorf("the address is gone: compiled again %v, silent are %v", dirty, silent())
	}
	// A port is declared for one of them. The interface then belongs to the port.
	p := *in.Config.Port(fixture.PortWeb)
	p.UID, p.Device, p.InterfaceID = "20000000-0000-4000-8000-000000000099", "", "of-another-cloud"
	in.Config.Put(&p)
	if dirty := x.Update(in.Config, desired.Key{Kind: desired.KindPort, UID: p.UID}); !slices.Contains(dirty, host) || slices.Contains(silent(), "vnet8") {
		t.Errorf("declared: compiled again %v, of the host silent are %v", dirty, silent())
	}
	fixture.Noted(in, p.Key())
	if dirty := x.Update(in.Config, desired.Key{Kind: desired.KindPort, UID: p.UID}); slices.Contains(dirty, host) {
		t.Error("nothing about strangers changed, and the host was compiled again")
	}
}

func equalNames(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
