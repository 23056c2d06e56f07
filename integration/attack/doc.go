// Package attack proves with frames what the compiled flows and the rules of bridge hosts let through and what they stop: each
// attack of a hostile guest or network is sent on a real Open vSwitch and on real bridges of the kernel, next to a legitimate
// frame of the same kind that has to arrive. Bridge hosts are tried in a virtual machine where the kernel lacks what they need.
//
// Invariants: a frame counts as stopped only when a later one, sent the same way, has arrived everywhere it should.
package attack
