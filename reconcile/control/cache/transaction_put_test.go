package cache

import (
	"net/netip"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// A large set with one changed entry is encoded once. Decoding the old value, or reading back what was written, would cost many
// times as much, for each node.
//
// It counts allocations. This is only possible while no other test runs, so it is not parallel.
func TestAChangedSetIsWrittenOutOnce(t *testing.T) {
	const entries = 200
	set := func(mac byte) *desired.Neighbors {
		n := &desired.Neighbors{UID: "u-0", Network: "u"}
		for i := range entries {
			a := model.Address{Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}
			n.Entries = append(n.Entries, desired.Neighbor{Address: a, MAC: model.MAC{2, 0, 0, 0, 0, byte(i)}})
		}
		n.Entries[0].MAC[5] = mac
		return n
	}
	c := New(Kinds{Items: []ItemKind{{ItemKind: desired.NeighborsKind()}}})
	tx := c.Begin()
	mac := byte(0)
	write := func() {
		mac++
		if changed, err := tx.PutItem("h1", set(mac)); err != nil || !changed {
			t.Fatalf("changed: %v %v", changed, err)
		}
	}
	write()
	written := testing.AllocsPerRun(10, write)
	encoded := testing.AllocsPerRun(10, func() {
		if _, err := etcdschema.Encode(set(1)); err != nil {
			t.Fatal(err)
		}
	})
	if written > 1.5*encoded {
		t.Errorf("%.0f allocations, and %.0f for writing the set out", written, encoded)
	}
}
