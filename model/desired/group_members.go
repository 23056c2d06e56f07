package desired

import "weft/model"

// KindGroupMembers is a shard of the addresses of a security group, as they are seen on one network.
const KindGroupMembers Kind = "groupmembers"

// GroupMembersKind is the row of the kind in AllKinds.
func GroupMembersKind() ItemKind {
	return ItemKind{Kind: KindGroupMembers, New: func() Item { return &GroupMembers{} }, Unawaited: true}
}

// GroupMembers is a shard of the addresses of a security group's ports which are on a network or reach it through a router, for the rules that
// name the group. The controllers put about 200 addresses at most into a shard on average. A node refuses a shard with more than 1000.
type GroupMembers struct {
	UID       string               `json:"uid"`       // the group's, ".", the network's, "-" and the shard's number
	Group     string               `json:"group"`     // uid
	Network   string               `json:"network"`   // uid
	Addresses []model.AddressBlock `json:"addresses"` // in order, each once
}

// Key implements Item.
func (m *GroupMembers) Key() Key { return Key{KindGroupMembers, m.UID} }

// GroupMembers finds a shard; nil when there is none.
func (c *NodeConfig) GroupMembers(uid string) *GroupMembers {
	return find[*GroupMembers](c, Key{KindGroupMembers, uid})
}
