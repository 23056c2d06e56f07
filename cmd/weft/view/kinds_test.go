package view

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/etcdschema"
	"weft/model"
)

func TestEveryKindHasAView(t *testing.T) {
	t.Parallel()
	var got []model.Kind
	for _, k := range Kinds() {
		got = append(got, k.Of)
	}
	if diff := cmp.Diff(model.AllKinds().Names(), got); diff != "" {
		t.Errorf("kinds with a view (-want +got):\n%s", diff)
	}
}

// TestAnEmptyObjectHasAView: of an object that is being deleted nothing may be known. Each part of a view copes with that. A wide table has
// the columns of a narrow one, and perhaps more.
func TestAnEmptyObjectHasAView(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		e := Entry{ID: model.ID{Project: "alpha", Kind: k.Of, Name: "x"}}
		narrow, wide := k.Shown(false), k.Shown(true)
		for i, c := range wide {
			_ = c.Cell(e)
			if i < len(narrow) && narrow[i].Header != c.Header {
				t.Errorf("%s: column %d of a wide table is %s, and %s of a narrow one", k.Of, i, c.Header, narrow[i].Header)
			}
		}
		if len(wide) < len(narrow) {
			t.Errorf("%s: a wide table has %d columns, and a narrow one %d", k.Of, len(wide), len(narrow))
		}
		if k.Reads != nil {
			if reads := k.Reads(e); reads.Network != (model.ID{}) || reads.Gateway != "" {
				t.Errorf("%s: %+v is read of an object without a spec", k.Of, reads)
			}
		}
		if k.Facts != nil {
			for _, f := range k.Facts(e, Records{}, time.Time{}) {
				if f.Text != "" {
					t.Errorf("%s: %s is %q", k.Of, f.Name, f.Text)
				}
			}
		}
		if k.Claims != nil && len(k.Claims(e, Records{})) > 0 {
			t.Errorf("%s: claims %v", k.Of, k.Claims(e, Records{}))
		}
		if k.OnHost != nil && len(k.OnHost(etcdschema.NodeStatus{}, HostRecords{}, time.Time{})) > 0 {
			t.Errorf("%s: something is on a host", k.Of)
		}
		if k.Placed != nil {
			if placed, err := k.Placed(e); !placed || err != nil {
				t.Errorf("%s: placed %v, %v", k.Of, placed, err)
			}
		}
		if k.Chosen != nil && len(k.Chosen(etcdschema.Allocated{})) > 0 {
			t.Errorf("%s: %v is chosen", k.Of, k.Chosen(etcdschema.Allocated{}))
		}
		if k.Hints != nil && len(k.Hints(e)) > 0 {
			t.Errorf("%s: hints %v", k.Of, k.Hints(e))
		}
	}
}
