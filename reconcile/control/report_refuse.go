package control

import (
	"fmt"
	"hash/maphash"
	"strings"

	"weft/etcdschema"
)

// maxRefusedKeys bounds how many refused keys of one node are counted exactly.
const maxRefusedKeys = 4096

// Why a key of a node is refused; also the metric's label.
const (
	refusedUnknown    = "unknown"    // no report has such a key
	refusedLarge      = "too-large"  // the key's value, or the node's whole report
	refusedUnreadable = "unreadable" // not what a weftd writes
)

// refusals has, by node, the keys below the nodes' prefixes that are refused. Nothing of their values is kept.
type refusals struct {
	nodes map[string]*refused
	seed  maphash.Seed
	count func(node, reason string) // called for every refused write
}

// refused has the refused keys of one node.
type refused struct {
	keys    map[uint64]struct{} // hashes
	more    bool                // there were more than maxRefusedKeys
	example string              // the latest key with the reason
}

func newRefusals() refusals {
	return refusals{nodes: map[string]*refused{}, seed: maphash.MakeSeed(), count: func(string, string) {}}
}

// clear forgets all of them, because a snapshot reports them again.
func (r *refusals) clear() { clear(r.nodes) }

func (r *refusals) hash(k etcdschema.Key) uint64 { return maphash.String(r.seed, k.String()) }

// add records a refused key.
func (r *refusals) add(k etcdschema.Key, reason string) {
	name, _ := nodeOfActual(k)
	name = cut(name, maxReportedName)
	n := r.nodes[name]
	if n == nil {
		n = &refused{keys: map[uint64]struct{}{}}
		r.nodes[name] = n
	}
	if h := r.hash(k); len(n.keys) < maxRefusedKeys {
		n.keys[h] = struct{}{}
	} else if _, known := n.keys[h]; !known {
		n.more = true
	}
	n.example = cut(k.String(), maxReportedName) + ": " + reason
	r.count(name, reason)
}

// drop forgets a key that was deleted or is valid now.
func (r *refusals) drop(k etcdschema.Key) {
	name, _ := nodeOfActual(k)
	name = cut(name, maxReportedName)
	n := r.nodes[name]
	if n == nil {
		return
	}
	delete(n.keys, r.hash(k))
	if len(n.keys) == 0 && !n.more {
		delete(r.nodes, name)
	}
}

// String describes for people what was refused.
func (n *refused) String() string {
	count := fmt.Sprint(len(n.keys))
	if n.more {
		count = "more than " + count
	}
	return fmt.Sprintf("writes what no weftd does: %s keys below its prefix are not taken in (%s)", count, n.example)
}

// admit decides whether a key of actual/ is used, and decodes it. A refused key counts as absent.
func (p *planner) admit(ev etcdschema.Event) *entry {
	if ev.Deleted {
		p.refused.drop(ev.Key)
		return nil
	}
	name, _, _, ok := etcdschema.ParseActual(ev.Key)
	e := &entry{data: ev.Value, mod: ev.ModRevision, born: ev.CreateRevision}
	switch {
	case !ok:
		p.refused.add(ev.Key, refusedUnknown)
		return nil
	case ev.Refused || len(ev.Value) > reportLimit(ev.Key) || p.cache.reportBytes(name, ev.Key)+len(ev.Value) > maxReportBytes:
		p.refused.add(ev.Key, refusedLarge)
		return nil
	}
	if e.value = decodeReport(ev.Key, ev.Value); e.value == nil {
		p.refused.add(ev.Key, refusedUnreadable)
		return nil
	}
	p.refused.drop(ev.Key)
	return e
}

// reportBytes is the size of the node's report without this key.
func (c *Cache) reportBytes(name string, but etcdschema.Key) int {
	n := c.nodes[name]
	if n == nil {
		return 0
	}
	if e := c.entries[but]; e != nil {
		return n.reportBytes - len(e.data)
	}
	return n.reportBytes
}

// nodeOfActual is the node whose prefix of actual/ contains the key.
func nodeOfActual(k etcdschema.Key) (string, bool) {
	parts := strings.SplitN(k.String(), "/", 3)
	return parts[min(1, len(parts)-1)], len(parts) == 3
}
