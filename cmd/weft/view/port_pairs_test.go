package view

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// TestPairsAreShown: what was declared with its claims, and what a host was told. The port's own MAC is not repeated.
func TestPairsAreShown(t *testing.T) {
	t.Parallel()
	block := func(s string) model.AddressBlock { return model.AddressBlock{Prefix: netip.MustParsePrefix(s)} }
	own, virtual := model.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}, model.MAC{0, 0, 0x5e, 0, 1, 0x33}
	e := Entry{
		Object: model.Object{Spec: &model.PortSpec{AllowedAddressPairs: []model.AddressPair{
			{Address: block("10.0.0.50/32")}, {Address: block("10.0.0.64/28"), MAC: virtual}, {Address: block("2001:db8::50/128"), MAC: own}}}},
		Status: etcdschema.Status{UID: "u", Allocated: etcdschema.Allocated{MAC: own}},
	}
	facts := portFacts(e, Records{}, time.Time{})
	want := Fact{"allowed address pairs", "10.0.0.50, 10.0.0.64/28 with 00:00:5e:00:01:33, 2001:db8::50 with fa:16:3e:00:00:01"}
	if !slices.Contains(facts, want) {
		t.Errorf("%q, expected %q", facts, want)
	}
	var claims []string
	for _, k := range pairClaims(e, "n") {
		claims = append(claims, k.String())
	}
	if want := []string{"claim/address-pair/n/10.0.0.50%2f32/u", "claim/address-pair/n/10.0.0.64%2f28/u", "claim/pair-mac/00:00:5e:00:01:33/u",
		"claim/address-pair/n/2001:db8::50%2f128/u"}; !slices.Equal(claims, want) {
		t.Errorf("claims %q, expected %q", claims, want)
	}
	p := &desired.Port{State: desired.StateActive, MAC: own, AddressPairs: []desired.AddressPair{{Address: block("10.0.0.50/32"), MAC: own}, {Address: block("10.0.0.64/28"), MAC: virtual}}}
	lines := portOnHost(etcdschema.NodeStatus{}, HostRecords{Port: p}, time.Time{})
	if want := "allowed address pairs: 10.0.0.50, 10.0.0.64/28 with 00:00:5e:00:01:33"; len(lines) != 2 || lines[1] != want {
		t.Errorf("%q, expected %q", lines, want)
	}
}
