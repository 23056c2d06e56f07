package kind

import (
	"net/netip"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

const (
	memberShardOf  cache.Source = "member-shard"  // group and network → the members in a shard
	memberShardsOf cache.Source = "member-shards" // group → the number of shards
)

// memberIndex has, by security group and network, the addresses of the group's ports. Ports without a host count: a bare machine that Weft
// does not wire has its addresses too.
type memberIndex struct {
	cache  *cache.Cache
	groups map[model.ID]*groupEntries
	sets   map[string]*cache.Shared // items as they must be, by uid and networks, until a member or a claim changes
}

// groupEntries are the members of one group.
type groupEntries struct {
	count    int
	networks map[model.ID]map[memberEntry]struct{}
}

// memberEntry is an address of a port, or a block of one of its allowed address pairs. It is comparable.
type memberEntry struct {
	block netip.Prefix
	pair  bool
	port  string // uid
}

// claim is the claim that the port must have for the entry.
func (m memberEntry) claim(networkUID string) etcdschema.Key {
	if m.pair {
		return etcdschema.AddressPairClaim(networkUID, m.block, m.port)
	}
	return etcdschema.AddressClaim(networkUID, model.Address{Addr: m.block.Addr()})
}

func newMemberIndex(c *cache.Cache) *memberIndex {
	return &memberIndex{cache: c, groups: map[model.ID]*groupEntries{}, sets: map[string]*cache.Shared{}}
}

// membersIn finds the index in the cache.
func membersIn(c *cache.Cache) *memberIndex { return c.Index(model.KindPort).(*portIndex).members }

// memberPort is what the index knows of a port.
type memberPort struct {
	network model.ID
	groups  []model.ID
	entries []memberEntry
}

func memberPortOf(a *etcdschema.Accepted) (m memberPort) {
	if a == nil || len(a.Allocated.SecurityGroups) == 0 {
		return m
	}
	s := a.Object.Spec.(*model.PortSpec)
	m.network = s.NetworkID(a.Object.Metadata.Project)
	for _, name := range a.Allocated.SecurityGroups {
		m.groups = append(m.groups, model.SecurityGroupID(a.Object.Metadata.Project, name))
	}
	for _, addr := range a.Allocated.Addresses {
		m.entries = append(m.entries, memberEntry{netip.PrefixFrom(addr.Addr, addr.BitLen()), false, a.UID})
	}
	for _, p := range s.AllowedAddressPairs {
		m.entries = append(m.entries, memberEntry{p.Address.Prefix, true, a.UID})
	}
	return m
}

// Change adds a port to its groups, or removes it.
func (x *memberIndex) Change(a *etcdschema.Accepted, add bool) {
	m := memberPortOf(a)
	for _, id := range m.groups {
		x.sets = cache.Cleared(x.sets)
		x.changeGroup(id, m, add)
	}
}

func (x *memberIndex) changeGroup(id model.ID, m memberPort, add bool) {
	g := x.groups[id]
	if g == nil {
		g = &groupEntries{networks: map[model.ID]map[memberEntry]struct{}{}}
		x.groups[id] = g
	}
	on := g.networks[m.network]
	if on == nil {
		on = map[memberEntry]struct{}{}
		g.networks[m.network] = on
	}
	for _, e := range m.entries {
		if add {
			on[e] = struct{}{}
			g.count++
		} else {
			delete(on, e)
			g.count--
		}
	}
	if len(on) == 0 {
		delete(g.networks, m.network)
	}
	if len(g.networks) == 0 {
		delete(x.groups, id)
	}
}

// ChangeClaim forgets the items, because a claim of an address decides who has it.
func (x *memberIndex) ChangeClaim(k etcdschema.Key, _ etcdschema.Claim, _ bool) {
	if _, is := networkOfClaim(k); is {
		x.sets = cache.Cleared(x.sets)
	}
}

// networkOfClaim reads the network's uid out of the claim of an address or of an allowed address pair.
func networkOfClaim(k etcdschema.Key) (networkUID string, ok bool) {
	if uid, _, is := etcdschema.ParseAddressClaim(k); is {
		return uid, true
	}
	uid, _, _, is := etcdschema.ParseAddressPairClaim(k)
	return uid, is
}

// Changed reports the shards in which a port changed.
func (x *memberIndex) Changed(was, is *etcdschema.Accepted, report func(cache.Read)) {
	before, after := memberPortOf(was), memberPortOf(is)
	if sameMember(before, after) {
		return
	}
	for _, id := range before.groups {
		x.reportGroup(id, before, report)
		if more := len(after.entries) - len(before.entries); slices.Contains(after.groups, id) {
			x.reportCount(id, more, report)
		} else {
			x.reportCount(id, -len(before.entries), report)
		}
	}
	for _, id := range after.groups {
		x.reportGroup(id, after, report)
		if !slices.Contains(before.groups, id) {
			x.reportCount(id, len(after.entries), report)
		}
	}
}

func sameMember(a, b memberPort) bool {
	return a.network == b.network && slices.Equal(a.groups, b.groups) && slices.Equal(a.entries, b.entries)
}

// reportGroup reports the shard of a port in one of its groups.
func (x *memberIndex) reportGroup(id model.ID, m memberPort, report func(cache.Read)) {
	if len(m.entries) > 0 {
		report(cache.Read{Of: memberShardOf, Name: membersName(id, m.network), Part: shardFor(m.entries[0].port, shardsFor(x.countOf(id)))})
	}
}

// reportCount reports a change of the number of shards, of a group that has so many entries more than before.
func (x *memberIndex) reportCount(id model.ID, more int, report func(cache.Read)) {
	if count := x.countOf(id); shardsFor(count) != shardsFor(count-more) {
		report(cache.Read{Of: memberShardsOf, Name: id.String()})
	}
}

// ClaimChanged reports the shards of a port that has or had the claim of an address.
func (x *memberIndex) ClaimChanged(k etcdschema.Key, owner string, sameOwner bool, report func(cache.Read)) {
	if _, is := networkOfClaim(k); !is || sameOwner {
		return
	}
	id, ok := x.cache.ID(owner)
	if !ok || id.Kind != model.KindPort {
		return
	}
	m := memberPortOf(x.cache.Accepted(id))
	for _, g := range m.groups {
		report(cache.Read{Of: memberShardOf, Name: membersName(g, m.network), Part: shardFor(owner, shardsFor(x.countOf(g)))})
	}
}

func membersName(group, network model.ID) string { return group.String() + " on " + network.String() }

// countOf is the number of entries that a group has on all networks.
func (x *memberIndex) countOf(group model.ID) int {
	if g := x.groups[group]; g != nil {
		return g.count
	}
	return 0
}
