package compile_test

import (
	"slices"
	"strings"
	"testing"

	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// An uplink is found by an alternative name, whenever that name appears. The objects have the primary name of the kernel.
func TestUplinkByAlternativeName(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	const alternative = "enp3s0f0np0"
	first := in.Config.Host().Uplinks[0].Interface
	declared := *in.Config.Host()
	declared.Uplinks = slices.Clone(declared.Uplinks)
	declared.Uplinks[0].Interface = alternative
	want := compile.Compile(in, declared.Key())
	in.Config.Put(&declared)
	in.Index = fixture.Indexed(in)
	if u := compile.Compile(in, declared.Key()); !strings.Contains(u.Pending, alternative) {
		t.Fatalf("nothing has the name, and the host is %q", u.Pending)
	}
	link := in.Facts.Links[first]
	link.AltNames = []string{"other", alternative}
	in.Facts.Links[first] = link
	dirty := in.Index.Observe(in.Facts, []string{first})
	if !slices.Contains(dirty, declared.Key()) {
		t.Errorf("the name came, and %v are compiled again", dirty)
	}
	if d := same(want, fixture.Noted(in, declared.Key())); d != "" {
		t.Error(d)
	}
	link.AltNames = nil
	in.Facts.Links[first] = link
	if dirty := in.Index.Observe(in.Facts, []string{first}); !slices.Contains(dirty, declared.Key()) {
		t.Errorf("the name went, and %v are compiled again", dirty)
	}
	if u := compile.Compile(in, declared.Key()); !strings.Contains(u.Pending, alternative) {
		t.Errorf("the name is gone, and the host is %q", u.Pending)
	}
}

// same says how the objects of two results differ; empty when they do not.
func same(a, b compile.Result) string {
	if a.Pending != b.Pending || a.Refused != b.Refused || len(a.Objects) != len(b.Objects) {
		return "pending " + b.Pending + ", refused " + b.Refused
	}
	for i, o := range a.Objects {
		if o.Key() != b.Objects[i].Key() || len(o.Diff(b.Objects[i])) > 0 {
			return o.Key().String() + " became " + b.Objects[i].Key().String()
		}
	}
	return ""
}
