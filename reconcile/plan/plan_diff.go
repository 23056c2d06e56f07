package plan

import (
	"cmp"
	"slices"

	"weft/hostnet/object"
)

// Diff compares the given objects only, and orders what must be done:
//
//   - A desired object that is not observed is created.
//   - A desired object that differs is updated.
//   - An observed object that is not desired is deleted if removable says so.
//   - Any other observed object is left alone and satisfies dependencies. Callers pass the dependencies of their objects in this
//     way.
//
// Creates and updates come first, in the order of their dependencies. Deletes follow, dependants first. A host does not show all
// dependencies of an object. needed, which may be nil, lists what a removed object depended on when it was desired.
func Diff(desired, observed map[object.Key]object.Object, removable func(object.Key) bool, needed func(object.Key) []object.Key) Plan {
	return Compare(desired, observed, removable).Order(nil, needed)
}

// Changes is what must be done, without order.
type Changes struct {
	desired, observed map[object.Key]object.Object
	makes, breaks     map[object.Key]Step
}

// Compare is the first half of Diff. A caller that did not observe the dependencies of its objects looks up only those of Needs.
func Compare(desired, observed map[object.Key]object.Object, removable func(object.Key) bool) *Changes {
	c := &Changes{desired: desired, observed: observed, makes: map[object.Key]Step{}, breaks: map[object.Key]Step{}}
	c.collect(removable)
	return c
}

// Needs lists what the creates and updates depend on and Compare was not given, in no order.
func (c *Changes) Needs() []object.Key {
	var needs []object.Key
	seen := map[object.Key]bool{}
	for _, s := range c.makes {
		for _, d := range s.Change.Desired.DependsOn() {
			_, made := c.makes[d]
			if made || seen[d] || c.observed[d] != nil {
				continue
			}
			seen[d] = true
			needs = append(needs, d)
		}
	}
	return needs
}

// Order is the second half of Diff. found has objects that were observed later. They only satisfy dependencies. It may be nil.
func (c *Changes) Order(found map[object.Key]object.Object, needed func(object.Key) []object.Key) Plan {
	if len(c.makes)+len(c.breaks) == 0 {
		return Plan{}
	}
	b := &builder{Changes: c, found: found, needed: needed, stage: map[object.Key]int{}}
	last := b.orderMakes()
	b.orderBreaks(last)
	return b.plan()
}

// builder has the state of one Order.
type builder struct {
	*Changes
	found   map[object.Key]object.Object
	needed  func(object.Key) []object.Key
	stage   map[object.Key]int
	blocked map[object.Key]Blocked
}

// collect finds the changes, without order.
func (c *Changes) collect(removable func(object.Key) bool) {
	for k, want := range c.desired {
		have, there := c.observed[k]
		if !there {
			c.makes[k] = Step{Change: object.Change{Op: object.Create, Desired: want}}
			continue
		}
		if d := want.Diff(have); len(d) > 0 {
			c.makes[k] = Step{Change: object.Change{Op: object.Update, Desired: want, Observed: have}, Differences: d}
		}
	}
	for k, have := range c.observed {
		if _, wanted := c.desired[k]; !wanted && removable(k) {
			c.breaks[k] = Step{Change: object.Change{Op: object.Delete, Observed: have}}
		}
	}
}

// satisfied says that a dependency exists and stays, so that nothing must be done for it first.
func (b *builder) satisfied(k object.Key) bool {
	_, goes := b.breaks[k]
	return (b.observed[k] != nil || b.found[k] != nil) && !goes
}

