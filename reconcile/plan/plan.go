// Package plan compares desired objects with observed ones and returns ordered steps.
//
// Invariants:
//
//   - It is pure, and the same input gives the same plan.
//   - A step comes after everything that its object depends on. A removal comes before what the object depended on.
//   - Objects are made before others are removed.
//   - What cannot be ordered is reported and affects no other step.
package plan

import "weft/hostnet/object"

// Step is one change with the reason for it. Stage orders the steps. All steps of a stage may be applied together. A stage begins
// when the one before it is done.
type Step struct {
	Stage       int
	Change      object.Change
	Differences []object.Difference // of an Update
}

// Blocked is an object that is not as desired and cannot be made so now.
type Blocked struct {
	Key   object.Key
	Owner string // uid of the desired item
	// On lists what it waits for: dependencies that neither exist nor are planned, or the members of a cycle.
	On []object.Key
	// Reason is a sentence for people.
	Reason string
}

// Plan has the steps from observed to desired. It is a value: it can be printed and compared without being applied.
type Plan struct {
	Steps   []Step    // by stage, then operation and key
	Blocked []Blocked // by key
}

// Empty says that there is nothing to do and nothing waits.
func (p Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Blocked) == 0 }

// Stages splits the steps by stage, in order.
func (p Plan) Stages() [][]Step {
	var out [][]Step
	for i, s := range p.Steps {
		if i == 0 || s.Stage != p.Steps[i-1].Stage {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}
