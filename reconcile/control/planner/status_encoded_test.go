package planner

import (
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/internal/fixture"
)

// A status that comes back as this replica has written it is known to be ours, and is not evaluated again. Another one is not known, nor is
// a second one with the same key.
func TestAStatusThatComesBackIsKnown(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	k := etcdschema.StatusKey(fixture.Port("web-1"))
	for _, step := range []struct {
		encoded, comes string
		ours           bool
	}{
		{`{"phase":"Accepted"}`, `{"phase":"Accepted"}`, true},
		{"", `{"phase":"Accepted"}`, false},
		{`{"phase":"Pending"}`, `{"phase":"Pending","later":1}`, false},
	} {
		if step.encoded != "" {
			s.planner.StatusEncoded(k, []byte(step.encoded))
		}
		s.event(k, []byte(step.comes))
		if got := s.cache().Entry(k).Ours; got != step.ours || len(s.planner.encoded) != 0 {
			t.Errorf("encoded %q, came %q: ours is %v, %d are still expected", step.encoded, step.comes, got, len(s.planner.encoded))
		}
		if again := s.planner.StatusesWait(); again == step.ours {
			t.Errorf("encoded %q, came %q: evaluated again: %v", step.encoded, step.comes, again)
		}
		s.planner.DropStatus(k)
	}
}
