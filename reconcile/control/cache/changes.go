package cache

import (
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// changed reports to the record everything that changed for its readers, now that the key holds e instead of old.
func (c *Cache) changed(k etcdschema.Key, old, e *Entry) {
	if c.record == nil || !c.record.heard() {
		return
	}
	c.record.changed(Read{Of: readEntry, Name: k.String()})
	switch Area(k) {
	case "intent":
		if id, ok := c.ParseID(k); ok && (old == nil) != (e == nil) {
			c.record.changed(Read{Of: groupDeclared, Name: id.String()})
		}
	case "accepted":
		was, _ := ValueOf[*etcdschema.Accepted](old)
		is, _ := ValueOf[*etcdschema.Accepted](e)
		if id, ok := c.ParseID(k); ok {
			c.recordChanged(id, was, is)
		}
	case "claim":
		c.ownerChanged(k, old, e)
		c.pairsChanged(k)
		if c.journal == nil { // a transaction reports it when it is confirmed, because it may be rolled back
			c.Freed(k, e == nil)
		}
	case "desired":
		c.itemChanged(k, old, e)
	case "actual":
		c.reportChanged(k, old, e)
	}
}

// Freed reports a claim whose owner or state changed or that is gone. If it is gone, it also reports the space in which a value is
// free now.
func (c *Cache) Freed(k etcdschema.Key, gone bool) {
	c.record.changed(Read{Of: readFree, Name: k.String()})
	if !gone {
		return
	}
	for _, x := range c.indexes {
		x.Freed(k, c.record.changed)
	}
	if network, _, ok := etcdschema.ParseAddressClaim(k); ok {
		c.record.changed(Read{Of: readFree, Name: network})
	} else if network, _, _, ok := etcdschema.ParseAddressPairClaim(k); ok {
		c.record.changed(Read{Of: readFree, Name: network})
	} else if physical, _, ok := etcdschema.ParseSegmentClaim(k); ok {
		c.record.changed(Read{Of: readFree, Name: SegmentSpace(physical)})
	}
}

// recordChanged reports a change of an accepted object. was is nil when it is new, is is nil when it is gone.
func (c *Cache) recordChanged(id model.ID, was, is *etcdschema.Accepted) {
	if was != nil && (is == nil || is.UID != was.UID) {
		c.record.changed(Read{Of: readUID, Name: was.UID})
	}
	if is != nil && (was == nil || is.UID != was.UID) {
		c.record.changed(Read{Of: readUID, Name: is.UID})
	}
	if !c.sameToOthers(was, is) {
		c.record.changed(Read{Of: groupAccepted, Name: id.String()})
	}
	c.usersChanged(was, is)
	c.usersChanged(is, was)
	c.changedOfKind(was, is)
}

// changedOfKind reports which groups and parts of indexes are different. A record may be replaced by one of another kind.
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
	kind := c.decoder.kinds.objectOf(one)
	if kind.Groups != nil {
		var moved moves
		for _, a := range []*etcdschema.Accepted{was, is} {
			if a != nil {
				kind.Groups(a, func(of Source, member string) { moved.count(groupKey{of: of}, member, a == is) })
			}
		}
		c.groupsChanged(moved)
	}
	if x := c.indexes[kind.Kind]; x != nil {
		x.Changed(was, is, c.record.changed)
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
	if same := c.decoder.kinds.objectOf(is).SameToOthers; same != nil {
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
			c.record.changed(Read{Of: groupUsers, Name: r.To.String()})
		}
	}
}

// ownerChanged reports a change to the owners of a claim.
func (c *Cache) ownerChanged(k etcdschema.Key, old, e *Entry) {
	was, _ := ValueOf[*etcdschema.Claim](old)
	is, _ := ValueOf[*etcdschema.Claim](e)
	same := was != nil && is != nil && was.Owner == is.Owner
	if was != nil {
		c.record.changed(Read{Of: groupOwned, Name: was.Owner})
	}
	if is != nil && !same {
		c.record.changed(Read{Of: groupOwned, Name: is.Owner})
	}
	if same && was.State == is.State {
		return
	}
	for _, cl := range []*etcdschema.Claim{was, is} {
		for _, x := range c.indexes {
			if cl != nil {
				x.ClaimChanged(k, cl.Owner, same, c.record.changed)
			}
		}
	}
}

// itemChanged reports what a changed item of a node means for other work items of this node.
func (c *Cache) itemChanged(k etcdschema.Key, old, e *Entry) {
	name, item, head, ok := etcdschema.ParseDesired(k)
	if !ok || head {
		return
	}
	kind, _ := c.decoder.kinds.item(item.Kind)
	if kind.Groups == nil {
		return
	}
	var moved moves
	if was, ok := ValueOf[desired.Item](old); ok {
		kind.Groups(was, func(of Source, member string) { moved.count(groupKey{of, name}, member, false) })
	}
	if is, ok := ValueOf[desired.Item](e); ok {
		kind.Groups(is, func(of Source, member string) { moved.count(groupKey{of, name}, member, true) })
	}
	c.groupsChanged(moved)
}

// reportChanged reports when the features of a node's weftd change, and which guests the node has seen arrive.
func (c *Cache) reportChanged(k etcdschema.Key, old, e *Entry) {
	name, _, summary, ok := etcdschema.ParseActual(k)
	if !ok {
		return
	}
	if !summary {
		was, _ := ValueOf[*etcdschema.BucketReport](old)
		is, _ := ValueOf[*etcdschema.BucketReport](e)
		c.activationsChanged(was, is)
		c.activationsChanged(is, was)
		return
	}
	was, _ := ValueOf[*etcdschema.NodeReport](old)
	is, _ := ValueOf[*etcdschema.NodeReport](e)
	if was != nil && is != nil && slices.Equal(was.Features, is.Features) {
		return
	}
	c.record.changed(Read{Of: groupFeatures, node: name})
}

// activationsChanged reports the ports whose guest has arrived according to one of two reports, and not according to the other.
func (c *Cache) activationsChanged(one, other *etcdschema.BucketReport) {
	if one == nil {
		return
	}
	for uid, port := range one.Ports {
		if port.Activated != 0 && (other == nil || other.Ports[uid].Activated != port.Activated) {
			c.record.changed(Read{Of: groupActivated, Name: uid})
		}
	}
}

// SegmentSpace names the VLAN ids of a physical network, as a space that may be exhausted.
func SegmentSpace(physicalNetwork string) string { return "segment/" + physicalNetwork }

// groupsChanged reports the members that a change has brought into a group or taken out of it. The groups are as after the change.
func (c *Cache) groupsChanged(m moves) {
	for _, at := range m {
		now := c.groups[at.group][at.member]
		if (now > 0) == (now-at.more > 0) {
			continue
		}
		c.record.changed(Read{Of: at.group.of, node: at.group.node, Name: at.member})
		c.record.changed(Read{Of: at.group.of, node: at.group.node})
	}
}
