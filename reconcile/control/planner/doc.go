// Package planner decides what is evaluated next, evaluates it and computes statuses. It does no input and no output.
//
// Invariants:
//
//   - The cost of a change depends on what the change concerns, not on what exists.
//   - A work item that cannot be done does not delay another one.
//   - What somebody waits for goes first.
//   - A preview is computed by the same code, and changes nothing.
package planner
