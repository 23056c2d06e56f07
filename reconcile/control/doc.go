// Package control is the control plane. It turns intent into accepted objects, claims, desired state and status.
//
// The middle is pure and belongs to one goroutine. Cache mirrors etcd, planner evaluates one object at a time against it, and a
// transaction collects what is written to etcd at once. The edges are the follower that fills the cache, the Controller's loop that
// commits transactions, and the writer of statuses.
//
// Invariants:
//
//   - All computation starts from accepted objects, never from an invalid intent.
//   - Every write of a claim or an accepted record is guarded by compares. Desired state and status are fenced by the leadership.
//   - A claim is created only where there is none. Addresses, MACs, segments and prefixes are released into the hold time only.
//   - The cost of a change depends on what the change concerns, not on what exists.
//   - An object that cannot be evaluated or written does not delay another object.
//   - A node config is never changed without its head.
package control
