package plan

import (
	"slices"
	"strings"

	"weft/hostnet/object"
)

// walk visits a dependency graph depth first. For every node it finds the depth (1 without known dependencies, otherwise one more
// than the deepest of them) and whether it is in a cycle.
type walk struct {
	next  func(object.Key) []object.Key
	known func(object.Key) bool

	order  []object.Key                // dependencies before dependants
	depth  map[object.Key]int          // of finished nodes; 0 while one is on the path
	cyclic map[object.Key][]object.Key // members of cycles, with the cycle
	path   []object.Key
}

// visit finishes k and everything that it depends on. It recurses as deep as the graph, which is shallow.
func (w *walk) visit(k object.Key) {
	if _, seen := w.depth[k]; seen {
		return
	}
	w.depth[k] = 0
	w.path = append(w.path, k)
	deepest := 0
	for _, d := range w.next(k) {
		if !w.known(d) {
			continue
		}
		if i := slices.Index(w.path, d); i >= 0 {
			w.cycle(slices.Clone(w.path[i:]))
			continue
		}
		w.visit(d)
		deepest = max(deepest, w.depth[d])
	}
	w.path = w.path[:len(w.path)-1]
	w.depth[k] = deepest + 1
	w.order = append(w.order, k)
}

// cycle marks the members of a cycle that the path has closed.
func (w *walk) cycle(members []object.Key) {
	shown := append(slices.Clone(members), members[0])
	for _, m := range members {
		if _, ok := w.cyclic[m]; !ok {
			w.cyclic[m] = shown
		}
	}
}

func join(keys []object.Key, sep string) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.String()
	}
	return strings.Join(parts, sep)
}
