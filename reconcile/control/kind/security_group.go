package kind

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// securityGroupKind: a security group becomes an item on each node with a port that it filters. It claims nothing.
func securityGroupKind() ObjectKind {
	return ObjectKind{
		// Ports, and groups whose rules name it, read nothing of it but its uid. So a new rule is no work for a thousand ports.
		Cache: cache.ObjectKind{KindInfo: model.SecurityGroupKind(), SameToOthers: func(_, _ *etcdschema.Accepted) bool { return true }},
		Place: func(p *Placement) error {
			key := desired.Key{Kind: desired.KindSecurityGroup, UID: p.accepted.UID}
			for _, name := range p.Cache.PlacedOn(key) {
				p.Schedule.Begin(cache.ItemWork(name, key))
			}
			tellMissing(p)
			return nil
		},
		InUse: defaultInUse,
	}
}

// tellMissing says which groups the rules name that do not exist.
func tellMissing(p *Placement) {
	project := p.accepted.Object.Metadata.Project
	for i, r := range p.accepted.Object.Spec.(*model.SecurityGroupSpec).Rules {
		if id := model.SecurityGroupID(project, r.RemoteGroup); r.RemoteGroup != "" && p.Reader.Accepted(id) == nil {
			p.Pending(fmt.Sprintf("spec.rules[%d].remoteGroup", i), fmt.Sprintf("%s does not exist, so that the rule allows nothing: create it, or correct the name", id))
		}
	}
}

func securityGroupItemKind() ItemKind {
	return ItemKind{
		Cache: cache.ItemKind{
			ItemKind: desired.SecurityGroupKind(),
			Shared:   true,
			Groups: func(item desired.Item, in func(of cache.Source, member string)) {
				for _, uid := range item.(*desired.SecurityGroup).RemoteGroups() {
					in(remoteGroups, uid)
				}
			},
		},
		Update:   updateGroup,
		Withdraw: updateLater, // more nodes than fit one transaction are possible
	}
}

// updateGroup updates the item of a security group. It exists while the group filters a port in the node config.
func updateGroup(e *Evaluation, name string, k desired.Key) error {
	if !e.Has(usedGroups, name, k.UID) {
		e.Forget()
		e.Tx.RemoveItem(name, k)
		return nil
	}
	group := e.WithUID(k.UID)
	if group == nil {
		return nil // it is removed with the last port that it filters
	}
	if _, is := group.Object.Spec.(*model.SecurityGroupSpec); !is {
		return nil
	}
	item := resolveGroup(e.Reader, e.Whole(group.Object.ID()))
	if _, err := e.Tx.PutItem(name, item); err != nil {
		return err
	}
	for member := range e.Quiet().Members(filteredNetworks, name) { // ports begin those of new networks
		project, network := parseFiltered(member)
		if project != item.Project {
			continue
		}
		for _, remote := range item.RemoteGroups() {
			e.Schedule.Begin(cache.ItemWork(name, membersKey(remote, network, 0)))
		}
	}
	return nil
}

// resolveGroup is the item of a security group. A rule that names a group which does not exist is left out.
func resolveGroup(r *cache.Reader, group *etcdschema.Accepted) *desired.SecurityGroup {
	project := group.Object.Metadata.Project
	item := &desired.SecurityGroup{UID: group.UID, Project: project, Name: group.Object.Metadata.Name}
	for _, rule := range group.Object.Spec.(*model.SecurityGroupSpec).Rules {
		one := desired.SecurityGroupRule{
			Direction: rule.Direction, Protocol: rule.Protocol.Number(), Port: rule.Port, ICMPType: rule.ICMPType, ICMPCode: rule.ICMPCode,
			RemoteCIDR: rule.RemoteCIDR,
		}
		if rule.RemoteGroup != "" {
			remote := r.Accepted(model.SecurityGroupID(project, rule.RemoteGroup))
			if remote == nil {
				continue
			}
			one.RemoteGroup = remote.UID
		}
		for _, f := range rule.Families() {
			one.Family = f
			item.Rules = append(item.Rules, one)
		}
	}
	return item
}

// effectiveGroups are the names of the groups that filter a port: those of its spec, or the default of its project.
func effectiveGroups(r *cache.Reader, project string, s *model.PortSpec) []string {
	if len(s.SecurityGroups) > 0 {
		return slices.Sorted(slices.Values(s.SecurityGroups))
	}
	if name := defaultGroup(r, project); name != "" {
		return []string{name}
	}
	return nil
}

// groupsOf are the uids of the groups that filter a port, in order. It returns false, with the port pending, while one does not exist.
func groupsOf(p *Placement) (uids []string, ok bool) {
	project := p.accepted.Object.Metadata.Project
	for _, name := range p.accepted.Allocated.SecurityGroups {
		id := model.SecurityGroupID(project, name)
		group := p.Reader.Accepted(id)
		if group == nil {
			p.Pending("spec.securityGroups", fmt.Sprintf("%s does not exist, and is the default of Project %s: create it, or change the default", id, project))
			return nil, false
		}
		uids = append(uids, group.UID)
	}
	slices.Sort(uids)
	return uids, true
}

// beginGroups starts what a filtered port needs on its node: its groups, and on its network the members of all groups that rules name there.
func beginGroups(e *Evaluation, name string, port *desired.Port) {
	if len(port.SecurityGroups) == 0 {
		return
	}
	for _, uid := range port.SecurityGroups {
		e.Schedule.Begin(cache.ItemWork(name, desired.Key{Kind: desired.KindSecurityGroup, UID: uid}))
	}
	for uid := range e.Quiet().Members(remoteGroups, name) { // groups that come later begin their own
		e.Schedule.Begin(cache.ItemWork(name, membersKey(uid, port.Network, 0)))
	}
}
