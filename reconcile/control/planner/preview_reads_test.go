package planner

import (
	"testing"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// A preview does not change the planner's record of reads.
func TestAPreviewLeavesTheRecord(t *testing.T) {
	t.Parallel()
	s := fanout(t, 3)
	work, readers := s.cache().Reads()
	pv, err := PreviewOn(s.cache(), kind.AllKinds(), [3]byte{}, nil, nil)
	if err != nil || pv.Changes() {
		t.Fatalf("%+v, %v", pv, err)
	}
	if u, r := s.cache().Reads(); u != work || r != readers || work == 0 {
		t.Errorf("%d pieces of work have read %d things, it was %d and %d", u, r, work, readers)
	}
}

// The preview of a port includes what other hosts would be told of it, although the preview has evaluated nothing of that before.
func TestAPreviewTellsOfNeighbors(t *testing.T) {
	t.Parallel()
	s := fanout(t, 3)
	pv, err := PreviewOn(s.cache(), kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.Port("new"), `{"spec":{"network":"green","host":"n000"}}`)}, nil)
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
