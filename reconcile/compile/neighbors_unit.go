package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// neighborsKind compiles a part of the neighbours of a network: permanent entries in a router.
func neighborsKind() Kind {
	return Kind{ItemKind: desired.NeighborsKind(), Item: ReadNeighbors, Compile: compiling((*Reader).Neighbors, Compiler.neighbors)}
}

// neighbors compiles a part of a network's neighbours: one entry each on the router's leg. An address may be in two parts for a
// moment, while a part is rewritten. It is one object then, and the engine gives it to the first part.
func (c Compiler) neighbors(b *Builder, part *desired.Neighbors) {
	if len(part.Entries) > maxNeighbors {
		b.Refuse("more than 1000 neighbours in one part")
		return
	}
	owner := c.read.legOwner(part.Network)
	n := c.read.Network(part.Network)
	if owner == "" || n == nil {
		b.Pend("waits for a router on network %s", Quote(part.Network))
		return
	}
	namespace, device := RouterNamespace(owner), LegInner(part.Network)
	after := []object.Key{{Kind: object.KindVeth, Name: namespace + "/" + device}}
	seen := make(map[netip.Addr]bool, len(part.Entries))
	for _, e := range part.Entries {
		a := e.Address.Addr
		switch {
		case !canonical(a) || !inSubnets(n, a) || e.MAC.IsZero() || e.MAC[0]&1 != 0 || seen[a]:
			b.Refuse("neighbour %s %s is listed twice, in no subnet of its network or has no unicast MAC", Quote(a.String()), e.MAC)
			continue
		case c.isLegAddress(owner, part.Network, a):
			b.Refuse("neighbour %s has the router's own address", a)
			continue
		}
		seen[a] = true
		if c.read.NoIPv6() && a.Is6() {
			continue // the router says why
		}
		b.Add(&object.Neighbor{OwnerUID: part.UID, Namespace: namespace, Device: device, Address: a, MAC: object.MAC(e.MAC), After: after})
	}
}
