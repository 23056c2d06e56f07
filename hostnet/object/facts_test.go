package object

import (
	"net/netip"
	"slices"
	"testing"
)

// TestDevicesThatDiffer: a device that came, went or changed in either part of the facts is named, once.
func TestDevicesThatDiffer(t *testing.T) {
	t.Parallel()
	link := func(index int) LinkFacts {
		return LinkFacts{Index: index, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, AltNames: []string{"long"}}
	}
	before := &Facts{Links: map[string]LinkFacts{"same": link(1), "other": link(2), "gone": link(3), "both": link(4)},
		Interfaces: map[string]InterfaceFacts{"same": {Row: "a"}, "replaced": {Row: "b"}, "both": {Row: "c"}}}
	after := &Facts{Links: map[string]LinkFacts{"same": link(1), "other": link(5), "both": link(6), "new": link(7)},
		Interfaces: map[string]InterfaceFacts{"same": {Row: "a"}, "replaced": {Row: "d"}}}
	want := []string{"both", "gone", "new", "other", "replaced"}
	for _, got := range [][]string{before.DevicesThatDiffer(after), after.DevicesThatDiffer(before)} {
		if !slices.Equal(got, want) {
			t.Errorf("%v differ, expected %v", got, want)
		}
	}
	if got := before.DevicesThatDiffer(before); len(got) > 0 {
		t.Errorf("%v differ from themselves", got)
	}
}
