// Package compile compiles what a node must be, with the facts of its host, into objects.
//
// Invariants:
//
//   - It is pure and deterministic, whatever the order of the items.
//   - A faulty item never keeps another from compiling and never changes another's objects.
//   - The cost of compiling one item depends on its own output, not on how many other items the host has.
//   - Each feature is one file.
//   - Nothing depends on how a host joins guests to their networks. That is a Backend's matter, a package of its own.
package compile

import (
	"fmt"
	"slices"
	"strings"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Input is everything that compiling depends on. It is only read. Index makes lookups cheap and keeps what units are made of.
// Without one, every call builds its own from the node config and the facts, which is for tests and for printing one item.
type Input struct {
	Config *desired.NodeConfig
	Facts  *object.Facts
	Index  *Index
	// Backends are the ways of joining guests, by the driver that a host names. A host with another driver waits.
	Backends map[model.Driver]Backend
}

// Unit is the result of compiling one desired item on this host.
type Unit struct {
	Key     desired.Key
	Objects []object.Object
	// Pending names what the item waits for ("device tap1 or an OVS interface with iface-id …"); empty when nothing is
	// missing. A pending unit may still have objects: those that are right already.
	Pending string
	// Refused says why the item, or a part of it, cannot be on this host ("uplink eth0 carries the default route"). A refused port
	// or network has no objects. A host with a refused uplink still has its bridge and its other uplinks.
	Refused string
	// Device is the interface that a port has here; empty while it has none.
	Device string
	// Warnings say what looks wrong although nothing is missing.
	Warnings []object.Warning
	// Reads are everything that the unit was made of, absence included, in no order. The unit stays the same while none of it
	// changes.
	Reads []Read
	// Gateway says whether a centralized router is active here; nil for all other items.
	Gateway *GatewayRole
}

// GatewayRole is the role of a centralized router on this host, as far as it is known here. The switch itself decides it.
type GatewayRole struct {
	Active bool
	Reason string // in words
}

// Compile compiles one item of the node config into its unit. An item that is not there becomes a unit without objects: those that
// it had are to be removed. Objects of different units never share a key, with two exceptions: neighbours that are in two parts,
// and routed prefixes that two routers have.
func Compile(in Input, key desired.Key) Unit {
	c := newCompiler(in)
	b := Builder{Unit: Unit{Key: key}}
	if k, ok := c.read.index.kinds.find(key.Kind); ok {
		k.Compile(c, &b, key.UID)
	}
	b.Reads = c.read.list()
	return b.Unit
}

// Compiler has everything that compiling one item may use. It serves one call.
type Compiler struct {
	read     *Reader
	backends map[model.Driver]Backend
}

// Reader reads the node config and the facts, and records what was asked for.
func (c Compiler) Reader() *Reader { return c.read }

func newCompiler(in Input) Compiler {
	r := &Reader{in.Config, in.Facts, in.Index, map[Read]struct{}{}}
	if r.facts == nil {
		r.facts = &object.Facts{}
	}
	if r.index == nil {
		r.index = NewIndex(r.config, r.facts)
	}
	return Compiler{r, in.Backends}
}

// Builder collects a unit's objects, and the sentences about what is missing or wrong.
type Builder struct{ Unit }

// Add adds an object to the unit.
func (u *Builder) Add(o object.Object) { u.Objects = append(u.Objects, o) }

// Pend adds a sentence about what the item waits for.
func (u *Builder) Pend(format string, args ...any) {
	u.Pending = joinReason(u.Pending, fmt.Sprintf(format, args...))
}

// Refuse adds a sentence about why the item, or a part of it, cannot be on this host.
func (u *Builder) Refuse(format string, args ...any) {
	u.Refused = joinReason(u.Refused, fmt.Sprintf(format, args...))
}

// Warn adds a warning: something looks wrong although nothing is missing.
func (u *Builder) Warn(reason object.WarningReason, format string, args ...any) {
	u.Warnings = append(u.Warnings, object.Warning{Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// joinReason adds a sentence to others, unless it is there already.
func joinReason(have, more string) string {
	switch {
	case have == "":
		return more
	case slices.Contains(strings.Split(have, "; "), more):
		return have
	}
	return have + "; " + more
}

// keySet is a set of desired keys.
type keySet map[desired.Key]struct{}

func (s keySet) sorted() []desired.Key {
	keys := make([]desired.Key, 0, len(s))
	for k := range s {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, desired.Key.Compare)
	return keys
}
