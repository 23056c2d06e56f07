package cache

import (
	"weft/etcdschema"
	"weft/model/desired"
)

func (c *Cache) indexDesired(k etcdschema.Key, e *Entry, add bool) {
	name, item, head, ok := etcdschema.ParseDesired(k)
	if !ok {
		return
	}
	n := c.Node(name)
	switch {
	case head && add:
		n.head = e
		return
	case head:
		n.head = nil
		return
	case add:
		n.Items[item] = e
		n.waiting[item] = struct{}{}
		n.Digest.Add(k, e.Data)
	default:
		delete(n.Items, item)
		n.Digest.Remove(k, e.Data)
	}
	c.placed.change(item, name, add)
	kind, _ := c.decoder.kinds.item(item.Kind)
	if v, ok := e.Value.(desired.Item); ok && kind.Groups != nil {
		kind.Groups(v, func(of Source, member string) { c.join(groupKey{of, name}, member, add) })
	}
}

func (c *Cache) indexActual(k etcdschema.Key, old, e *Entry) {
	name, bucket, summary, ok := etcdschema.ParseActual(k)
	if !ok {
		return
	}
	n := c.Node(name)
	if old != nil {
		n.reportBytes -= len(old.Data)
	}
	if e != nil {
		n.reportBytes += len(e.Data)
	}
	if !summary {
		if was, is := ValueOf[*etcdschema.BucketReport](old); is {
			c.owners.change(was, false)
		}
		delete(n.Buckets, bucket)
		if r, is := ValueOf[*etcdschema.BucketReport](e); is {
			c.owners.change(r, true)
			n.Buckets[bucket] = r
		}
		return
	}
	if n.report != nil {
		c.reporting--
	}
	n.report, _ = ValueOf[*etcdschema.NodeReport](e)
	if n.report != nil {
		c.reporting++
	}
}

// join adds a member to a group, or removes it. A member may be in a group several times: two ports of one network on a node.
func (c *Cache) join(g groupKey, member string, add bool) {
	if c.groups[g] == nil {
		c.groups[g] = map[string]int{}
	}
	count(c.groups[g], member, add)
	if len(c.groups[g]) == 0 {
		delete(c.groups, g)
	}
}
