package control

import (
	"slices"

	"weft/etcdschema"
	"weft/model/desired"
)

// node is what the cache knows of one node: its node config in etcd and its report.
type node struct {
	items    map[desired.Key]*entry
	networks map[string]int // ports in the node config by network uid
	legs     map[string]int // routers in the node config with a leg on the network, by its uid
	external map[string]int // routers in the node config with this external network, by its uid
	shared   map[string]int // the distributed ones of these, which use the node's own addresses
	digest   etcdschema.SetDigest
	head     *entry

	report      *etcdschema.NodeReport
	buckets     map[int]*etcdschema.BucketReport
	reportBytes int                      // of report and buckets
	waiting     map[desired.Key]struct{} // items whose desired revision the node has not processed
}

func (c *Cache) node(name string) *node {
	n := c.nodes[name]
	if n == nil {
		n = &node{
			items: map[desired.Key]*entry{}, networks: map[string]int{}, legs: map[string]int{}, external: map[string]int{},
			shared:  map[string]int{},
			buckets: map[int]*etcdschema.BucketReport{}, waiting: map[desired.Key]struct{}{},
		}
		c.nodes[name] = n
	}
	return n
}

func (c *Cache) indexDesired(k etcdschema.Key, e *entry, add bool) {
	name, item, head, ok := etcdschema.ParseDesired(k)
	if !ok {
		return
	}
	n := c.node(name)
	switch {
	case head && add:
		n.head = e
		return
	case head:
		n.head = nil
		return
	case add:
		n.items[item] = e
		n.waiting[item] = struct{}{}
		n.digest.Add(k, e.data)
	default:
		delete(n.items, item)
		n.digest.Remove(k, e.data)
	}
	c.placed.change(item, name, add)
	kind, _ := c.kinds.item(item.Kind)
	if v, ok := e.value.(desired.Item); ok && kind.index != nil {
		kind.index(n, v, add)
	}
}

// count changes a counter of the map and removes it at zero.
func count(m map[string]int, k string, add bool) {
	if add {
		m[k]++
	} else if m[k]--; m[k] == 0 {
		delete(m, k)
	}
}

// needs says that something in the node config refers to the network.
func (n *node) needs(network string) bool {
	return n.networks[network]+n.legs[network]+n.external[network] > 0
}

func (c *Cache) indexActual(k etcdschema.Key, old, e *entry) {
	name, bucket, summary, ok := etcdschema.ParseActual(k)
	if !ok {
		return
	}
	n := c.node(name)
	if old != nil {
		n.reportBytes -= len(old.data)
	}
	if e != nil {
		n.reportBytes += len(e.data)
	}
	if !summary {
		if was, is := entryValue[*etcdschema.BucketReport](old); is {
			c.owners.change(was, false)
		}
		delete(n.buckets, bucket)
		if r, is := entryValue[*etcdschema.BucketReport](e); is {
			c.owners.change(r, true)
			n.buckets[bucket] = r
		}
		return
	}
	if n.report != nil {
		c.reporting--
	}
	n.report, _ = entryValue[*etcdschema.NodeReport](e)
	if n.report != nil {
		c.reporting++
	}
}

// lacks is the first of the features that the node does not have. A node without a report has the baseline.
func (n *node) lacks(features ...desired.Feature) (desired.Feature, bool) {
	have := desired.Baseline()
	if n != nil && n.report != nil {
		have = n.report.Features
	}
	for _, f := range features {
		if !slices.Contains(have, f) {
			return f, true
		}
	}
	return "", false
}

// headMatches says that the head in etcd matches the content of the node config.
func (n *node) headMatches() bool {
	if n.head == nil {
		return len(n.items) == 0
	}
	h, ok := n.head.value.(*etcdschema.Head)
	return ok && h.Count == n.digest.Count() && h.Digest == n.digest.String()
}

// processed says whether the node has processed everything up to the revision.
func (n *node) processed(revision int64) bool {
	return revision > 0 && n.report != nil && n.report.ProcessedRevision >= revision
}

// exception says why the item with the uid is not programmed on the node, if the node reports an exception.
func (n *node) exception(uid string) (etcdschema.Exception, bool) {
	b := n.buckets[etcdschema.Bucket(uid)]
	if b == nil {
		return etcdschema.Exception{}, false
	}
	x, ok := b.Exceptions[uid]
	return x, ok
}

// warnings are the node's warnings about the item with the uid, up to what one node may report.
func (n *node) warnings(uid string) []etcdschema.Warning {
	b := n.buckets[etcdschema.Bucket(uid)]
	if b == nil {
		return nil
	}
	var out []etcdschema.Warning
	for _, w := range b.Warnings[uid] {
		if len(out) < etcdschema.MaxWarnings && len(w.Reason)+len(w.Message) <= 2*etcdschema.MaxWarningMessage {
			out = append(out, w)
		}
	}
	return out
}

// gateway is the state that the node reports for a centralized router; empty without a known state.
func (n *node) gateway(uid string) etcdschema.GatewayState {
	b := n.buckets[etcdschema.Bucket(uid)]
	if b == nil {
		return ""
	}
	switch s := b.Gateways[uid].State; s {
	case etcdschema.GatewayActive, etcdschema.GatewayStandby:
		return s
	}
	return ""
}
