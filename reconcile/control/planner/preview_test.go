package planner

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

func mustDecode(t testing.TB, id model.ID, spec string) model.Object {
	t.Helper()
	o, err := model.DecodeIntent(id, []byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPreviewTellsClaimsAndNodesAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.settle()
	before := s.snapshot()
	pv, err := PreviewOn(s.planner.cache, kind.AllKinds(), [3]byte{}, []model.Object{
		mustDecode(t, fixture.Port("web-1"), fixture.PortOnH1),
		mustDecode(t, fixture.Blue, fixture.BlueSpec),
		mustDecode(t, fixture.Port("bad"), `{"spec":{"network":"blue","addresses":["10.0.0.1"]}}`),
	}, []model.ID{fixture.HostH2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.snapshot()); diff != "" {
		t.Errorf("the preview left traces: %s", diff)
	}
	type object struct {
		id    model.ID
		op    Op
		phase etcdschema.Phase
	}
	var got []object
	for _, o := range pv.Objects {
		got = append(got, object{o.ID, o.Op, o.Phase})
	}
	want := []object{
		{fixture.Port("web-1"), OpCreate, etcdschema.PhaseAccepted}, {fixture.Blue, OpNone, etcdschema.PhaseAccepted},
		{fixture.Port("bad"), OpCreate, etcdschema.PhaseInvalid}, {fixture.HostH2, OpDelete, ""},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(object{})); diff != "" {
		t.Error(diff)
	}
	if len(pv.Claims) != 6 { // two addresses, MAC, interface, device, default device
		t.Errorf("%d claims, expected 6: %v", len(pv.Claims), pv.Claims)
	}
	var items []string
	for _, i := range pv.Items {
		items = append(items, string(i.Op)+" "+i.Node+" "+i.Object.String())
	}
	if diff := cmp.Diff([]string{"create h1 Network alpha/blue", "create h1 Port alpha/web-1", "delete h2 Host h2"}, items); diff != "" {
		t.Error(diff)
	}
	if !pv.Changes() {
		t.Error("Changes is false")
	}
}

func TestPreviewOfWhatIsSoAlreadyChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.settle()
	pv, err := PreviewOn(s.planner.cache, kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.Port("web-1"), fixture.PortOnH1), mustDecode(t, fixture.Blue, fixture.BlueSpec)}, nil)
	if err != nil || pv.Changes() {
		t.Errorf("changes: %+v %v", pv, err)
	}
}

// TestPreviewTellsWhoFollows: the preview of an object includes what depends on it, although a preview begins without having
// evaluated anything.
func TestPreviewTellsWhoFollows(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.put(fixture.Port("last"), `{"spec":{"network":"green","host":"h1"}}`)
	s.settle()
	s.remove(fixture.Network("green"))
	s.settle()
	pv, err := PreviewOn(s.planner.cache, kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h2"}}`)},
		[]model.ID{fixture.Port("last"), fixture.Router("edge")})
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string]Op{}
	for _, o := range pv.Objects {
		ops[o.ID.String()] = o.Op
	}
	for _, i := range pv.Items {
		ops[i.Node+" "+i.Object.String()] = i.Op
	}
	if op := ops["h1 FloatingIP alpha/web"]; op != OpDelete {
		t.Errorf("the floating address of a guest that leaves h1: %q", op)
	}
	if _, told := ops["Network alpha/green"]; !told {
		t.Errorf("the network that waits for its last port is not in %v", ops)
	}
}
