package control

import (
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// changed reports to the record everything that changed for its readers, now that the key holds e instead of old.
func (c *Cache) changed(k etcdschema.Key, old, e *entry) {
	if c.record == nil || !c.record.heard() {
		return
	}
	c.record.changed(read{of: readEntry, name: k.String()})
	switch area(k) {
	case "intent":
		if id, ok := etcdschema.ParseID(k); ok && (old == nil) != (e == nil) {
			c.record.changed(read{of: groupDeclared, name: id.String()})
		}
	case "accepted":
		was, _ := entryValue[*etcdschema.Accepted](old)
		is, _ := entryValue[*etcdschema.Accepted](e)
		if id, ok := etcdschema.ParseID(k); ok {
			c.recordChanged(id, was, is)
		}
	case "claim":
		c.ownerChanged(k, old, e)
		if c.journal == nil { // a round reports it when it is confirmed, because it may be rolled back
			c.freed(k, e == nil)
		}
	case "desired":
		c.itemChanged(k, old, e)
	case "actual":
		c.reportChanged(k, old, e)
	}
}

// freed reports a claim whose owner or state changed or that is gone. If it is gone, it also reports the space in which a value is
// free now.
func (c *Cache) freed(k etcdschema.Key, gone bool) {
	c.record.changed(read{of: readFree, name: k.String()})
	if !gone {
		return
	}
	if network, _, ok := etcdschema.ParseAddressClaim(k); ok {
		c.record.changed(read{of: readFree, name: network})
	} else if physical, _, ok := etcdschema.ParseSegmentClaim(k); ok {
		c.record.changed(read{of: readFree, name: segmentSpace(physical)})
	}
}

// recordChanged reports a change of an accepted object. was is nil when it is new, is is nil when it is gone.
func (c *Cache) recordChanged(id model.ID, was, is *etcdschema.Accepted) {
	if was != nil && (is == nil || is.UID != was.UID) {
		c.record.changed(read{of: readUID, name: was.UID})
	}
	if is != nil && (was == nil || is.UID != was.UID) {
		c.record.changed(read{of: readUID, name: is.UID})
	}
	if !sameToOthers(was, is) {
		c.record.changed(read{of: groupAccepted, name: id.String()})
	}
	c.usersChanged(was, is)
	c.usersChanged(is, was)
	switch specOf(was, is).(type) {
	case *model.HostSpec:
		c.hostChanged(was, is)
	case *model.PortSpec:
		c.membersChanged(was, is)
	}
}

// sameToOthers says that the change does not matter to objects that refer to this one. For a network only some fields matter; its
// own item on the nodes reads the rest. A thousand ports need not be evaluated for a new lease time.
func sameToOthers(was, is *etcdschema.Accepted) bool {
	if was == nil || is == nil {
		return was == is
	}
	if is.UID != was.UID {
		return false
	}
	now, network := is.Object.Spec.(*model.NetworkSpec)
	if before, same := was.Object.Spec.(*model.NetworkSpec); network && same {
		return reflect.DeepEqual(before.Subnets, now.Subnets) && reflect.DeepEqual(before.External, now.External) &&
			before.PhysicalNetwork == now.PhysicalNetwork && before.Type == now.Type
	}
	return reflect.DeepEqual(was.Object.Spec, is.Object.Spec) && reflect.DeepEqual(was.Allocated, is.Allocated) &&
		reflect.DeepEqual(was.Migration, is.Migration) && was.GatewaySecret == is.GatewaySecret
}

// usersChanged reports the objects to which one of two states of an object refers, and the other does not.
func (c *Cache) usersChanged(one, other *etcdschema.Accepted) {
	if one == nil {
		return
	}
	var others []model.Reference
	if other != nil {
		others = other.Object.Spec.References(other.Object.Metadata.Project)
	}
	for _, r := range one.Object.Spec.References(one.Object.Metadata.Project) {
		if !slices.ContainsFunc(others, func(o model.Reference) bool { return o.To == r.To }) {
			c.record.changed(read{of: groupUsers, name: r.To.String()})
		}
	}
}

// specOf is the spec of the first record that is not nil. All records of one key have the same kind.
func specOf(records ...*etcdschema.Accepted) model.Spec {
	for _, a := range records {
		if a != nil {
			return a.Object.Spec
		}
	}
	return nil
}

// hostChanged reports when a physical network gets its first host or loses its last one, and when a gateway host changes.
func (c *Cache) hostChanged(was, is *etcdschema.Accepted) {
	gateway := false
	for _, h := range []*etcdschema.Accepted{was, is} {
		if h == nil {
			continue
		}
		s, ok := h.Object.Spec.(*model.HostSpec)
		if !ok {
			continue
		}
		gateway = gateway || slices.Contains(s.Roles, model.RoleGateway)
		for _, m := range s.PhysicalNetworks {
			if len(c.mapped[m.Name]) <= 1 {
				c.record.changed(read{of: groupMapped, name: m.Name})
			}
		}
	}
	same := was != nil && is != nil && was.Allocated.MAC == is.Allocated.MAC && was.GatewaySecret == is.GatewaySecret &&
		reflect.DeepEqual(was.Object.Spec, is.Object.Spec)
	if gateway && !same {
		c.record.changed(read{of: groupGateways})
	}
}

// membersChanged reports the parts of a network's members in which a port changed.
func (c *Cache) membersChanged(was, is *etcdschema.Accepted) {
	before, wasOn := membersOf(was)
	after, isOn := membersOf(is)
	if wasOn == isOn {
		c.partsChanged(isOn, before, after)
		return
	}
	c.partsChanged(wasOn, before, nil)
	c.partsChanged(isOn, nil, after)
}

// membersOf are the addresses that a port adds to a network.
func membersOf(a *etcdschema.Accepted) (map[member]model.MAC, model.ID) {
	if a == nil {
		return nil, model.ID{}
	}
	s, ok := a.Object.Spec.(*model.PortSpec)
	if !ok {
		return nil, model.ID{}
	}
	network := s.NetworkID(a.Object.Metadata.Project)
	if s.Host == "" {
		return nil, network
	}
	out := make(map[member]model.MAC, len(a.Allocated.Addresses))
	for _, addr := range a.Allocated.Addresses {
		out[member{addr, a.UID}] = a.Allocated.MAC
	}
	return out, network
}

// partsChanged reports the parts that hold what differs, and a change of the number of parts.
func (c *Cache) partsChanged(id model.ID, was, is map[member]model.MAC) {
	network := c.accepted[id]
	if network == nil || len(was)+len(is) == 0 {
		return
	}
	count := c.memberCount(id)
	parts := partsFor(count)
	for _, m := range []map[member]model.MAC{was, is} {
		for k, mac := range m {
			if was[k] != mac || is[k] != mac {
				c.record.changed(read{of: groupMembers, name: network.UID, part: partOf(k.address, parts)})
			}
		}
	}
	if parts != partsFor(count-len(is)+len(was)) {
		c.record.changed(read{of: groupParts, name: network.UID})
	}
}

// ownerChanged reports a change to the owners of a claim. When the owner of an address changes, it also reports the part of the
// network's members with this address.
func (c *Cache) ownerChanged(k etcdschema.Key, old, e *entry) {
	was, _ := entryValue[*etcdschema.Claim](old)
	is, _ := entryValue[*etcdschema.Claim](e)
	same := was != nil && is != nil && was.Owner == is.Owner
	if was != nil {
		c.record.changed(read{of: groupOwned, name: was.Owner})
	}
	if is != nil && !same {
		c.record.changed(read{of: groupOwned, name: is.Owner})
	}
	network, addr, ok := etcdschema.ParseAddressClaim(k)
	if !ok || same {
		return
	}
	part := partOf(addr, partsFor(c.memberCount(c.ids[network])))
	c.record.changed(read{of: groupMembers, name: network, part: part})
}

// itemChanged reports what a changed port or router in a node's slice means for other units of this node.
func (c *Cache) itemChanged(k etcdschema.Key, old, e *entry) {
	name, item, head, ok := etcdschema.ParseDesired(k)
	switch {
	case !ok || head:
	case item.Kind == desired.KindPort:
		was, _ := entryValue[*desired.Port](old)
		is, _ := entryValue[*desired.Port](e)
		c.guestsChanged(name, was, is)
		c.guestsChanged(name, is, was)
	case item.Kind == desired.KindRouter:
		was, _ := entryValue[*desired.Router](old)
		is, _ := entryValue[*desired.Router](e)
		c.legsChanged(name, was, is)
		c.legsChanged(name, is, was)
	}
}

// guestsChanged reports when the first port of a network appears on a node or the last one disappears: the port is in one of two
// states and not in the other, and no other port there is on its network.
func (c *Cache) guestsChanged(name string, one, other *desired.Port) {
	if one != nil && (other == nil || other.Network != one.Network) && c.node(name).networks[one.Network] <= 1 {
		c.record.changed(read{of: groupGuests, node: name, name: one.Network})
		c.record.changed(read{of: groupGuests, node: name})
	}
}

// legsChanged reports the networks to which a router leads in one of two states, and not in the other.
func (c *Cache) legsChanged(name string, one, other *desired.Router) {
	if one == nil {
		return
	}
	for _, leg := range one.Legs {
		if other == nil || !hasLeg(other, leg.Network) {
			c.record.changed(read{of: groupLegs, node: name, name: leg.Network})
		}
	}
	if one.External != "" && (other == nil || other.External != one.External || (other.Central == nil) != (one.Central == nil)) {
		c.record.changed(read{of: groupOutside, node: name, name: one.External})
	}
}

// reportChanged reports when the features of a node's weftd change, and which guests the node has seen arrive.
func (c *Cache) reportChanged(k etcdschema.Key, old, e *entry) {
	name, _, summary, ok := etcdschema.ParseActual(k)
	if !ok {
		return
	}
	if !summary {
		was, _ := entryValue[*etcdschema.BucketReport](old)
		is, _ := entryValue[*etcdschema.BucketReport](e)
		c.arrivalsChanged(was, is)
		c.arrivalsChanged(is, was)
		return
	}
	was, _ := entryValue[*etcdschema.NodeReport](old)
	is, _ := entryValue[*etcdschema.NodeReport](e)
	if was != nil && is != nil && slices.Equal(was.Features, is.Features) {
		return
	}
	c.record.changed(read{of: groupFeatures, node: name})
	if _, gateway := c.gateways[name]; gateway {
		c.record.changed(read{of: groupGateways})
	}
}

// arrivalsChanged reports the ports whose guest has arrived according to one of two reports, and not according to the other.
func (c *Cache) arrivalsChanged(one, other *etcdschema.BucketReport) {
	if one == nil {
		return
	}
	for uid, port := range one.Ports {
		if port.Arrived != 0 && (other == nil || other.Ports[uid].Arrived != port.Arrived) {
			c.record.changed(read{of: groupArrived, name: uid})
		}
	}
}
