package bridgefilter

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"weft/hostnet/object"
)

// cache is what the driver knows of the table.
type cache struct {
	exists   bool
	rules    string   // what is wrong with the rules; empty if nothing is
	strange  []string // chains that are not ours
	networks map[string]network
	ports    map[string]port
	groups   map[uint32]group
	shards   map[object.Key]*shard
	// owners are the shards that have a member, by where it is seen.
	owners map[memberScope]map[netip.Prefix][]uint16
	// sets are the groups that have sets for their members.
	sets map[uint32]bool
}

// network is what the maps zones and routers have of a bridge.
type network struct {
	zone         uint16
	router       uint32
	zoned, known bool // it is in the map
}

// port is what the table has of a filtered device.
type port struct {
	groups   []uint32
	elements map[string]bool // the sets that have it
	chains   map[string]bool // of its two chains, those that are there
	fault    string
	// packets are what was dropped, by counter set, when the table was read last.
	packets map[string]uint64
}

// group is what the table has of a security group.
type group struct {
	version string // what its rules say, or what is wrong with them
	chains  map[string]bool
	remotes map[uint32]bool // groups that its rules name
}

// shard is a shard of members.
type shard struct {
	scope   memberScope
	number  uint16
	members map[netip.Prefix]bool
}

func newCache() cache {
	return cache{networks: map[string]network{}, ports: map[string]port{}, groups: map[uint32]group{}, shards: map[object.Key]*shard{},
		owners: map[memberScope]map[netip.Prefix][]uint16{}, sets: map[uint32]bool{}}
}

// setOwners records which shards have a member; nil for none.
func (c *cache) setOwners(scope memberScope, member netip.Prefix, now []uint16) {
	before := c.owners[scope][member]
	for _, n := range before {
		if !slices.Contains(now, n) {
			k := shardKey(scope, n)
			delete(c.shards[k].members, member)
			if len(c.shards[k].members) == 0 {
				delete(c.shards, k)
			}
		}
	}
	for _, n := range now {
		k := shardKey(scope, n)
		if c.shards[k] == nil {
			c.shards[k] = &shard{scope, n, map[netip.Prefix]bool{}}
		}
		c.shards[k].members[member] = true
	}
	switch {
	case len(now) > 0 && c.owners[scope] == nil:
		c.owners[scope] = map[netip.Prefix][]uint16{member: now}
	case len(now) > 0:
		c.owners[scope][member] = now
	default:
		delete(c.owners[scope], member)
		if len(c.owners[scope]) == 0 {
			delete(c.owners, scope)
		}
	}
}

func shardKey(scope memberScope, number uint16) object.Key {
	return (&object.FilterMembers{Group: scope.group, Bridge: scope.bridge, Router: scope.router, Shard: number}).Key()
}

// object is what the table holds of a key; nil if nothing.
func (c *cache) object(k object.Key) object.Object {
	if !c.exists {
		return nil
	}
	switch k.Kind {
	case object.KindBridgeFilter:
		return &object.BridgeFilter{Rules: c.rules}
	case object.KindFilterNetwork:
		if n, ok := c.networks[k.Name]; ok {
			return &object.FilterNetwork{Bridge: k.Name, Zone: n.zone, Router: n.router}
		}
	case object.KindFilterPort:
		if p, ok := c.ports[k.Name]; ok {
			return &object.FilterPort{Device: k.Name, Groups: p.groups, Fault: p.fault}
		}
	case object.KindFilterGroup:
		if number, ok := groupNumber(k.Name); ok {
			if g, ok := c.groups[number]; ok {
				return &object.FilterGroup{Number: number, Version: g.version}
			}
		}
	case object.KindFilterMembers:
		if s := c.shards[k]; s != nil {
			return &object.FilterMembers{Group: s.scope.group, Bridge: s.scope.bridge, Router: s.scope.router, Shard: s.number,
				Members: slices.Collect(maps.Keys(s.members))}
		}
	}
	return nil
}

// keys are the keys of everything in the table, in no order.
func (c *cache) keys() (keys []object.Key) {
	if !c.exists {
		return nil
	}
	keys = append(keys, (&object.BridgeFilter{}).Key())
	for bridge := range c.networks {
		keys = append(keys, object.Key{Kind: object.KindFilterNetwork, Name: bridge})
	}
	for device := range c.ports {
		keys = append(keys, object.Key{Kind: object.KindFilterPort, Name: device})
	}
	for number := range c.groups {
		keys = append(keys, object.FilterGroupKey(number))
	}
	for k := range c.shards {
		keys = append(keys, k)
	}
	return keys
}

// changed lists the keys that differ between two caches.
func (c *cache) changed(fresh *cache) (keys []object.Key) {
	seen := map[object.Key]bool{}
	for _, k := range append(c.keys(), fresh.keys()...) {
		if !seen[k] && c.differs(fresh, k) {
			keys = append(keys, k)
		}
		seen[k] = true
	}
	return keys
}

// differs says whether two caches hold different things of a key. Members are compared as sets.
func (c *cache) differs(fresh *cache, k object.Key) bool {
	if k.Kind == object.KindFilterMembers && c.exists && fresh.exists && c.shards[k] != nil && fresh.shards[k] != nil {
		return !maps.Equal(c.shards[k].members, fresh.shards[k].members)
	}
	return !reflect.DeepEqual(c.object(k), fresh.object(k))
}
