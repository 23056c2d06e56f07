package compile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weft/model"
	"weft/model/desired"
)

// Bounds of security groups on one host. The controllers stay far below.
const (
	maxGroups  = 16   // of a port
	maxRules   = 1024 // of a group
	maxRemotes = 32   // different groups that the rules of a group name
	maxMembers = 1000 // of a shard
)

// lastZone is the highest zone of the connection tracker. Zone 0 is that of packets that nobody has put into another one.
const lastZone = 65535

// zoneCandidate is a network's n-th choice of a zone.
func zoneCandidate(networkUID string, n uint32) uint32 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("zone\x00"+networkUID+"\x00"), n))
	return 1 + binary.BigEndian.Uint32(sum[:4])%lastZone
}

// securityGroupKind compiles a security group: what its rules allow.
func securityGroupKind() Kind {
	return Kind{ItemKind: desired.SecurityGroupKind(), Item: ReadSecurityGroup, Shares: groupShares,
		Compile: compiling((*Reader).SecurityGroup, Compiler.securityGroup)}
}

// SecurityGroupNumber is the number by which the host knows a security group: 31 bits, and never 0. It is the same after every restart. Two
// groups may have the same; then one is refused.
func SecurityGroupNumber(uid string) uint32 {
	sum := sha256.Sum256([]byte("security-group\x00" + uid))
	return max(binary.BigEndian.Uint32(sum[:4])>>1, 1)
}

func groupShares(c *desired.NodeConfig, uid string) []Read {
	g := c.SecurityGroup(uid)
	if g == nil {
		return nil
	}
	shares := []Read{{GroupFilters, ""}, {GroupOwnNumber, numberOfGroup(uid).Name}}
	if groupFault(g) == "" {
		shares = append(shares, Read{GroupSound, uid})
	}
	for _, one := range append(g.RemoteGroups(), uid) {
		if r := numberOfGroup(one); !slices.Contains(shares, r) {
			shares = append(shares, r)
		}
	}
	return shares
}

func numberOfGroup(uid string) Read {
	return Read{GroupSecurityGroupNumber, strconv.FormatUint(uint64(SecurityGroupNumber(uid)), 16)}
}

// securityGroup compiles a security group.
func (c Compiler) securityGroup(b *Builder, g *desired.SecurityGroup) {
	s, ok := c.site(b)
	if !ok {
		return
	}
	if why := groupFault(g); why != "" {
		b.Refuse("%s", why)
		return
	}
	if why := c.groupRival(g); why != "" {
		b.Refuse("%s", why)
		return
	}
	s.backend.SecurityGroup(b, s, g)
}

// groupRival says that another group has the number of this one, or of a group that its rules name. Of two such groups the one with the lower uid
// is in force.
func (c Compiler) groupRival(g *desired.SecurityGroup) string {
	mine := append(g.RemoteGroups(), g.UID)
	for _, uid := range mine {
		of := numberOfGroup(uid)
		for _, member := range c.read.Sorted(of.Of, of.Name) {
			other := c.read.SecurityGroup(member)
			if other == nil {
				continue
			}
			for _, theirs := range append(other.RemoteGroups(), other.UID) {
				if theirs != uid && SecurityGroupNumber(theirs) == SecurityGroupNumber(uid) && member <= g.UID {
					return fmt.Sprintf("security groups %s and %s have the same number on hosts: delete one of them and create it anew", Quote(uid), Quote(theirs))
				}
			}
		}
	}
	return ""
}

// SecurityGroupInForce says that a security group is on this host and is not refused. A group that is not allows nothing. Who asks is compiled again
// when that changes, and not for every rule.
func (s Site) SecurityGroupInForce(uid string) bool {
	if len(s.read.Group(GroupSound, uid)) == 0 {
		return false
	}
	for other := range s.read.Group(GroupOwnNumber, numberOfGroup(uid).Name) {
		if other < uid {
			return false
		}
	}
	return true
}

// groupFault says why a group cannot be in force anywhere; empty when it can.
func groupFault(g *desired.SecurityGroup) string {
	if len(g.Rules) > maxRules {
		return fmt.Sprintf("more than %d rules", maxRules)
	}
	if len(g.RemoteGroups()) > maxRemotes {
		return fmt.Sprintf("rules name more than %d groups", maxRemotes)
	}
	for i, r := range g.Rules {
		if why := ruleFault(r); why != "" {
			return fmt.Sprintf("rule %d %s", i+1, why)
		}
	}
	return ""
}

// protocolsWithPorts have ports by which connections are told apart: TCP, UDP and SCTP.
func protocolsWithPorts(p uint8) bool { return p == 6 || p == 17 || p == 132 }

func ruleFault(r desired.SecurityGroupRule) string {
	cidr := r.RemoteCIDR.Prefix
	switch {
	case r.Direction != model.DirectionIngress && r.Direction != model.DirectionEgress:
		return "has no direction that this version knows"
	case r.Family != model.FamilyIPv4 && r.Family != model.FamilyIPv6:
		return "has no family that this version knows"
	case r.Port != (model.PortRange{}) && (!protocolsWithPorts(r.Protocol) || r.Port.First == 0 || r.Port.Last < r.Port.First):
		return "has ports that its protocol does not have"
	case r.ICMPType != nil && r.Protocol != 1 && r.Protocol != 58, r.ICMPCode != nil && r.ICMPType == nil:
		return "has an ICMP type or code without its protocol or type"
	case r.Protocol == 1 && r.Family != model.FamilyIPv4, r.Protocol == 58 && r.Family != model.FamilyIPv6:
		return "has a protocol of the other family"
	case r.RemoteGroup != "" && cidr.IsValid():
		return "names a group and a prefix"
	case cidr.IsValid() && (cidr != cidr.Masked() || cidr.Addr().Is4In6() || !r.Family.Of(cidr.Addr())):
		return "has prefix " + Quote(cidr.String()) + ", which is not in canonical form or of the other family"
	}
	return ""
}

