// Package plan turns objects and what was observed into ordered steps.
//
// Invariants: pure; the same input gives the same plan; a step comes after everything it depends on, a removal before
// what it depended on; making comes before breaking.
package plan

import "weft/hostnet/object"

// Step is one change with the reason for it. Stage orders steps: all steps of a stage may be applied together, and a
// stage begins when the one before it is done.
type Step struct {
	Stage       int
	Change      object.Change
	Differences []object.Difference // of an Update
}

// Plan is the way from observed to desired. It is a value: it can be printed, compared and shown without being applied.
type Plan struct {
	Steps []Step
}

// Empty says that nothing has to be done.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }
