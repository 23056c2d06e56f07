package openvswitch

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// SecurityGroup adds the flows of the group's rules.
func (Backend) SecurityGroup(b *compile.Builder, s compile.Site, g *desired.SecurityGroup) {
	addGroupFlows(b, s, g.UID, FeatureSecurityGroup, groupFlows(g))
}

// GroupMembers adds a flow for each address and direction.
func (Backend) GroupMembers(b *compile.Builder, s compile.Site, m *desired.GroupMembers) {
	addGroupFlows(b, s, m.UID, FeatureGroupMembers, memberFlows(m))
}

// addGroupFlows adds a flow set. A switch cannot hold an empty one.
func addGroupFlows(b *compile.Builder, s compile.Site, uid, feature string, flows []object.Flow) {
	h := s.Host
	if bridgeRefusal(s) != "" {
		b.Pend("waits for the host's bridge")
		return
	}
	if len(flows) == 0 {
		return
	}
	b.Add(&object.FlowSet{
		OwnerUID: uid, Bridge: h.Bridge, Feature: feature, Cookie: Cookie(uid, feature), Flows: flows,
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)},
	})
}

// rulesOf is what reg0 says of whose rules are looked up: the number of the group, and in bit 0 the direction.
func rulesOf(group uint32, d model.Direction) uint32 {
	if d == model.DirectionIngress {
		return group<<1 | 1
	}
	return group << 1
}

// valid matches what the connection tracker has made sense of.
func valid() object.ConnMatch {
	return object.ConnMatch{Value: object.ConnTracked, Mask: object.ConnTracked | object.ConnInvalid}
}

// isReply adds whether the packet goes in the direction opposite to that of the first packet.
func isReply(m object.ConnMatch, reply bool) object.ConnMatch {
	m.Mask |= object.ConnReply
	if reply {
		m.Value |= object.ConnReply
	}
	return m
}

// isNew adds that the packet would begin a connection.
func isNew(m object.ConnMatch) object.ConnMatch {
	m.Mask, m.Value = m.Mask|object.ConnNew, m.Value|object.ConnNew
	return m
}

// groupFlows look up the rules of a group; tables 62 and 63. First those that name no group, then for each group that rules name those that
// name it. Of several flows that match, Open vSwitch takes one. Therefore flows that match the same lookup all do the same.
func groupFlows(g *desired.SecurityGroup) []object.Flow {
	var l flowList
	number := compile.SecurityGroupNumber(g.UID)
	for _, d := range []model.Direction{model.DirectionEgress, model.DirectionIngress} {
		rules := object.Exact32(rulesOf(number, d))
		var lookups []object.Action
		for _, remote := range append([]string{""}, g.RemoteGroups()...) {
			of := uint32(0)
			if remote != "" {
				of = compile.SecurityGroupNumber(remote)
			}
			flows := ruleFlows(g, d, remote, rules, object.Exact32(of))
			if len(flows) > 0 {
				lookups = append(lookups, object.SetReg{Reg: 1, Value: of}, object.Resubmit{Table: tableGroupRules})
			}
			l = append(l, flows...)
		}
		if len(lookups) > 0 {
			l.add(tableGroup, prioAllow, object.Match{Reg0: rules}, lookups...)
		}
	}
	return l
}

// ruleFlows are the flows of the rules in one direction that name one group, or none; table 63. They match the first packet of the connection,
// so that one flow judges both directions.
func ruleFlows(g *desired.SecurityGroup, d model.Direction, remote string, rules, of object.Masked32) []object.Flow {
	var l flowList
	seen := map[object.Match]bool{}
	action := setBit(allowedBit, true)
	if remote != "" {
		action = object.Resubmit{Table: tableGroupMembers}
	}
	for _, r := range g.Rules {
		if r.Direction != d || r.RemoteGroup != remote {
			continue
		}
		for _, m := range ruleMatches(r) {
			m.Reg0, m.Reg1 = rules, of
			if !seen[m] { // ranges that overlap share blocks
				seen[m] = true
				l.add(tableGroupRules, prioAllow, m, action)
			}
		}
	}
	return l
}

// ruleMatches are the matches of a rule: one for each block of its range of ports, and one for later fragments. Of those the userspace datapath
// knows addresses and protocol of the connection, but not its ports. Fragments pass the tracker together or not at all, and the first one
// is judged with its ports.
func ruleMatches(r desired.SecurityGroupRule) []object.Match {
	m := object.Match{EthType: ethIPv4, Conn: valid(), IPProto: r.Protocol}
	if r.Family == model.FamilyIPv6 {
		m.EthType = ethIPv6
	}
	if cidr := r.RemoteCIDR.Prefix; cidr.IsValid() && cidr.Bits() > 0 {
		if r.Direction == model.DirectionIngress {
			m.IPSrc = cidr
		} else {
			m.IPDst = cidr
		}
	}
	if r.ICMPType != nil {
		m.ConnSrc = object.Masked16{Value: uint16(*r.ICMPType), Mask: 0xffff}
	}
	if r.ICMPCode != nil {
		m.ConnDst = object.Masked16{Value: uint16(*r.ICMPCode), Mask: 0xffff}
	}
	m.Original = m.IPProto != 0 || m.IPSrc.IsValid() || m.IPDst.IsValid()
	later := m
	later.ConnSrc, later.ConnDst, later.Frag = object.Masked16{}, object.Masked16{}, object.FragLater
	if r.Port == (model.PortRange{}) {
		if r.ICMPType == nil {
			return []object.Match{m}
		}
		return []object.Match{m, later}
	}
	all := []object.Match{later}
	for _, block := range portBlocks(r.Port) {
		m.ConnDst = block
		all = append(all, m)
	}
	return all
}

// portBlocks divides a range of ports into blocks that a mask can express, 30 at most.
func portBlocks(r model.PortRange) (blocks []object.Masked16) {
	for first, last := uint32(r.First), uint32(r.Last); first <= last; {
		size := uint32(1)
		for first&size == 0 && first+2*size-1 <= last && size < 1<<15 {
			size *= 2
		}
		blocks = append(blocks, object.Masked16{Value: uint16(first), Mask: uint16(-size)})
		first += size
	}
	return blocks
}

// memberFlows allow what comes from an address of a group, or goes to it; table 64. The priority is one of the shard's own, so that an address
// that is in two shards for a moment is two flows.
func memberFlows(m *desired.GroupMembers) []object.Flow {
	var l flowList
	shard, _ := compile.MembersShard(m)
	scope := object.Match{Reg2: object.Exact32(compile.ScopeNumber(m.Router))}
	if m.Router == "" {
		number, _ := compile.NetworkNumber(m.Network)
		scope = object.Match{Metadata: object.Exact64(number)}
	}
	for _, a := range m.Addresses {
		match := scope
		match.Reg1, match.EthType, match.Conn, match.Original = object.Exact32(compile.SecurityGroupNumber(m.Group)), ethIPv4, valid(), true
		if a.Addr().Is6() {
			match.EthType = ethIPv6
		}
		from, to := match, match
		from.Reg0, from.IPSrc = object.Masked32{Value: 1, Mask: 1}, a.Prefix // ingress
		to.Reg0, to.IPDst = object.Masked32{Value: 0, Mask: 1}, a.Prefix
		l.add(tableGroupMembers, prioAllow+shard, from, setBit(allowedBit, true))
		l.add(tableGroupMembers, prioAllow+shard, to, setBit(allowedBit, true))
	}
	return l
}
