package linuxbridge_test

import (
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// TestManagementElements: one element for each prefix, for all guests of the host. Without a management network there is no such object.
func TestManagementElements(t *testing.T) {
	t.Parallel()
	in := site()
	if got := find[*object.PortSecurityElements](compiled(t, in, desired.KindHost, hostUID)); got != nil {
		t.Errorf("without a management network there is %v", got)
	}
	before := find[*object.PortSecurityElements](compiled(t, in, desired.KindPort, portUID))
	four, six := netip.MustParsePrefix("192.168.0.0/24"), netip.MustParsePrefix("2001:db8:5::/64")
	in.Config.Host().ManagementCIDRs = []model.Prefix{{Prefix: four}, {Prefix: six}}
	got := find[*object.PortSecurityElements](compiled(t, in, desired.KindHost, hostUID))
	want := []object.PortSecurityElement{{Set: object.PortSecurityManagement4, Block: four}, {Set: object.PortSecurityManagement6, Block: six}}
	if got == nil || got.Name != object.PortSecurityForAll || !slices.Equal(got.Elements, want) {
		t.Errorf("%+v, expected %v", got, want)
	}
	if after := find[*object.PortSecurityElements](compiled(t, in, desired.KindPort, portUID)); !slices.Equal(after.Elements, before.Elements) {
		t.Errorf("the port has %v", after.Elements)
	}
}
