package kind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// groupMembersItemKind: the members of a security group on a network are items on each node with a filtered port on the network, as long as a
// rule there names the group. No object has them.
func groupMembersItemKind() ItemKind {
	return ItemKind{
		Cache:  cache.ItemKind{ItemKind: desired.GroupMembersKind(), Shared: true},
		Many:   true,
		Update: membersOn,
		Owner: func(k desired.Key) string {
			group, _, _, _ := parseMembers(k)
			return group
		},
		Expect: func(e *Evaluation, name string, k desired.Key) { memberShard(e, name, k) },
	}
}

// membersKey is the key of one shard.
func membersKey(group, network string, shard int) desired.Key {
	return desired.Key{Kind: desired.KindGroupMembers, UID: fmt.Sprintf("%s.%s-%d", group, network, shard)}
}

// parseMembers reads group, network and shard out of a key made by membersKey.
func parseMembers(k desired.Key) (group, network string, shard int, ok bool) {
	group, rest, found := strings.Cut(k.UID, ".")
	i := strings.LastIndexByte(rest, '-')
	if !found || i < 0 {
		return "", "", 0, false
	}
	shard, err := strconv.Atoi(rest[i+1:])
	return group, rest[:i], shard, err == nil && shard >= 0
}

// parseFiltered reads a member of filteredNetworks.
func parseFiltered(member string) (project, network string) {
	project, network, _ = strings.Cut(member, " ")
	return project, network
}

// membersOn updates one shard of the members of a group on a node.
func membersOn(e *Evaluation, name string, k desired.Key) error {
	shard := memberShard(e, name, k)
	if shard == nil {
		e.Tx.RemoveItem(name, k)
		return nil
	}
	item, err := shard.item(e.Cache)
	if err != nil {
		return err
	}
	if len(item.Item().(*desired.GroupMembers).Addresses) == 0 {
		e.Tx.RemoveItem(name, k)
		return nil
	}
	changed, err := e.Tx.PutShared(name, item)
	if changed {
		e.Schedule.WroteSet(cache.ItemWork(name, k), item.Size())
	}
	return err
}

// shardOfMembers is a shard of the members of a group that are seen on a network: those on the network itself, and those on networks that
// the same router joins.
type shardOfMembers struct {
	key      desired.Key
	group    *etcdschema.Accepted
	network  string
	shard    int
	networks []*etcdschema.Accepted
}

// memberShard records what an item of members depends on. It is nil while nothing on the node needs the item; a port or a group starts it
// again.
func memberShard(e *Evaluation, name string, k desired.Key) *shardOfMembers {
	group, network, shard, ok := parseMembers(k)
	if !ok || !e.Has(remoteGroups, name, group) {
		e.Forget()
		return nil
	}
	g := e.WithUID(group)
	if g == nil || !e.Has(filteredNetworks, name, filteredMember(g.Object.Metadata.Project, network)) {
		return nil
	}
	n := e.WithUID(network)
	if n == nil {
		return nil
	}
	id := g.Object.ID()
	e.Note(cache.Read{Of: memberShardsOf, Name: id.String()})
	if shards := shardsFor(membersIn(e.Cache).countOf(id)); shard == 0 {
		for i := 1; i < shards; i++ {
			e.Schedule.Begin(cache.ItemWork(name, membersKey(group, network, i)))
		}
	}
	m := &shardOfMembers{key: k, group: g, network: network, shard: shard, networks: joinedWith(e.Reader, n)}
	for _, on := range m.networks {
		e.Note(cache.Read{Of: memberShardOf, Name: membersName(id, on.Object.ID()), Part: shard})
	}
	return m
}

// joinedWith are the network and those that its router joins with it.
func joinedWith(r *cache.Reader, network *etcdschema.Accepted) []*etcdschema.Accepted {
	all := []*etcdschema.Accepted{network}
	router := routerOf(r, network.UID)
	if router == nil {
		return all
	}
	for _, id := range router.Object.Spec.(*model.RouterSpec).NetworkIDs(router.Object.Metadata.Project) {
		if n := r.Accepted(id); n != nil && n.UID != network.UID {
			all = append(all, n)
		}
	}
	return all
}

// item is the item of the shard. It is the same on all nodes, and made once.
func (m *shardOfMembers) item(c *cache.Cache) (*cache.Shared, error) {
	x, name := membersIn(c), m.key.UID
	for _, on := range m.networks {
		name += " " + on.UID
	}
	if item := x.sets[name]; item != nil {
		return item, nil
	}
	item, err := cache.NewShared(m.resolve(c))
	if err != nil {
		return nil, err
	}
	x.sets[name] = item
	return item, nil
}

func (m *shardOfMembers) resolve(c *cache.Cache) *desired.GroupMembers {
	item := &desired.GroupMembers{UID: m.key.UID, Group: m.group.UID, Network: m.network}
	members := membersIn(c).groups[m.group.Object.ID()]
	if members == nil {
		return item
	}
	shards := shardsFor(members.count)
	for _, on := range m.networks {
		for e := range members.networks[on.Object.ID()] {
			if shardFor(e.port, shards) != m.shard {
				continue
			}
			if cl, claimed := c.Claim(e.claim(on.UID)); claimed && cl.Owner == e.port {
				item.Addresses = append(item.Addresses, model.AddressBlock{Prefix: e.block})
			}
		}
	}
	slices.SortFunc(item.Addresses, func(a, b model.AddressBlock) int { return a.Prefix.Compare(b.Prefix) })
	item.Addresses = slices.Compact(item.Addresses) // ports may share a block
	return item
}
