package cache

// groupKey names one group: a source, and the node for groups of items.
type groupKey struct {
	of   Source
	node string
}

// count changes a counter of the map and removes it at zero.
func count(m map[string]int, k string, add bool) {
	if add {
		m[k]++
	} else if m[k]--; m[k] == 0 {
		delete(m, k)
	}
}

// moves counts how much more often members are in groups than before. They are few.
type moves []movement

type movement struct {
	group  groupKey
	member string
	more   int
}

func (m *moves) count(g groupKey, member string, add bool) {
	more := -1
	if add {
		more = 1
	}
	for i := range *m {
		if one := &(*m)[i]; one.group == g && one.member == member {
			one.more += more
			return
		}
	}
	*m = append(*m, movement{g, member, more})
}

// index is a set of values by key.
type index[K, V comparable] map[K]map[V]struct{}

func (x index[K, V]) change(k K, v V, add bool) {
	if !add {
		delete(x[k], v)
		if len(x[k]) == 0 {
			delete(x, k)
		}
		return
	}
	if x[k] == nil {
		x[k] = map[V]struct{}{}
	}
	x[k][v] = struct{}{}
}
