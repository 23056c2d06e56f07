package openvswitch_test

import (
	"testing"

	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// ask is one unusual state of a host or its items, with what the unit of a key must say then.
type ask struct {
	name             string
	make             func(in compile.Input)
	pending, refused string // substrings; empty: the unit must have none
}

// all compiles the key in a fresh input for each case.
func all(t *testing.T, fresh func() compile.Input, k desired.Key, cases []ask) {
	t.Helper()
	for _, c := range cases {
		in := fresh()
		c.make(in)
		u := compile.Compile(in, k)
		fixture.Verdict(t, c.name, u, c.pending, c.refused)
		if c.refused != "" && k.Kind != desired.KindHost && k.Kind != desired.KindNeighbors && k.Kind != desired.KindRouter && len(u.Objects) > 0 {
			t.Errorf("%s: refused, and has %d objects", c.name, len(u.Objects))
		}
	}
}
