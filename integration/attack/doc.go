// Package attack proves with frames what the compiled flows let through and what they stop: each attack of a hostile guest
// or network is sent on a real Open vSwitch, next to a legitimate frame of the same kind that has to arrive.
//
// Invariants: a frame counts as stopped only when a later one, sent the same way, has arrived everywhere it should.
package attack
