package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// addFilter adds the table of security groups, if a port here has some.
func addFilter(b *compile.Builder, s compile.Site) {
	if len(s.Reader().Group(compile.GroupFilters, "")) > 0 {
		b.Add(&object.BridgeFilter{OwnerUID: s.Host.UID})
	}
}

// addTracking makes the connection tracker look at a network that has ports with security groups here.
func addTracking(b *compile.Builder, s compile.Site, n *desired.Network) {
	if len(s.Reader().Group(compile.GroupFiltered, n.UID)) == 0 {
		return
	}
	b.Add(&object.FilterNetwork{OwnerUID: n.UID, Bridge: BridgeName(n.UID), Zone: s.Reader().Zone(n.UID), Router: s.Scope(n)})
}

// filterPort is what filters a port: the groups that are in force here. Others allow nothing. It is nil for a port without groups.
func filterPort(s compile.Site, bridge, device string, p *desired.Port) *object.FilterPort {
	if len(p.SecurityGroups) == 0 {
		return nil
	}
	f := &object.FilterPort{OwnerUID: p.UID, Device: device, After: []object.Key{{Kind: object.KindFilterNetwork, Name: bridge}}}
	for _, uid := range p.SecurityGroups {
		if s.SecurityGroupInForce(uid) {
			number := compile.SecurityGroupNumber(uid)
			f.Groups = append(f.Groups, number)
			f.After = append(f.After, object.FilterGroupKey(number))
		}
	}
	return f
}

// SecurityGroup adds the group's rules.
func (Backend) SecurityGroup(b *compile.Builder, _ compile.Site, g *desired.SecurityGroup) {
	f := &object.FilterGroup{OwnerUID: g.UID, Number: compile.SecurityGroupNumber(g.UID)}
	for _, r := range g.Rules {
		f.Rules = append(f.Rules, filterRule(r))
	}
	f.Version = object.FilterVersion(f.Rules)
	b.Add(f)
}

func filterRule(r desired.SecurityGroupRule) object.FilterRule {
	f := object.FilterRule{Ingress: r.Direction == model.DirectionIngress, IPv6: r.Family == model.FamilyIPv6, Protocol: r.Protocol,
		Ports: r.Port != (model.PortRange{}), First: r.Port.First, Last: r.Port.Last}
	if r.ICMPType != nil {
		f.Ports = true
		f.First = uint16(*r.ICMPType) << 8
		f.Last = f.First | 0xff
	}
	if r.ICMPCode != nil {
		f.First |= uint16(*r.ICMPCode)
		f.Last = f.First
	}
	if r.RemoteGroup != "" {
		f.Group = compile.SecurityGroupNumber(r.RemoteGroup)
	}
	if cidr := r.RemoteCIDR.Prefix; cidr.IsValid() && cidr.Bits() > 0 {
		f.Remote = cidr
	}
	return f
}

// GroupMembers adds the addresses of a shard.
func (Backend) GroupMembers(b *compile.Builder, _ compile.Site, m *desired.GroupMembers) {
	shard, _ := compile.MembersShard(m)
	f := &object.FilterMembers{OwnerUID: m.UID, Group: compile.SecurityGroupNumber(m.Group), Shard: shard}
	if m.Router != "" {
		f.Router = compile.ScopeNumber(m.Router)
	} else {
		f.Bridge = BridgeName(m.Network)
	}
	for _, a := range m.Addresses {
		f.Members = append(f.Members, a.Prefix)
	}
	if len(f.Members) > 0 {
		b.Add(f)
	}
}
