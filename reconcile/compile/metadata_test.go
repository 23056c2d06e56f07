package compile_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// portWith compiles the fixture's port after a change.
func portWith(change func(c *desired.NodeConfig, n *desired.Network, p *desired.Port)) (compile.Result, *object.MetadataBinding) {
	in := fixture.Plain()
	change(in.Config, in.Config.Network(fixture.NetRed), in.Config.Port(fixture.PortWeb))
	r := compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortWeb))
	return r, fixture.First[*object.MetadataBinding](r)
}

// TestMetadataOfAPort: every active port is served, with what its item says if there is one, and with all that the guest must know of its
// network.
func TestMetadataOfAPort(t *testing.T) {
	t.Parallel()
	_, bare := portWith(func(_ *desired.NodeConfig, n *desired.Network, _ *desired.Port) { n.DHCP.MTU = 0 })
	if bare == nil || bare.UserData != nil || bare.MTU != 1450 || bare.OwnerUID != fixture.PortWeb || len(bare.Addresses) != 2 || bare.DHCP {
		t.Fatalf("a port that says nothing for its guest: %+v", bare)
	}
	m := &desired.Metadata{UID: fixture.PortWeb, UserData: []byte("data"), SSHKeys: []string{"key"}, Words: []model.MetadataItem{{Key: "k", Value: "v"}}}
	r, full := portWith(func(c *desired.NodeConfig, n *desired.Network, p *desired.Port) {
		c.Put(m)
		n.Subnets[0].Gateway = fixture.Address("10.1.0.1")
		p.AddressPairs = []desired.AddressPair{{Address: model.AddressBlock{Prefix: netip.MustParsePrefix("10.1.0.64/28")}, MAC: p.MAC},
			{Address: model.AddressBlock{Prefix: netip.MustParsePrefix("10.1.0.50/32")}, MAC: model.MAC{2, 0, 0, 0, 0, 9}}}
	})
	if full == nil {
		t.Fatalf("not served: %q %q", r.Refused, r.Pending)
	}
	if string(full.UserData) != "data" || len(full.SSHKeys) != 1 || string(full.SSHKeys[0]) != "key" || len(full.Words) != 1 || string(full.Words[0].Value) != "v" {
		t.Errorf("what the port says for its guest: %+v", full)
	}
	if !slices.Equal(full.Sources, []netip.Prefix{netip.MustParsePrefix("10.1.0.64/28")}) {
		t.Errorf("the guest may use %v besides its addresses", full.Sources)
	}
	if !slices.Equal(full.Gateways, []netip.Addr{netip.MustParseAddr("10.1.0.1")}) || len(full.Routes) == 0 {
		t.Errorf("the guest's routes: %+v", full)
	}
	for gateway, want := range map[string]int{"10.1.0.1": 0, "": 1} { // a guest without a default route gets a route to the service
		r, _ := portWith(func(_ *desired.NodeConfig, n *desired.Network, _ *desired.Port) {
			n.Subnets[0].Gateway = model.Address{}
			if gateway != "" {
				n.Subnets[0].Gateway = fixture.Address(gateway)
			}
		})
		if lease := fixture.First[*object.DHCPBinding](r).V4[0]; len(lease.OnLink) != want {
			t.Errorf("gateway %q: on the link are %v", gateway, lease.OnLink)
		}
	}
	for name, change := range map[string]func(c *desired.NodeConfig, n *desired.Network, p *desired.Port){
		"standby": func(_ *desired.NodeConfig, _ *desired.Network, p *desired.Port) { p.State = desired.StateStandby },
		"refused": func(_ *desired.NodeConfig, _ *desired.Network, p *desired.Port) { p.MAC = model.MAC{} },
	} {
		if _, b := portWith(change); b != nil {
			t.Errorf("%s: the port is served", name)
		}
	}
}

// TestGatewayOutsideOfItsSubnet: the guest is told to ask by DHCP, if DHCP says all that the documents would.
func TestGatewayOutsideOfItsSubnet(t *testing.T) {
	t.Parallel()
	outside := func(n *desired.Network) { n.Subnets[0].Gateway = fixture.Address("192.0.2.1") }
	for name, c := range map[string]struct {
		change func(c *desired.NodeConfig, n *desired.Network, p *desired.Port)
		dhcp   bool
	}{
		"in the subnet": {func(_ *desired.NodeConfig, n *desired.Network, _ *desired.Port) {
			n.Subnets[0].Gateway = fixture.Address("10.1.0.1")
		}, false},
		"on the link": {func(_ *desired.NodeConfig, n *desired.Network, _ *desired.Port) {
			n.Subnets[1].Gateway = fixture.Address("fe80::1")
		}, false},
		"outside": {func(_ *desired.NodeConfig, n *desired.Network, _ *desired.Port) { outside(n) }, true},
		"without a lease": {func(_ *desired.NodeConfig, n *desired.Network, _ *desired.Port) {
			outside(n)
			n.Subnets[0].DHCPServer = model.Address{}
		}, false},
		"with two of a kind": {func(_ *desired.NodeConfig, n *desired.Network, p *desired.Port) {
			outside(n)
			p.Addresses = append(p.Addresses, fixture.Address("10.1.0.77"))
		}, false},
	} {
		if r, b := portWith(c.change); b == nil {
			t.Errorf("%s: not served: %q %q", name, r.Refused, r.Pending)
		} else if b.DHCP != c.dhcp {
			t.Errorf("%s: asks by DHCP: %v", name, b.DHCP)
		}
	}
}

// TestFaultyMetadata: a port is wired although what is for its guest is more than a host takes. The reason says so.
func TestFaultyMetadata(t *testing.T) {
	t.Parallel()
	for why, m := range map[string]*desired.Metadata{
		"user data has more than 128 KiB":  {UserData: make([]byte, 128<<10+1)},
		"more than 64 SSH keys":            {SSHKeys: make([]string, 65)},
		"one has more than 16 KiB":         {SSHKeys: []string{strings.Repeat("x", 16<<10+1)}},
		"more than 512 words":              {Words: make([]model.MetadataItem, 513)},
		"a word of metadata has more than": {Words: []model.MetadataItem{{Key: "k", Value: strings.Repeat("x", 16<<10)}}},
	} {
		m.UID = fixture.PortWeb
		r, b := portWith(func(c *desired.NodeConfig, _ *desired.Network, _ *desired.Port) { c.Put(m) })
		if b != nil || fixture.First[*object.DHCPBinding](r) == nil || !strings.Contains(r.Pending, why) {
			t.Errorf("%s: served %v, pending %q", why, b != nil, r.Pending)
		}
	}
}

// TestMetadataIsReadByItsPort: a change of the item compiles its port again, and nothing else.
func TestMetadataIsReadByItsPort(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	in.Index = compile.NewIndex(in.Config, in.Facts)
	for _, k := range in.Config.Keys() {
		in.Index.Compiled(compile.Compile(in, k))
	}
	m := &desired.Metadata{UID: fixture.PortWeb, UserData: []byte("data")}
	in.Config.Put(m)
	got := in.Index.Update(in.Config, m.Key())
	want := []desired.Key{{Kind: desired.KindMetadata, UID: fixture.PortWeb}, {Kind: desired.KindPort, UID: fixture.PortWeb}}
	slices.SortFunc(got, desired.Key.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("compiled again: %v, expected %v", got, want)
	}
}
