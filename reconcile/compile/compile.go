// Package compile turns what a node must be, with what its host is like, into objects.
//
// Invariants: pure and deterministic; one bad item never keeps another from compiling; a feature is one file.
package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// Input is everything compiling depends on. It is only read.
type Input struct {
	Slice *desired.Slice
	Facts *object.Facts
}

// Unit is what one desired item becomes on this host.
type Unit struct {
	Key     desired.Key
	Objects []object.Object
	// Pending names what the item waits for ("device tap1 or an OVS interface with iface-id …"); empty when nothing is
	// missing. A pending unit may still have objects: those that are right already.
	Pending string
	// Refused says why the item cannot be compiled on this host ("uplink eth0 carries the default route").
	Refused string
}
