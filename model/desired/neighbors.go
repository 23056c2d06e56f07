package desired

import (
	"weft/model"
)

// KindNeighbors is a shard of the neighbor entries of a network.
const KindNeighbors Kind = "neighbors"

// NeighborsKind is the row of the kind in AllKinds.
func NeighborsKind() ItemKind {
	return ItemKind{Kind: KindNeighbors, New: func() Item { return &Neighbors{} }, Unawaited: true}
}

// Neighbors is a shard of the neighbor entries of a network on which a router of the node has an interface. The controllers put about
// 200 entries at most into a shard on average. A node refuses a shard with more than 1000.
type Neighbors struct {
	UID     string     `json:"uid"`     // the network's, "-" and the shard's number
	Network string     `json:"network"` // uid
	Entries []Neighbor `json:"entries"` // in the order of their addresses
}

// Neighbor is an address of a guest with its MAC.
type Neighbor struct {
	Address model.Address `json:"address"`
	MAC     model.MAC     `json:"mac"`
}

// Key implements Item.
func (n *Neighbors) Key() Key { return Key{KindNeighbors, n.UID} }

// Neighbors finds a part; nil when there is none.
func (c *NodeConfig) Neighbors(uid string) *Neighbors {
	return find[*Neighbors](c, Key{KindNeighbors, uid})
}
