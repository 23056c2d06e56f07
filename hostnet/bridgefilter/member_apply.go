package bridgefilter

import (
	"net/netip"
	"slices"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// addMembers notes which shards have which members after a change. An address may be in two shards for a moment, while it moves from one to another.
func (d *Driver) addMembers(t *transaction, c object.Change) {
	want := map[netip.Prefix]bool{}
	k := c.Key()
	var scope memberScope
	var number uint16
	if m, wanted := c.Desired.(*object.FilterMembers); wanted {
		scope, number = scopeOf(m), m.Shard
		for _, p := range m.Members {
			want[p] = true
		}
	} else {
		m := c.Observed.(*object.FilterMembers)
		scope, number = scopeOf(m), m.Shard
	}
	if t.owners[scope] == nil {
		t.owners[scope] = map[netip.Prefix][]uint16{}
	}
	now := func(p netip.Prefix) []uint16 {
		if shards, changed := t.owners[scope][p]; changed {
			return shards
		}
		return d.cache.owners[scope][p]
	}
	if s := d.cache.shards[k]; s != nil {
		for p := range s.members {
			if !want[p] {
				t.owners[scope][p] = slices.DeleteFunc(slices.Clone(now(p)), func(n uint16) bool { return n == number })
			}
		}
	}
	for p := range want {
		if shards := now(p); !slices.Contains(shards, number) {
			t.owners[scope][p] = slices.Sorted(slices.Values(append(slices.Clone(shards), number)))
		}
	}
}

// addOwners makes elements of what addMembers has noted. An element whose shards change is replaced: in one transaction a packet finds it all the
// time.
func (d *Driver) addOwners(t *transaction) error {
	for scope, members := range t.owners {
		for member, now := range members {
			before := d.cache.owners[scope][member]
			if slices.Equal(before, now) {
				continue
			}
			set := scope.set(member).name()
			e, err := scope.element(member, now)
			if err != nil {
				return err
			}
			if len(before) > 0 {
				t.gone[set] = append(t.gone[set], nftables.SetElement{Key: e.Key, KeyEnd: e.KeyEnd})
			}
			if len(now) > 0 {
				t.come[set] = append(t.come[set], e)
			}
			t.after = append(t.after, func() { d.cache.setOwners(scope, member, now) })
		}
	}
	return nil
}
