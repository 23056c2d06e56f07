package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// neighborsKind compiles a shard of the neighbor entries of a network: permanent entries in a router.
func neighborsKind() Kind {
	return Kind{ItemKind: desired.NeighborsKind(), Item: ReadNeighbors, Compile: compiling((*Reader).Neighbors, Compiler.neighbors)}
}

// neighbors compiles a shard of the neighbor entries of a network: each one on the router's interface. An address may be in two shards for a
// moment, while a shard is rewritten. It is one object then, and the engine gives it to the first shard.
func (c Compiler) neighbors(b *Builder, shard *desired.Neighbors) {
	if len(shard.Entries) > maxNeighbors {
		b.Refuse("more than 1000 neighbor entries in one shard")
		return
	}
	owner := c.read.interfaceOwner(shard.Network)
	n := c.read.Network(shard.Network)
	if owner == "" || n == nil {
		b.Pend("waits for a router on network %s", Quote(shard.Network))
		return
	}
	namespace, device := RouterNamespace(owner), RouterInterfaceName(shard.Network)
	after := []object.Key{{Kind: object.KindVeth, Name: namespace + "/" + device}}
	seen := make(map[netip.Addr]bool, len(shard.Entries))
	for _, e := range shard.Entries {
		a := e.Address.Addr
		switch {
		case !canonical(a) || !inSubnets(n, a) || e.MAC.IsZero() || e.MAC[0]&1 != 0 || seen[a]:
			b.Refuse("neighbour %s %s is listed twice, in no subnet of its network or has no unicast MAC", Quote(a.String()), e.MAC)
			continue
		case c.isInterfaceAddress(owner, shard.Network, a):
			b.Refuse("neighbour %s has the router's own address", a)
			continue
		}
		seen[a] = true
		if c.read.NoIPv6() && a.Is6() {
			continue // the router says why
		}
		b.Add(&object.Neighbor{OwnerUID: shard.UID, Namespace: namespace, Device: device, Address: a, MAC: object.MAC(e.MAC), After: after})
	}
}
