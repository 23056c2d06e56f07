package nft

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// drawManagement draws prefixes of both families that do not overlap, in order. Some are next to each other.
func drawManagement(t *rapid.T) (list []netip.Prefix) {
	for range rapid.IntRange(0, 12).Draw(t, "prefixes") {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		a := netip.AddrFrom4([4]byte{198, 51, b[0] % 4, b[1]})
		bits := rapid.IntRange(18, 32).Draw(t, "bits")
		if rapid.Bool().Draw(t, "v6") {
			a, bits = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, b[0] % 4, b[1]}), rapid.IntRange(40, 128).Draw(t, "bits6")
		}
		if p := netip.PrefixFrom(a, bits).Masked(); !slices.ContainsFunc(list, p.Overlaps) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return list
}

// TestManagementRoundTrip: the prefixes are read out of the elements as they were written, in any order and through a message.
func TestManagementRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := drawManagement(t)
		if why := managementFault(list); why != "" {
			t.Fatal(why)
		}
		var sent []element
		for _, p := range list {
			ends := managementElements(p)
			sent = append(sent, ends[0], ends[1])
		}
		sent = rapid.Permutation(sent).Draw(t, "order")
		var heard []element
		for _, r := range elementRequests(unix.NFT_MSG_NEWSETELEM, sent) {
			messages, err := syscall.ParseNetlinkMessage(r.Bytes())
			if err != nil || len(messages) != 1 {
				t.Fatalf("%d messages: %v", len(messages), err)
			}
			elements, err := elementsOf(messages[0])
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, elements...)
		}
		if got, ok := managementOf(heard); !ok || !slices.Equal(got, list) {
			t.Fatalf("%v was read as %v, %v", list, got, ok)
		}
		if len(sent) > 0 {
			gone := rapid.IntRange(0, len(sent)-1).Draw(t, "gone")
			if got, ok := managementOf(slices.Delete(sent, gone, gone+1)); ok {
				t.Fatalf("with a missing end it is read as %v", got)
			}
		}
	})
}

// TestManagementCostsNoRule: prefixes are elements, so their number changes no rule.
func TestManagementCostsNoRule(t *testing.T) {
	t.Parallel()
	known := &versions{}
	v := loaded(t, wantedTable(), known)
	more := wantedTable()
	more.Management = append(more.Management, netip.MustParsePrefix("203.0.113.7/32"))
	remove, add := v.hostDelta(more)
	if !v.sound(more, known) || len(remove) != 0 || len(add) != 2 {
		t.Errorf("one more prefix: sound %v, %d removed, %d added", v.sound(more, known), len(remove), len(add))
	}
	more.Management = nil
	if remove, add = v.hostDelta(more); len(remove) != 6 || len(add) != 0 {
		t.Errorf("no prefix: %d removed, %d added", len(remove), len(add))
	}
	if object.NATRouter == object.NATExternal || !slices.Contains(Reasons(), counterManagement) {
		t.Error("what is dropped is not counted")
	}
}
