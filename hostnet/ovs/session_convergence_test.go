package ovs

import (
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// TestSessionConverges: what a session's state means depends on how long the switch and the uplink have been there.
func TestSessionConverges(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	port := 3
	down, up := map[string]string{"state": "down"}, map[string]string{"state": "up"}
	type step struct {
		after     time.Duration
		status    map[string]string
		carrier   bool
		converged bool
	}
	for name, steps := range map[string][]step{
		"comes up":                {{0, nil, true, false}, {time.Second, down, true, false}, {2 * time.Second, up, true, true}, {9 * time.Second, down, true, true}},
		"never comes up":          {{0, down, true, false}, {object.SessionConvergence - 1, down, true, false}, {object.SessionConvergence, down, true, true}},
		"loses the carrier":       {{0, up, true, true}, {time.Second, up, false, false}, {time.Minute, down, true, false}, {time.Minute + time.Second, up, true, true}},
		"without carrier no wait": {{0, down, false, false}, {time.Hour, down, false, false}, {time.Hour + 1, down, true, false}},
	} {
		s := &sessionState{}
		for i, at := range steps {
			s.look(&ovsdb.Interface{OFPort: &port, BFDStatus: at.status}, at.carrier, start.Add(at.after))
			if s.converged != at.converged {
				t.Errorf("%s, step %d: converged %v", name, i, s.converged)
			}
		}
	}
}

// TestRestartedSwitchIsDoubted: after a restart of the switch the database still has the old state. It counts only once it was
// seen to change, or was unchanged for the whole wait.
func TestRestartedSwitchIsDoubted(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	port := 3
	look := func(s *sessionState, state string, after time.Duration) bool {
		s.look(&ovsdb.Interface{OFPort: &port, BFDStatus: map[string]string{"state": state}}, true, start.Add(after))
		return s.converged
	}
	s := &sessionState{doubted: true}
	if look(s, "up", 0) || look(s, "up", time.Second) {
		t.Error("the state of the switch before was believed")
	}
	if look(s, "down", 2*time.Second) || !look(s, "up", 3*time.Second) {
		t.Error("a session that came up anew has to count")
	}
	s = &sessionState{doubted: true}
	if look(s, "up", 0); !look(s, "up", object.SessionConvergence) {
		t.Error("a session that has been up for the whole wait has to count")
	}
}

// TestUps: OVS counts each change of a session that begins as down.
func TestUps(t *testing.T) {
	t.Parallel()
	for changes, want := range map[string]uint64{"": 0, "0": 0, "1": 1, "2": 1, "3": 2, "no number": 0} {
		if got := ups(&ovsdb.Interface{BFDStatus: map[string]string{"flap_count": changes}}); got != want {
			t.Errorf("flap_count %q: up %d times, want %d", changes, got, want)
		}
	}
}
