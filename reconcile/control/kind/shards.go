package kind

import (
	"hash/fnv"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// shardFill is the largest average number of addresses in a shard of a network's neighbours. The shard of an address depends on a hash of
// its port, so that a port's change concerns one shard, whichever replica computes it. Much larger shards do not happen in practice: for
// ports with two addresses 500 are fifteen standard deviations away.
const shardFill = 200

const (
	shardOf  cache.Source = "shard"  // network's uid and shard → the neighbours in it
	shardsOf cache.Source = "shards" // network's uid → the number of shards
)

// neighborIndex has, by network, the addresses of ports that have a host: the neighbours of routers.
type neighborIndex struct {
	cache    *cache.Cache
	networks map[model.ID]*networkEntries
	sets     map[desired.Key]*cache.Shared // items as they must be, until an address or a claim changes
}

func newNeighborIndex(c *cache.Cache) *neighborIndex {
	return &neighborIndex{cache: c, networks: map[model.ID]*networkEntries{}, sets: map[desired.Key]*cache.Shared{}}
}

// neighborsIn finds the index in the cache.
func neighborsIn(c *cache.Cache) *neighborIndex {
	return c.Index(model.KindPort).(*portIndex).neighbors
}

// networkEntries are the neighbours on one network, divided into shards.
type networkEntries struct {
	count  int
	shards []map[neighborEntry]model.MAC
}

// neighborEntry is an address of a port. Two ports have the same address only while a network that was deleted and declared again is being
// settled.
type neighborEntry struct {
	address model.Address
	port    string // uid
}

// shardsFor is the number of shards for this number of addresses. It is a power of four, so that growth seldom moves addresses to
// other shards.
func shardsFor(count int) int {
	n := 1
	for count > n*shardFill {
		n *= 4
	}
	return n
}

// shardFor is the shard with the addresses of a port, by its uid.
func shardFor(port string, shards int) int {
	h := fnv.New32a()
	h.Write([]byte(port))
	return int(h.Sum32()>>4) % shards
}

func (m *networkEntries) change(k neighborEntry, mac model.MAC, add bool) {
	if add {
		m.count++
	} else {
		m.count--
	}
	if n := shardsFor(m.count); n != len(m.shards) {
		m.cut(n)
	}
	shard := m.shards[shardFor(k.port, len(m.shards))]
	if add {
		shard[k] = mac
	} else {
		delete(shard, k)
	}
}

// cut divides all entries into n shards.
func (m *networkEntries) cut(n int) {
	old := m.shards
	m.shards = make([]map[neighborEntry]model.MAC, n)
	for i := range m.shards {
		m.shards[i] = map[neighborEntry]model.MAC{}
	}
	for _, shard := range old {
		for k, mac := range shard {
			m.shards[shardFor(k.port, n)][k] = mac
		}
	}
}

// Change adds a port to the neighbours of its network, or removes it.
func (x *neighborIndex) Change(a *etcdschema.Accepted, add bool) {
	s := a.Object.Spec.(*model.PortSpec)
	if s.Host == "" || len(a.Allocated.Addresses) == 0 {
		return
	}
	id := s.NetworkID(a.Object.Metadata.Project)
	m := x.networks[id]
	if m == nil {
		m = &networkEntries{shards: []map[neighborEntry]model.MAC{{}}}
		x.networks[id] = m
	}
	x.sets = cache.Cleared(x.sets)
	for _, addr := range a.Allocated.Addresses {
		m.change(neighborEntry{addr, a.UID}, a.Allocated.MAC, add)
	}
	if m.count == 0 {
		delete(x.networks, id)
	}
}

// ChangeClaim forgets the items, because a claim of an address decides who has it.
func (x *neighborIndex) ChangeClaim(k etcdschema.Key, _ etcdschema.Claim, _ bool) {
	if _, _, ok := etcdschema.ParseAddressClaim(k); ok {
		x.sets = cache.Cleared(x.sets)
	}
}

// entryCount is the number of addresses that ports with a host have on the network.
func (x *neighborIndex) entryCount(network model.ID) int {
	if m := x.networks[network]; m != nil {
		return m.count
	}
	return 0
}

// entriesIn is one shard of the entries of a network; nil when there is no such shard.
func (x *neighborIndex) entriesIn(network model.ID, shard int) map[neighborEntry]model.MAC {
	if m := x.networks[network]; m != nil && shard < len(m.shards) {
		return m.shards[shard]
	}
	return nil
}

// Changed reports the shards in which a port changed.
func (x *neighborIndex) Changed(was, is *etcdschema.Accepted, report func(cache.Read)) {
	before, wasOn := entriesOf(was)
	after, isOn := entriesOf(is)
	if wasOn == isOn {
		x.shardsChanged(isOn, before, after, report)
		return
	}
	x.shardsChanged(wasOn, before, nil, report)
	x.shardsChanged(isOn, nil, after, report)
}

// ClaimChanged reports the shard of a port that has or had the claim of an address.
func (x *neighborIndex) ClaimChanged(k etcdschema.Key, owner string, sameOwner bool, report func(cache.Read)) {
	network, _, ok := etcdschema.ParseAddressClaim(k)
	if !ok || sameOwner {
		return
	}
	id, _ := x.cache.ID(network)
	report(cache.Read{Of: shardOf, Name: network, Part: shardFor(owner, shardsFor(x.entryCount(id)))})
}

// entriesOf are the addresses that a port adds to a network.
func entriesOf(a *etcdschema.Accepted) (map[neighborEntry]model.MAC, model.ID) {
	if a == nil {
		return nil, model.ID{}
	}
	s := a.Object.Spec.(*model.PortSpec)
	network := s.NetworkID(a.Object.Metadata.Project)
	if s.Host == "" {
		return nil, network
	}
	out := make(map[neighborEntry]model.MAC, len(a.Allocated.Addresses))
	for _, addr := range a.Allocated.Addresses {
		out[neighborEntry{addr, a.UID}] = a.Allocated.MAC
	}
	return out, network
}

// shardsChanged reports the shards that hold what differs, and a change of the number of shards.
func (x *neighborIndex) shardsChanged(id model.ID, was, is map[neighborEntry]model.MAC, report func(cache.Read)) {
	network := x.cache.Accepted(id)
	if network == nil || len(was)+len(is) == 0 {
		return
	}
	count := x.entryCount(id)
	shards := shardsFor(count)
	for _, m := range []map[neighborEntry]model.MAC{was, is} {
		for k, mac := range m {
			if was[k] != mac || is[k] != mac {
				report(cache.Read{Of: shardOf, Name: network.UID, Part: shardFor(k.port, shards)})
			}
		}
	}
	if shards != shardsFor(count-len(is)+len(was)) {
		report(cache.Read{Of: shardsOf, Name: network.UID})
	}
}
