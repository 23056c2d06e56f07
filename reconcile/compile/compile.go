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
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Input is everything that compiling depends on. It is only read. Index makes lookups cheap and keeps what results are made of.
// Without one, every call builds its own from the node config and the facts, which is for tests and for printing one item.
type Input struct {
	Config *desired.NodeConfig
	Facts  *object.Facts
	Index  *Index
	// Backends are the ways of joining guests, by the driver that a host names. A host with another driver waits.
	Backends map[model.Driver]Backend
}

// Compile compiles one item of the node config into its result. An item that is not there becomes a result without objects: those that
// it had are to be removed. Objects of different results never share a key, with two exceptions: neighbors that are in two shards,
// and routed prefixes that two routers have.
func Compile(in Input, key desired.Key) Result {
	c := newCompiler(in)
	b := Builder{Result: Result{Key: key}}
	if k, ok := c.read.index.kinds.find(key.Kind); ok {
		k.Compile(c, &b, key.UID)
	}
	b.Reads = c.read.list()
	return b.Result
}

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

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	return Kinds{hostKind(), networkKind(), portKind(), routerKind(), floatingKind(), neighborsKind(), securityGroupKind(),
		groupMembersKind(), metadataKind()}
}

// NewIndex builds the index of a whole node config and of the facts. Either may be nil. Its cost is proportional to both. No item counts
// as compiled yet.
func NewIndex(config *desired.NodeConfig, facts *object.Facts) *Index {
	return AllKinds().NewIndex(config, facts)
}
