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

// groupMembersItemKind: the members of a security group on a network, and those on the networks that its router joins, are items on each node with
// a filtered port on the network, as long as a rule there names the group. No object has them.
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

// membersKey is the key of one shard. The scope is the uid of a network or of a router.
func membersKey(group, scope string, shard int) desired.Key {
	return desired.Key{Kind: desired.KindGroupMembers, UID: fmt.Sprintf("%s.%s-%d", group, scope, shard)}
}

// parseMembers reads group, scope and shard out of a key made by membersKey.
func parseMembers(k desired.Key) (group, scope string, shard int, ok bool) {
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

// shardOfMembers is a shard of the members of a group on the networks of a scope.
type shardOfMembers struct {
	key      desired.Key
	group    *etcdschema.Accepted
	scope    *etcdschema.Accepted // a network or a router
	shard    int
	networks []*etcdschema.Accepted
}

// memberShard records what an item of members depends on. It is nil while nothing on the node needs the item; a port or a group starts it
// again. The item of a network starts that of its router.
func memberShard(e *Evaluation, name string, k desired.Key) *shardOfMembers {
	m := shardOfKey(e, name, k)
	if m == nil || !m.needed(e, name) {
		e.Forget()
		return nil
	}
	group, scope, id := m.group.UID, m.scope.UID, m.group.Object.ID()
	e.Note(cache.Read{Of: memberShardsOf, Name: id.String()})
	if shards := shardsFor(membersIn(e.Cache).countOf(id)); m.shard == 0 {
		for i := 1; i < shards; i++ {
			e.Schedule.Begin(cache.ItemWork(name, membersKey(group, scope, i)))
		}
		if router := routerOf(e.Reader, scope); router != nil { // no router is on another one
			e.Schedule.Begin(cache.ItemWork(name, membersKey(group, router.UID, 0)))
		}
	}
	for _, on := range m.networks {
		e.Note(cache.Read{Of: memberShardOf, Name: membersName(id, on.Object.ID()), Part: m.shard})
	}
	return m
}

// shardOfKey finds group and scope; nil when one does not exist, or when no rule on the node names the group.
func shardOfKey(e *Evaluation, name string, k desired.Key) *shardOfMembers {
	group, scope, shard, ok := parseMembers(k)
	if !ok || !e.Has(remoteGroups, name, group) {
		return nil
	}
	m := &shardOfMembers{key: k, group: e.WithUID(group), scope: e.WithUID(scope), shard: shard}
	if m.group == nil || m.scope == nil {
		return nil
	}
	m.networks = networksOfScope(e, m.scope)
	return m
}

// networksOfScope are the network itself, or the networks that the router joins.
func networksOfScope(e *Evaluation, scope *etcdschema.Accepted) []*etcdschema.Accepted {
	router, is := scope.Object.Spec.(*model.RouterSpec)
	if !is {
		return []*etcdschema.Accepted{scope}
	}
	e.Accepted(scope.Object.ID()) // its networks may change
	var all []*etcdschema.Accepted
	for _, id := range router.NetworkIDs(scope.Object.Metadata.Project) {
		n := e.Accepted(id)
		if n == nil {
			continue
		}
		if of := routerOf(e.Reader, n.UID); of != nil && of.UID == scope.UID {
			all = append(all, n)
		}
	}
	return all
}

// needed says that a port of the group's project on one of the networks has security groups on the node.
func (m *shardOfMembers) needed(e *Evaluation, name string) bool {
	return slices.ContainsFunc(m.networks, func(n *etcdschema.Accepted) bool {
		return e.Has(filteredNetworks, name, filteredMember(m.group.Object.Metadata.Project, n.UID))
	})
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
	item := &desired.GroupMembers{UID: m.key.UID, Group: m.group.UID}
	if m.scope.Object.Kind == model.KindRouter {
		item.Router = m.scope.UID
	} else {
		item.Network = m.scope.UID
	}
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