// groupMembersKind compiles a shard of the members of a security group on a network, or on those that a router joins.
func groupMembersKind() Kind {
	return Kind{ItemKind: desired.GroupMembersKind(), Item: ReadGroupMembers, Shares: membersShares,
		Compile: compiling((*Reader).GroupMembers, Compiler.groupMembers)}
}

func membersShares(c *desired.NodeConfig, uid string) []Read {
	if c.GroupMembers(uid) == nil {
		return nil
	}
	return []Read{{GroupFilters, ""}}
}

// ScopeNumber is the number by which the host knows a router whose networks' members count: 32 bits, and never 0. It is the same after every
// restart. Two routers may have the same; then the members of one are refused.
func ScopeNumber(router string) uint32 {
	sum := sha256.Sum256([]byte("scope\x00" + router))
	return max(binary.BigEndian.Uint32(sum[:4]), 1)
}

// Scope is the number of the router whose networks' members count for packets of the network; 0 for none. A router whose number is another one's
// has none.
func (s Site) Scope(n *desired.Network) uint32 {
	if n.Router == "" || s.scopeRival(n.Router) != "" {
		return 0
	}
	return ScopeNumber(n.Router)
}

// scopeShares is what a network shares with others that the same router joins, or one with the same number.
func scopeShares(n *desired.Network) []Read {
	if n.Router == "" {
		return nil
	}
	return []Read{{GroupScope, n.Router}, numberOfScope(n.Router)}
}

func numberOfScope(router string) Read {
	return Read{GroupScopeNumber, strconv.FormatUint(uint64(ScopeNumber(router)), 16)}
}

// groupMembers compiles a shard. An address may be in two shards for a moment, while a shard is rewritten.
func (c Compiler) groupMembers(b *Builder, m *desired.GroupMembers) {
	s, ok := c.site(b)
	if !ok {
		return
	}
	if why := membersFault(m); why != "" {
		b.Refuse("%s", why)
		return
	}
	networks := []string{m.Network}
	if m.Router != "" {
		networks = c.read.Sorted(GroupScope, m.Router)
	}
	if !slices.ContainsFunc(networks, func(uid string) bool {
		n := c.read.Network(uid)
		return n != nil && c.networkRefusal(n) == ""
	}) {
		b.Pend("waits for the network, or one that router %s joins: there is none that is not refused", Quote(m.Scope()))
		return
	}
	if why := s.scopeRival(m.Router); why != "" {
		b.Refuse("%s", why)
		return
	}
	s.backend.GroupMembers(b, s, m)
}

// scopeRival says that another router has the number of this one. The one with the lower uid has its members. No router has none.
func (s Site) scopeRival(router string) string {
	if router == "" {
		return ""
	}
	of := numberOfScope(router)
	for _, uid := range s.read.Sorted(of.Of, of.Name) {
		if n := s.read.Network(uid); n != nil && n.Router < router {
			return fmt.Sprintf("routers %s and %s have the same number on hosts: delete one of them and create it anew", Quote(n.Router), Quote(router))
		}
	}
	return ""
}

// membersFault says why a shard of members cannot be in force; empty when it can.
func membersFault(m *desired.GroupMembers) string {
	if (m.Network == "") == (m.Router == "") {
		return "needs either a network or a router, whose members it has"
	}
	if len(m.Addresses) > maxMembers {
		return fmt.Sprintf("more than %d addresses in one shard", maxMembers)
	}
	if _, ok := MembersShard(m); !ok {
		return "the uid is not made of the group's, that of the network or router, and the number of a shard below 4096"
	}
	for i, a := range m.Addresses {
		if !a.IsValid() || a.Prefix != a.Masked() || a.Addr().Is4In6() || i > 0 && m.Addresses[i-1].Prefix.Compare(a.Prefix) >= 0 {
			return "address " + Quote(a.String()) + " is out of order or not in canonical form"
		}
	}
	return ""
}

// MembersShard is the number of a shard of members, as its uid says; false when the uid is not made of the group, the network or router, and a number.
func MembersShard(m *desired.GroupMembers) (shard uint16, ok bool) {
	text, ok := strings.CutPrefix(m.UID, m.Group+"."+m.Scope()+"-")
	n, err := strconv.ParseUint(text, 10, 12)
	if !ok || err != nil || strconv.FormatUint(n, 10) != text {
		return 0, false
	}
	return uint16(n), true
}

// groupsFault says why a port cannot have its security groups; empty when it can.
func groupsFault(p *desired.Port) string {
	if len(p.SecurityGroups) > maxGroups {
		return fmt.Sprintf("more than %d security groups", maxGroups)
	}
	for i, uid := range p.SecurityGroups {
		if uid == "" || slices.Contains(p.SecurityGroups[:i], uid) {
			return "security group " + Quote(uid) + " is listed twice or has no uid"
		}
	}
	return ""
}
