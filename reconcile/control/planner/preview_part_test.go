package planner

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// simReader reads the content of a sim like etcd, and records the keys that were read.
type simReader struct {
	entries map[etcdschema.Key]*cache.Entry
	read    map[etcdschema.Key]bool
	listed  []string
}

func (s *sim) reader() *simReader {
	return &simReader{entries: maps.Collect(s.cache().Entries()), read: map[etcdschema.Key]bool{}}
}

func (r *simReader) item(k etcdschema.Key) etcdschema.Item {
	e := r.entries[k]
	r.read[k] = true
	return etcdschema.Item{Key: k, Value: e.Data, CreateRevision: e.CreateRevision, ModRevision: e.ModRevision}
}

func (r *simReader) GetMany(_ context.Context, keys []etcdschema.Key) (map[etcdschema.Key]etcdschema.Item, error) {
	found := map[etcdschema.Key]etcdschema.Item{}
	for _, k := range keys {
		if r.entries[k] != nil {
			found[k] = r.item(k)
		}
	}
	return found, nil
}

func (r *simReader) List(_ context.Context, p etcdschema.Prefix) (items []etcdschema.Item, revision int64, err error) {
	r.listed = append(r.listed, p.String())
	for _, k := range slices.SortedFunc(func(yield func(etcdschema.Key) bool) {
		for k := range r.entries {
			if p.Contains(k) && !yield(k) {
				return
			}
		}
	}, etcdschema.Key.Compare) {
		items = append(items, r.item(k))
	}
	return items, 1, nil
}

// drawAsked draws existing, changed or new ports and floating addresses to be declared or deleted.
func drawAsked(t *rapid.T, intent map[model.ID]string) (declare []model.Object, remove []model.ID) {
	host := func() string {
		return rapid.SampledFrom([]string{"", `,"host":"h1"`, `,"host":"h2"`, `,"host":"h1","migrateTo":"h2"`}).Draw(t, "to host")
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "asked") {
		id := fixture.Port(fmt.Sprintf("p%02d", rapid.IntRange(0, 13).Draw(t, "port")))
		spec := `{"spec":{"network":"` + fmt.Sprintf("n%d", rapid.IntRange(0, 3).Draw(t, "on")) + `"` + host() + `}}`
		if same, ok := intent[id]; ok && rapid.Bool().Draw(t, "same network") {
			spec = same
			if rapid.Bool().Draw(t, "elsewhere") {
				spec = strings.Replace(strings.Replace(same, `"host":"h1"`, `"host":"h9"`, 1), `"host":"h2"`, `"host":"h1"`, 1)
				spec = strings.Replace(spec, `"host":"h9"`, `"host":"h2"`, 1)
				spec = strings.Replace(spec, `,"migrateTo":"h2"`, "", 1)
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "floating?") == 0 {
			id = fixture.Floating(fmt.Sprintf("f%d", i))
			spec = `{"spec":{"network":"operator/internet","port":"p0` + fmt.Sprint(i) + `"}}`
		}
		if slices.Contains(remove, id) || slices.ContainsFunc(declare, func(o model.Object) bool { return o.ID() == id }) {
			continue
		}
		if o, err := model.DecodeIntent(id, []byte(spec)); err == nil && rapid.Bool().Draw(t, "declare") {
			declare = append(declare, o)
		} else {
			remove = append(remove, id)
		}
	}
	return declare, remove
}

// TestAPartOfTheRegionPreviewsTheSame: a preview that reads only what the objects concern gives the same as one that reads
// everything.
func TestAPartOfTheRegionPreviewsTheSame(t *testing.T) {
	t.Parallel()
	parts := 0
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t)
		s.routing()
		intent := drawRegion(t)
		if rapid.Bool().Draw(t, "pooled") {
			drawPools(t, intent)
		}
		s.putAll(intent)
		s.settle()
		declare, remove := drawAsked(t, intent)
		whole, err := loadCache(t.Context(), s.reader(), kind.AllKinds())
		if err != nil {
			t.Fatal(err)
		}
		want, err := PreviewOn(whole, kind.AllKinds(), [3]byte{}, declare, remove)
		if err != nil {
			t.Fatal(err)
		}
		r := s.reader()
		got, ok, err := newPartial(t.Context(), r, kind.AllKinds()).preview([3]byte{}, declare, remove)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			got, err = PreviewOf(t.Context(), r, kind.AllKinds(), [3]byte{}, declare, remove)
			if err != nil {
				t.Fatal(err)
			}
		} else {
			parts++
		}
		// The claims have the time of the preview.
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(etcdschema.Claim{}, "Since"), cmp.Comparer(func(a, b etcdschema.Key) bool { return a == b }),
			cmp.Comparer(func(a, b model.Address) bool { return a == b }), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Fatalf("declare %v, remove %v (-everything +part):\n%s", declare, remove, diff)
		}
	})
	if parts == 0 {
		t.Error("no preview was had from a part")
	}
}

// TestAPreviewOfOnePortReadsItsSurroundings: the number of keys read does not grow with the region.
func TestAPreviewOfOnePortReadsItsSurroundings(t *testing.T) {
	t.Parallel()
	read := map[int]int{}
	for _, others := range []int{10, 200} {
		s := newSim(t)
		s.routing()
		s.putAll(fixture.RegionIntent())
		s.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "other"}, `{"spec":{}}`)
		s.put(model.ID{Project: "other", Kind: model.KindNetwork, Name: "blue"}, fixture.BlueSpec)
		for i := range others {
			id := model.ID{Project: "other", Kind: model.KindPort, Name: fmt.Sprintf("o%d", i)}
			s.put(id, `{"spec":{"network":"blue","host":"h2"}}`)
		}
		s.put(fixture.Port("web-1"), fixture.PortOnH1)
		s.settle()
		r := s.reader()
		pv, err := PreviewOf(t.Context(), r, kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.Port("web-2"), fixture.PortOnH1)}, nil)
		if err != nil || !pv.Changes() {
			t.Fatal(pv, err)
		}
		read[others] = len(r.read)
	}
	if read[10] != read[200] || read[10] > 40 {
		t.Errorf("keys read, by other ports: %v", read)
	}
}

// TestAPreviewOfAnotherKindReadsEverything: the keys of a network do not show what depends on it.
func TestAPreviewOfAnotherKindReadsEverything(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.settle()
	r := s.reader()
	pv, err := PreviewOf(t.Context(), r, kind.AllKinds(), [3]byte{}, nil, []model.ID{fixture.Blue})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(r.listed, etcdschema.AcceptedPrefix().String()) {
		t.Errorf("listed were %v", r.listed)
	}
	if o := pv.Objects[0]; o.Op != OpDelete || o.Phase != etcdschema.PhasePending {
		t.Errorf("a network with a port would be %+v", o)
	}
}
