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

// neighborsKey is the key of one shard.
func neighborsKey(network string, shard int) desired.Key {
	return desired.Key{Kind: desired.KindNeighbors, UID: fmt.Sprintf("%s-%d", network, shard)}
}

// parseNeighbors reads network and shard out of a key made by neighborsKey.
func parseNeighbors(k desired.Key) (network string, shard int, ok bool) {
	i := strings.LastIndexByte(k.UID, '-')
	if i < 0 {
		return "", 0, false
	}
	shard, err := strconv.Atoi(k.UID[i+1:])
	return k.UID[:i], shard, err == nil && shard >= 0
}

// neighborsOn updates one shard of the neighbours on a node. The item exists while a router on the node leads to the network.
func neighborsOn(e *Evaluation, name string, k desired.Key) error {
	network, shard := shardOn(e, name, k)
	if network == nil {
		e.Tx.RemoveItem(name, k)
		return nil
	}
	item, err := neighborItem(e.Cache, network, shard, readShard(e.Reader, network, shard))
	if err != nil {
		return err
	}
	if len(item.Item().(*desired.Neighbors).Entries) == 0 {
		e.Tx.RemoveItem(name, k)
		return nil
	}
	changed, err := e.Tx.PutShared(name, item)
	if changed {
		e.Schedule.WroteSet(cache.ItemWork(name, k), item.Size())
	}
	return err
}

// neighborItem is the item of one shard. It is the same on all nodes, and made once.
func neighborItem(c *cache.Cache, network *etcdschema.Accepted, shard int, in map[neighborEntry]model.MAC) (*cache.Shared, error) {
	x, k := neighborsIn(c), neighborsKey(network.UID, shard)
	if item := x.sets[k]; item != nil {
		return item, nil
	}
	item, err := cache.NewShared(resolveNeighbors(c, network, shard, in))
	if err != nil {
		return nil, err
	}
	x.sets[k] = item
	return item, nil
}

// shardOn returns the network and the shard of a neighbours item on a node. The network is nil while no router on the node leads to
// it; the router's own evaluation then starts the item again.
func shardOn(e *Evaluation, name string, k desired.Key) (network *etcdschema.Accepted, shard int) {
	uid, shard, ok := parseNeighbors(k)
	if !ok || !leads(e.Reader, name, uid) {
		e.Forget()
		return nil, 0
	}
	if network = e.WithUID(uid); network == nil {
		return nil, 0
	}
	if shards := shardCount(e.Reader, network); shard == 0 {
		for i := 1; i < shards; i++ {
			e.Schedule.Begin(cache.ItemWork(name, neighborsKey(uid, i)))
		}
	}
	readShard(e.Reader, network, shard)
	return network, shard
}

// resolveNeighbors makes the item of one shard.
func resolveNeighbors(c *cache.Cache, network *etcdschema.Accepted, shard int, in map[neighborEntry]model.MAC) *desired.Neighbors {
	item := &desired.Neighbors{UID: neighborsKey(network.UID, shard).UID, Network: network.UID}
	for k, mac := range in {
		cl, claimed := c.Claim(etcdschema.AddressClaim(network.UID, k.address))
		if !claimed || cl.Owner != k.port {
			continue // the port has no claim on the present incarnation of the network
		}
		item.Entries = append(item.Entries, desired.Neighbor{Address: k.address, MAC: mac})
	}
	slices.SortFunc(item.Entries, func(a, b desired.Neighbor) int { return a.Address.Compare(b.Address.Addr) })
	return item
}

// shardCount is the number of shards into which the neighbours on a network are divided.
func shardCount(s *cache.Reader, network *etcdschema.Accepted) int {
	s.Note(cache.Read{Of: shardsOf, Name: network.UID})
	return shardsFor(neighborsIn(s.Cache).entryCount(network.Object.ID()))
}

// readShard is one shard of the neighbours on a network.
func readShard(s *cache.Reader, network *etcdschema.Accepted, shard int) map[neighborEntry]model.MAC {
	s.Note(cache.Read{Of: shardOf, Name: network.UID, Part: shard})
	return neighborsIn(s.Cache).entriesIn(network.Object.ID(), shard)
}
