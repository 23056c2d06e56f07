// Package control is one replica of the control plane. It turns intent into accepted objects, claims, desired state and status.
//
// This package has the edges: the follower that fills the cache, the loop that commits transactions, leadership, and the writer of
// statuses. The middle is pure and belongs to the loop's goroutine (see the packages below this one).
//
// Invariants:
//
//   - Every write of a claim or an accepted record is guarded by compares. Desired state and status are fenced by the leadership.
//   - A node config is never changed without its head.
//   - While mass-change protection holds, only the controllers' own status is written.
package control
