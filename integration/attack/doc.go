// Package attack sends frames to prove what the compiled flows and the rules of bridge hosts let through and what they drop.
// Each attack of a hostile guest or network is sent on a real Open vSwitch and on real bridges of the kernel. Next to it, a legitimate
// frame of the same kind is sent, which must arrive. If the kernel lacks what bridge hosts need, they are tested in a virtual machine.
//
// Invariants: a frame counts as dropped only when a later one, sent the same way, has arrived everywhere it should.
package attack
