package etcdschema

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// In whatever order the lanes learn of revisions, events come out once and in order. They never come out before every lane is
// complete up to their revision.
func TestMergerGivesOutWholeRevisionsInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lanes := rapid.IntRange(1, 4).Draw(t, "lanes")
		last := rapid.Int64Range(1, 30).Draw(t, "revisions")
		var history []Event
		byLane := make([][]Event, lanes)
		for rev := int64(1); rev <= last; rev++ {
			for lane := range lanes {
				if rapid.Bool().Draw(t, "in the lane") {
					e := Event{Item: Item{Key: Key{fmt.Sprint(lane)}, ModRevision: rev}}
					history = append(history, e)
					byLane[lane] = append(byLane[lane], e)
				}
			}
		}
		m := &merger{known: make([]int64, lanes)}
		var got []Event
		for m.low() < last {
			lane := rapid.IntRange(0, lanes-1).Draw(t, "lane")
			to := rapid.Int64Range(m.known[lane], last).Draw(t, "learns up to")
			for len(byLane[lane]) > 0 && byLane[lane][0].ModRevision <= to {
				m.events = append(m.events, byLane[lane][0])
				byLane[lane] = byLane[lane][1:]
			}
			m.known[lane] = to
			out := m.take()
			for _, e := range out {
				if e.ModRevision > m.low() {
					t.Fatalf("revision %d given out when complete up to %d", e.ModRevision, m.low())
				}
			}
			got = append(got, out...)
		}
		same := func(a, b Event) bool { return a.Key == b.Key && a.ModRevision == b.ModRevision }
		if !slices.EqualFunc(got, history, same) || len(m.events) != 0 {
			t.Fatalf("got %d events, %d are left, want %d in order", len(got), len(m.events), len(history))
		}
	})
}
