package cache

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A change queues the work items that read it when they were last evaluated, each once, and no others. Nothing is kept of work items that
// read nothing.
func TestAChangeEnqueuesItsReaders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var enqueued []string
		x := newRecord(func(u Work) { enqueued = append(enqueued, u.UID) })
		last := map[string]map[Read]struct{}{}
		of := func(i int) Read { return Read{Of: readUID, Name: fmt.Sprint(i)} }
		for range rapid.IntRange(1, 40).Draw(t, "evaluations") {
			uid := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "unit")
			reads := map[Read]struct{}{}
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "reads") {
				reads[of(i)] = struct{}{}
			}
			last[uid] = reads
			x.replace(Work{Kind: WorkOrphan, UID: uid}, maps.Clone(reads))
			for i := range 5 {
				var want []string
				for uid, reads := range last {
					if _, has := reads[of(i)]; has {
						want = append(want, uid)
					}
				}
				enqueued = nil
				x.changed(of(i))
				slices.Sort(want)
				slices.Sort(enqueued)
				if !slices.Equal(enqueued, want) {
					t.Fatalf("%d changes: %v are enqueued, expected %v", i, enqueued, want)
				}
			}
		}
		for uid := range last {
			x.replace(Work{Kind: WorkOrphan, UID: uid}, nil)
		}
		if len(x.things)+len(x.work) > 0 {
			t.Fatalf("nobody has read anything, and %d reads of %d work items are kept", len(x.things), len(x.work))
		}
	})
}
