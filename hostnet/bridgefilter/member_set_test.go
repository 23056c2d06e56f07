package bridgefilter

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// TestMembersAreReadBack: an element says whose it is, where, and of which shards.
func TestMembersAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scope := memberScope{group: rapid.Uint32().Draw(t, "group"), bridge: "wfb0123456789ab"}
		if rapid.Bool().Draw(t, "router") {
			scope.bridge, scope.router = "", rapid.Uint32().Draw(t, "number")
		}
		address := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4")))
		if rapid.Bool().Draw(t, "IPv6") {
			address = netip.AddrFrom16([16]byte(append([]byte{0xfd}, rapid.SliceOfN(rapid.Byte(), 15, 15).Draw(t, "IPv6")...)))
		}
		member := netip.PrefixFrom(address, rapid.IntRange(1, address.BitLen()).Draw(t, "bits")).Masked()
		shards := slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.Uint16Range(0, 4095), 1, 3, rapid.ID).Draw(t, "shards")))
		e, err := scope.element(member, shards)
		if err != nil {
			t.Fatal(err)
		}
		set := scope.set(member)
		gotScope, gotMember, ok := set.decodeMember(e)
		if !ok || gotScope != scope || gotMember != member || !slices.Equal(shardsOf(e.Comment), shards) {
			t.Fatalf("%v %s of %v is read back as %v %s of %v, %v", scope, member, shards, gotScope, gotMember, shardsOf(e.Comment), ok)
		}
		others := 0
		for _, s := range memberSets(scope.group) {
			if s.name() == set.name() {
				others++
			}
		}
		if others != 1 {
			t.Fatalf("%d of the group's sets are named %s", others, set.name())
		}
	})
}

// TestMembersThatNoSetTakes: what is not in canonical form, and bridges that cannot be.
func TestMembersThatNoSetTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope  memberScope
		member netip.Prefix
	}{
		{memberScope{bridge: "wfb1"}, netip.Prefix{}}, {memberScope{bridge: "wfb1"}, netip.MustParsePrefix("10.0.0.1/8")},
		{memberScope{bridge: "wfb1"}, netip.MustParsePrefix("::ffff:10.0.0.0/104")}, {memberScope{bridge: "a-name-of-16-byte"}, netip.MustParsePrefix("10.0.0.1/32")},
	} {
		if e, err := c.scope.element(c.member, nil); err == nil {
			t.Errorf("%v: %s became %v", c.scope, c.member, e)
		}
	}
}

// TestStrayMembers: what somebody adds belongs to a shard that nobody desires, so that it is removed.
func TestStrayMembers(t *testing.T) {
	t.Parallel()
	for comment, want := range map[string][]uint16{"": {strayShard}, "x": {strayShard}, "3": {3}, "7 3 3": {3, 7}, "3 99999": {3, strayShard}} {
		if got := shardsOf(comment); !slices.Equal(got, want) {
			t.Errorf("%q is of the shards %v, expected %v", comment, got, want)
		}
	}
}

// TestCacheOfMembers: owners and shards are two views of the same elements.
func TestCacheOfMembers(t *testing.T) {
	t.Parallel()
	c := newCache()
	c.exists = true
	scope, a, b := memberScope{group: 1, bridge: "wfb1"}, netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32")
	members := func(n uint16) []netip.Prefix {
		o, ok := c.object(shardKey(scope, n)).(*object.FilterMembers)
		if !ok {
			return nil
		}
		slices.SortFunc(o.Members, netip.Prefix.Compare)
		return o.Members
	}
	c.setOwners(scope, a, []uint16{1, 2})
	c.setOwners(scope, b, []uint16{2})
	if !slices.Equal(members(1), []netip.Prefix{a}) || !slices.Equal(members(2), []netip.Prefix{a, b}) {
		t.Errorf("shard 1 has %v, shard 2 %v", members(1), members(2))
	}
	c.setOwners(scope, a, []uint16{2})
	if len(members(1)) != 0 || !slices.Equal(members(2), []netip.Prefix{a, b}) {
		t.Errorf("shard 1 has %v, shard 2 %v", members(1), members(2))
	}
	fresh := newCache()
	fresh.exists = true
	if keys := c.changed(&fresh); !slices.Equal(keys, []object.Key{shardKey(scope, 2)}) {
		t.Errorf("changed: %v", keys)
	}
	c.setOwners(scope, a, nil)
	c.setOwners(scope, b, nil)
	if len(c.owners)+len(c.shards) != 0 {
		t.Errorf("left: %v, %v", c.owners, c.shards)
	}
}
