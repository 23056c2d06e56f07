// Package control is the control plane: intent → accepted, claims, desired and status.
//
// The middle is pure and belongs to one goroutine: Cache mirrors etcd, planner evaluates one object at a time against
// it, and a round collects what becomes one transaction. The edges are the follower that fills the cache, Controller's
// loop that commits rounds, and the writer of statuses.
//
// Invariants: whatever is computed starts from accepted, never from an invalid intent; everything is guarded by
// compares, and desired and status are fenced by the leadership besides; a claim is created only where none is and
// released only into the hold time; the cost of a change depends on what it concerns, never on what exists; one object
// that cannot be evaluated or written never holds up another; a slice is never changed without its head.
package control
