package cache

import (
	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claimed"
)

// Load fills the cache from a list of everything at one revision.
func (c *Cache) Load(items []etcdschema.Item, revision int64) {
	for _, it := range items {
		if len(it.Value) > ReportLimit(it.Key) {
			continue
		}
		c.Set(it.Key, &Entry{Data: it.Value, ModRevision: it.ModRevision, CreateRevision: it.CreateRevision})
	}
	c.Revision = revision
}

// Set stores e under the key, or deletes the key when e is nil. It returns the old entry. Work items that have read what changes are
// queued.
func (c *Cache) Set(k etcdschema.Key, e *Entry) *Entry {
	old := c.swap(k, e)
	if old != nil || e != nil {
		c.changed(k, old, e)
	}
	return old
}

// swap is set without queueing anybody.
func (c *Cache) swap(k etcdschema.Key, e *Entry) *Entry {
	old := c.entries[k]
	if c.journal != nil {
		c.journal.note(k, old)
	}
	if e != nil {
		c.decodeEntry(k, e)
	}
	c.unindex(k, old)
	if e == nil {
		delete(c.entries, k)
		c.unshare(k)
	} else {
		c.entries[k] = e
	}
	c.index(k, e)
	return old
}

func (c *Cache) unindex(k etcdschema.Key, e *Entry) {
	if e == nil {
		return
	}
	switch Area(k) {
	case "intent":
		if id, ok := c.ParseID(k); ok {
			delete(c.intents, id)
		}
	case "accepted":
		id, ok := c.ParseID(k)
		if a, is := e.Value.(*etcdschema.Accepted); ok && is {
			c.refer(id, a.Object, false)
			c.indexOfKind(a, false)
			delete(c.accepted, id)
			c.tellAccepted(id, false)
			if c.ids[a.UID] == id {
				delete(c.ids, a.UID)
			}
		}
	case "claim":
		c.indexClaim(k, e, false)
	case "desired":
		c.indexDesired(k, e, false)
	case "actual":
		c.indexActual(k, e, nil)
	}
}

func (c *Cache) index(k etcdschema.Key, e *Entry) {
	if e == nil {
		return
	}
	switch Area(k) {
	case "intent":
		if id, ok := c.ParseID(k); ok {
			c.intents[id] = e.Value.(*Intent)
		}
	case "accepted":
		id, ok := c.ParseID(k)
		if a, is := e.Value.(*etcdschema.Accepted); ok && is && a.Object.Spec != nil {
			c.accepted[id] = a
			c.tellAccepted(id, true)
			c.ids[a.UID] = id
			c.refer(id, a.Object, true)
			c.indexOfKind(a, true)
		}
	case "claim":
		c.indexClaim(k, e, true)
	case "desired":
		c.indexDesired(k, e, true)
	case "actual":
		c.indexActual(k, nil, e)
	}
}

// indexOfKind adds an accepted object to the groups and the index of its kind, or removes it.
func (c *Cache) indexOfKind(acc *etcdschema.Accepted, add bool) {
	kind := c.decoder.kinds.objectOf(acc)
	if kind.Groups != nil {
		kind.Groups(acc, func(of Source, member string) { c.join(groupKey{of: of}, member, add) })
	}
	if x := c.indexes[kind.Kind]; x != nil {
		x.Change(acc, add)
	}
}

func (c *Cache) tellAccepted(id model.ID, accepted bool) {
	if c.AcceptedChanged != nil {
		c.AcceptedChanged(id, accepted)
	}
}

// refer records what an accepted object refers to.
func (c *Cache) refer(from model.ID, o model.Object, add bool) {
	if o.Spec == nil {
		return
	}
	for _, r := range o.Spec.References(from.Project) {
		c.using.change(r.To, from, add)
	}
}

func (c *Cache) indexClaim(k etcdschema.Key, e *Entry, add bool) {
	if cl, ok := e.Value.(*etcdschema.Claim); ok {
		c.owned.change(cl.Owner, k, add)
	}
	for _, x := range c.indexes {
		x.ChangeClaim(k, claimIn(e), add)
	}
	if network, a, ok := etcdschema.ParseAddressClaim(k); ok {
		c.Addresses(network).Change(a.Addr, add)
		return
	}
	if network, p, ok := etcdschema.ParseRoutedPrefixClaim(k); ok {
		if c.prefixes[network] == nil {
			c.prefixes[network] = &claimed.Prefixes{}
		}
		c.prefixes[network].Change(p, add)
		return
	}
	if physical, vlan, ok := etcdschema.ParseSegmentClaim(k); ok {
		c.Segments(physical).Change(vlan, add)
		return
	}
	c.indexPair(k, add)
}
