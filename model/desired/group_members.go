package desired

import "weft/model"

// KindGroupMembers is a shard of the addresses of a security group, as they are seen on one network or through one router.
const KindGroupMembers Kind = "groupmembers"

// GroupMembersKind is the row of the kind in AllKinds.
func GroupMembersKind() ItemKind {
	return ItemKind{Kind: KindGroupMembers, New: func() Item { return &GroupMembers{} }, Unawaited: true}
}

// GroupMembers is a shard of the addresses of a security group's ports, for the rules that name the group. Its scope is a network, for packets
// between guests of the network, or a router, for packets of all networks that the router joins. So a router that comes or goes changes nothing
// for guests of one network. The controllers put about 200 addresses at most into a shard on average. A node refuses a shard with more than 1000.
type GroupMembers struct {
	UID       string               `json:"uid"`               // the group's, ".", the scope's, "-" and the shard's number
	Group     string               `json:"group"`             // uid
	Network   string               `json:"network,omitempty"` // uid; either this or Router is set
	Router    string               `json:"router,omitempty"`  // uid
	Addresses []model.AddressBlock `json:"addresses"`         // in order, each once
}

// Scope is the uid of the network or the router.
func (m *GroupMembers) Scope() string {
	if m.Router != "" {
		return m.Router
	}
	return m.Network
}

// Key implements Item.
func (m *GroupMembers) Key() Key { return Key{KindGroupMembers, m.UID} }

// GroupMembers finds a shard; nil when there is none.
func (c *NodeConfig) GroupMembers(uid string) *GroupMembers {
	return find[*GroupMembers](c, Key{KindGroupMembers, uid})
}
