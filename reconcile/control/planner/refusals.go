package planner

import (
	"fmt"
	"hash/maphash"
	"strings"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
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
	Nodes map[string]*refused
	seed  maphash.Seed
	Count func(node, reason string) // called for every refused write
}

// refused has the refused keys of one node.
type refused struct {
	keys    map[uint64]struct{} // hashes
	more    bool                // there were more than maxRefusedKeys
	example string              // the latest key with the reason
}

func newRefusals() refusals {
	return refusals{Nodes: map[string]*refused{}, seed: maphash.MakeSeed(), Count: func(string, string) {}}
}

// Clear forgets all of them, because a snapshot reports them again.
func (r *refusals) Clear() { clear(r.Nodes) }

func (r *refusals) hash(k etcdschema.Key) uint64 { return maphash.String(r.seed, k.String()) }

// add records a refused key.
func (r *refusals) add(k etcdschema.Key, reason string) {
	name, _ := nodeOfActual(k)
	name = cache.Cut(name, cache.MaxReportedName)
	n := r.Nodes[name]
	if n == nil {
		n = &refused{keys: map[uint64]struct{}{}}
		r.Nodes[name] = n
	}
	if h := r.hash(k); len(n.keys) < maxRefusedKeys {
		n.keys[h] = struct{}{}
	} else if _, known := n.keys[h]; !known {
		n.more = true
	}
	n.example = cache.Cut(k.String(), cache.MaxReportedName) + ": " + reason
	r.Count(name, reason)
}

// drop forgets a key that was deleted or is valid now.
func (r *refusals) drop(k etcdschema.Key) {
	name, _ := nodeOfActual(k)
	name = cache.Cut(name, cache.MaxReportedName)
	n := r.Nodes[name]
	if n == nil {
		return
	}
	delete(n.keys, r.hash(k))
	if len(n.keys) == 0 && !n.more {
		delete(r.Nodes, name)
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

// nodeOfActual is the node whose prefix of actual/ contains the key.
func nodeOfActual(k etcdschema.Key) (string, bool) {
	parts := strings.SplitN(k.String(), "/", 3)
	return parts[min(1, len(parts)-1)], len(parts) == 3
}
