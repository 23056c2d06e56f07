package cache

import (
	"iter"

	"weft/etcdschema"
	"weft/model"
)

// Seen is the cluster, and the revision up to which the cache is complete.
func (c *Cache) Seen() etcdschema.Seen {
	return etcdschema.Seen{ClusterID: c.ClusterID, Revision: c.Revision}
}

// ModRevision is the mod revision of a key; 0 when etcd does not have it.
func (c *Cache) ModRevision(k etcdschema.Key) int64 {
	if e := c.entries[k]; e != nil {
		return e.ModRevision
	}
	return 0
}

// AcceptedCount is the number of accepted objects.
func (c *Cache) AcceptedCount() int { return len(c.accepted) }

// Declared says that the object has an intent, valid or not.
func (c *Cache) Declared(id model.ID) bool { return c.intents[id] != nil }

// Undeclared are the accepted objects without an intent, in any order.
func (c *Cache) Undeclared() iter.Seq[model.ID] {
	return func(yield func(model.ID) bool) {
		for id := range c.accepted {
			if c.intents[id] == nil && !yield(id) {
				return
			}
		}
	}
}

// UnknownGuests is the number of guests in the node configs whose object is not accepted.
func (c *Cache) UnknownGuests() (n int) {
	for k := range c.placed {
		if kind, _ := c.decoder.kinds.item(k.Kind); !kind.Guest {
			continue
		}
		if _, known := c.ids[k.UID]; !known {
			n++
		}
	}
	return n
}

// NodeReport is the summary that a node reports; nil when there is none. Do not change it.
func (c *Cache) NodeReport(name string) *etcdschema.NodeReport {
	if n := c.nodes[name]; n != nil {
		return n.report
	}
	return nil
}

// ReportingNodes is the number of nodes whose summary is there.
func (c *Cache) ReportingNodes() int { return c.reporting }
