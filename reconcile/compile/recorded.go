package compile

import (
	"maps"
	"slices"

	"weft/model/desired"
)

// recorded has the readers of each thing.
type recorded struct {
	readers map[Read][]*node // in no order, each once
	items   map[desired.Key]*node
	derived map[Read]*node
}

// node is something that was made of its reads: an item's result, or a derived value that results are made of.
type node struct {
	reads []Read
	item  desired.Key
	// Only for a derived value: its name, and the read that changes with it for the results that use it.
	derived, within Read
	value           uint32
}

func newRecorded() recorded {
	return recorded{map[Read][]*node{}, map[desired.Key]*node{}, map[Read]*node{}}
}

// Compiled records what a result was made of. It replaces what was recorded for its item before. A result without reads is forgotten.
func (x *recorded) Compiled(u Result) {
	n := x.items[u.Key]
	if n == nil {
		n = &node{item: u.Key}
		x.items[u.Key] = n
	}
	x.record(n, u.Reads)
	if len(u.Reads) == 0 {
		delete(x.items, u.Key)
	}
}

// record replaces the reads of a node. Most of them are usually the same as before.
func (x *recorded) record(n *node, reads []Read) {
	before := make(map[Read]struct{}, len(n.reads))
	for _, r := range n.reads {
		before[r] = struct{}{}
	}
	for _, r := range reads {
		if _, known := before[r]; known {
			delete(before, r)
			continue
		}
		x.readers[r] = append(x.readers[r], n)
	}
	for r := range before {
		x.forget(n, r)
	}
	n.reads = reads
}

func (x *recorded) forget(n *node, r Read) {
	left := x.readers[r]
	i := slices.Index(left, n)
	last := len(left) - 1
	left[i], left[last] = left[last], nil
	if last == 0 {
		delete(x.readers, r)
		return
	}
	x.readers[r] = left[:last]
}

// concerned returns the items that were made of what has changed, or of a derived value that was. It forgets such values.
func (x *recorded) concerned(changed readSet) keySet {
	dirty := keySet{}
	for todo := slices.Collect(maps.Keys(changed)); len(todo) > 0; {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range slices.Clone(x.readers[r]) {
			if n.derived == (Read{}) {
				dirty[n.item] = struct{}{}
				continue
			}
			x.record(n, nil)
			delete(x.derived, n.derived)
			if _, had := changed[n.within]; !had {
				changed[n.within] = struct{}{}
				todo = append(todo, n.within)
			}
		}
	}
	return dirty
}

// keySet is a set of desired keys.
type keySet map[desired.Key]struct{}

func (s keySet) sorted() []desired.Key {
	keys := make([]desired.Key, 0, len(s))
	for k := range s {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, desired.Key.Compare)
	return keys
}

// readSet is what has changed in an update under way.
type readSet map[Read]struct{}
