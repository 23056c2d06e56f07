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
		if id, ok := c.parseID(k); ok && (old == nil) != (e == nil) {
			c.record.changed(read{of: groupDeclared, name: id.String()})
		}
	case "accepted":
		was, _ := entryValue[*etcdschema.Accepted](old)
		is, _ := entryValue[*etcdschema.Accepted](e)
		if id, ok := c.parseID(k); ok {
			c.recordChanged(id, was, is)
		}
	case "claim":
		c.ownerChanged(k, old, e)
		if c.journal == nil { // a transaction reports it when it is confirmed, because it may be rolled back
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
	if !c.sameToOthers(was, is) {
		c.record.changed(read{of: groupAccepted, name: id.String()})
	}
	c.usersChanged(was, is)
	c.usersChanged(is, was)
	c.changedOfKind(was, is)
}

// changedOfKind reports to the record what only the objects' kind knows. A record may be replaced by one of another kind.
func (c *Cache) changedOfKind(was, is *etcdschema.Accepted) {
	if was != nil && is != nil && was.Object.Spec.Kind() != is.Object.Spec.Kind() {
		c.changedOfKind(was, nil)
		c.changedOfKind(nil, is)
		return
	}
	one := was
	if one == nil {
		one = is
	}
	if one == nil {
		return
	}
	if changed := c.kinds.objectOf(one).changed; changed != nil {
		changed(c, was, is)
	}
}

// sameToOthers says that the change does not matter to objects that refer to this one.
func (c *Cache) sameToOthers(was, is *etcdschema.Accepted) bool {
	if was == nil || is == nil {
		return was == is
	}
	if is.UID != was.UID || is.Object.Spec.Kind() != was.Object.Spec.Kind() {
		return false
	}
	if same := c.kinds.objectOf(is).sameToOthers; same != nil {
		return same(was, is)
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

// itemChanged reports what a changed item of a node means for other units of this node.
func (c *Cache) itemChanged(k etcdschema.Key, old, e *entry) {
	name, item, head, ok := etcdschema.ParseDesired(k)
	if !ok || head {
		return
	}
	if kind, _ := c.kinds.item(item.Kind); kind.changed != nil {
		was, _ := entryValue[desired.Item](old)
		is, _ := entryValue[desired.Item](e)
		kind.changed(c, name, was, is)
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
		c.activationsChanged(was, is)
		c.activationsChanged(is, was)
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

// activationsChanged reports the ports whose guest has arrived according to one of two reports, and not according to the other.
func (c *Cache) activationsChanged(one, other *etcdschema.BucketReport) {
	if one == nil {
		return
	}
	for uid, port := range one.Ports {
		if port.Activated != 0 && (other == nil || other.Ports[uid].Activated != port.Activated) {
			c.record.changed(read{of: groupActivated, name: uid})
		}
	}
}
