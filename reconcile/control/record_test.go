package control

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weft/model"
	"weft/model/desired"
)

// A change queues the units that read it when they were last evaluated, each once, and no others. Nothing is kept of units that
// read nothing.
func TestAChangeEnqueuesItsReaders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var enqueued []string
		x := newRecord(func(u unit) { enqueued = append(enqueued, u.uid) })
		last := map[string]map[read]struct{}{}
		of := func(i int) read { return read{of: readUID, name: fmt.Sprint(i)} }
		for range rapid.IntRange(1, 40).Draw(t, "evaluations") {
			uid := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "unit")
			reads := map[read]struct{}{}
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "reads") {
				reads[of(i)] = struct{}{}
			}
			last[uid] = reads
			x.noted(unit{kind: unitOrphan, uid: uid}, maps.Clone(reads))
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
			x.noted(unit{kind: unitOrphan, uid: uid}, nil)
		}
		if len(x.things)+len(x.units) > 0 {
			t.Fatalf("nobody has read anything, and %d reads of %d units are kept", len(x.things), len(x.units))
		}
	})
}

// A preview does not change the planner's record of reads.
func TestAPreviewLeavesTheRecord(t *testing.T) {
	t.Parallel()
	s := fanout(t, 3)
	before := s.cache().record
	units, readers := len(before.units), len(before.things)
	pv, err := s.cache().Preview([3]byte{}, nil, nil)
	if err != nil || pv.Changes() {
		t.Fatalf("%+v, %v", pv, err)
	}
	if s.cache().record != before || len(before.units) != units || len(before.things) != readers || units == 0 {
		t.Errorf("%d units have read %d things, it was %d and %d", len(before.units), len(before.things), units, readers)
	}
}

// The preview of a port includes what other hosts would be told of it, although the preview has evaluated nothing of that before.
func TestAPreviewTellsOfNeighbors(t *testing.T) {
	t.Parallel()
	s := fanout(t, 3)
	pv, err := s.cache().Preview([3]byte{}, []model.Object{mustDecode(t, port("new"), `{"spec":{"network":"green","host":"n000"}}`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, i := range pv.Items {
		if i.Key.Kind == desired.KindNeighbors && i.Op == OpUpdate {
			told++
		}
	}
	if told < 3 {
		t.Errorf("%d hosts would be told, expected all three: %+v", told, pv.Items)
	}
}