// orderMakes gives every create and update its stage, or blocks it. It returns the last stage.
func (b *builder) orderMakes() int {
	b.blocked = map[object.Key]Blocked{}
	w := &walk{next: b.dependencies, known: func(k object.Key) bool { _, ok := b.makes[k]; return ok },
		depth: map[object.Key]int{}, cyclic: map[object.Key][]object.Key{}}
	last := 0
	for _, k := range sortedKeys(b.makes) {
		w.visit(k)
	}
	for _, k := range w.order { // dependencies first
		if cycle, ok := w.cyclic[k]; ok {
			b.block(k, cycle, "is part of a dependency cycle: "+join(cycle, " → "))
			continue
		}
		if missing := b.missing(k); len(missing) > 0 {
			b.block(k, missing, "waits for "+join(missing, ", "))
			continue
		}
		b.stage[k] = w.depth[k]
		last = max(last, w.depth[k])
	}
	return last
}

// dependencies are those of a create or update.
func (b *builder) dependencies(k object.Key) []object.Key {
	return b.makes[k].Change.Desired.DependsOn()
}

// missing lists dependencies that neither exist nor are made before.
func (b *builder) missing(k object.Key) []object.Key {
	var out []object.Key
	for _, d := range b.dependencies(k) {
		_, blocked := b.blocked[d] // it may exist, but not as this object needs it
		_, made := b.stage[d]
		if !made && (blocked || !b.satisfied(d)) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, object.Key.Compare)
	return slices.Compact(out)
}

func (b *builder) block(k object.Key, on []object.Key, reason string) {
	b.blocked[k] = Blocked{Key: k, Owner: b.desired[k].Owner(), On: on, Reason: reason}
}

// orderBreaks puts deletes after the last create or update, dependants before what they depend on. A cycle among observed objects
// cannot block a removal: its members are removed in the last stage that they reach.
func (b *builder) orderBreaks(last int) {
	dependants := map[object.Key][]object.Key{}
	for _, k := range sortedKeys(b.breaks) { // in a cycle the depth depends on the order
		for _, d := range b.dependedOn(k) {
			if _, goes := b.breaks[d]; goes {
				dependants[d] = append(dependants[d], k)
			}
		}
	}
	w := &walk{next: func(k object.Key) []object.Key { return dependants[k] },
		known: func(object.Key) bool { return true },
		depth: map[object.Key]int{}, cyclic: map[object.Key][]object.Key{}}
	for _, k := range sortedKeys(b.breaks) {
		w.visit(k)
	}
	for k := range b.breaks {
		b.stage[k] = last + w.depth[k]
	}
}

// dependedOn lists what a removed object depends on, as far as the host shows it or needed knows it.
func (b *builder) dependedOn(k object.Key) []object.Key {
	all := slices.Clone(b.breaks[k].Change.Observed.DependsOn())
	if b.needed != nil {
		all = append(all, b.needed(k)...)
	}
	slices.SortFunc(all, object.Key.Compare)
	return slices.Compact(all)
}

// plan returns the steps and blocked objects in a stable order.
func (b *builder) plan() Plan {
	var p Plan
	for _, set := range []map[object.Key]Step{b.makes, b.breaks} {
		for k, s := range set {
			if stage, ok := b.stage[k]; ok {
				s.Stage = stage
				p.Steps = append(p.Steps, s)
			}
		}
	}
	slices.SortFunc(p.Steps, func(x, y Step) int {
		return cmp.Or(cmp.Compare(x.Stage, y.Stage), cmp.Compare(rank(x.Change.Op), rank(y.Change.Op)),
			x.Change.Key().Compare(y.Change.Key()))
	})
	for i, stage := 0, 0; i < len(p.Steps); i++ { // number without gaps, from 1
		if i == 0 || p.Steps[i].Stage != b.stage[p.Steps[i-1].Change.Key()] {
			stage++
		}
		p.Steps[i].Stage = stage
	}
	for _, k := range sortedKeys(b.blocked) {
		p.Blocked = append(p.Blocked, b.blocked[k])
	}
	return p
}

// rank orders operations within a stage.
func rank(op object.Op) int {
	switch op {
	case object.Create:
		return 0
	case object.Update:
		return 1
	}
	return 2
}

func sortedKeys[V any](m map[object.Key]V) []object.Key {
	keys := make([]object.Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, object.Key.Compare)
	return keys
}
