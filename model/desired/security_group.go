package desired

import (
	"iter"
	"slices"

	"weft/model"
)

// KindSecurityGroup is a security group.
const KindSecurityGroup Kind = "securitygroup"

// SecurityGroupKind is the row of the kind in AllKinds.
func SecurityGroupKind() ItemKind {
	return ItemKind{Kind: KindSecurityGroup, New: func() Item { return &SecurityGroup{} }}
}

// SecurityGroup is a security group of a port of the node. A node that gets it has FeatureSecurityGroups.
type SecurityGroup struct {
	UID     string              `json:"uid"`
	Project string              `json:"project"`
	Name    string              `json:"name"`
	Rules   []SecurityGroupRule `json:"rules,omitempty"`
}

// SecurityGroupRule allows connections of one family in one direction. What is not set is any.
type SecurityGroupRule struct {
	Direction model.Direction `json:"direction"`
	Family    model.Family    `json:"family"`
	Protocol  uint8           `json:"protocol,omitempty"`
	Port      model.PortRange `json:"port,omitzero"`
	ICMPType  *uint8          `json:"icmpType,omitempty"`
	ICMPCode  *uint8          `json:"icmpCode,omitempty"`
	// RemoteCIDR has the addresses of the other side. RemoteGroup is the uid of the group whose members it is; at most one of them is set.
	RemoteCIDR  model.Prefix `json:"remoteCIDR,omitzero"`
	RemoteGroup string       `json:"remoteGroup,omitempty"`
}

// Key implements Item.
func (g *SecurityGroup) Key() Key { return Key{KindSecurityGroup, g.UID} }

// RemoteGroups are the uids of the groups that the rules name, each once, in order.
func (g *SecurityGroup) RemoteGroups() []string {
	var uids []string
	for _, r := range g.Rules {
		if r.RemoteGroup != "" {
			uids = append(uids, r.RemoteGroup)
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// Title implements Titled.
func (g *SecurityGroup) Title() string { return "SecurityGroup " + g.Project + "/" + g.Name }

// SecurityGroup finds a security group; nil when there is none.
func (c *NodeConfig) SecurityGroup(uid string) *SecurityGroup {
	return find[*SecurityGroup](c, Key{KindSecurityGroup, uid})
}

// SecurityGroups are all security groups, in no order.
func (c *NodeConfig) SecurityGroups() iter.Seq[*SecurityGroup] {
	return each[*SecurityGroup](c, KindSecurityGroup)
}
