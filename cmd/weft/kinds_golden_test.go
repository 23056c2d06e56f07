package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/cmd/weft/internal/difference"
	"weft/cmd/weft/internal/overview"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/planner"
)

var update = flag.Bool("update", false, "write the goldens instead of comparing with them")

// goldenTime is the time at which ages in goldens are computed.
func goldenTime() time.Time { return time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC) }

// fillKinds writes the keys of testdata/kinds/etcd.txt, one after the other, so that each has the same revision in every run. It lists
// the names of the objects of each kind, in the order of the file.
func fillKinds(t *testing.T, st store) map[model.Kind][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/kinds/etcd.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[model.Kind][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		txn := etcdschema.NewTxn()
		txn.Put(etcdschema.ParseKey(key), []byte(value))
		if _, ok, err := st.Commit(t.Context(), txn); err != nil || !ok {
			t.Fatalf("%s: %v, %v", key, ok, err)
		}
		id, ok := etcdschema.ParseID(etcdschema.ParseKey(key))
		if !ok || !strings.HasPrefix(key, "intent/") && !strings.HasPrefix(key, "status/") {
			continue
		}
		name := id.Name
		if !id.Kind.ClusterScoped() {
			name = id.Project + "/" + name
		}
		if !slices.Contains(names[id.Kind], name) {
			names[id.Kind] = append(names[id.Kind], name)
		}
	}
	return names
}

// TestKindsAreShown compares with testdata/kinds what get, describe, wait, diff and delete show of each kind, and what status shows of
// all. -update writes the files.
func TestKindsAreShown(t *testing.T) {
	t.Parallel()
	client := startEtcd(t)
	names := fillKinds(t, client)
	for _, kind := range model.AllKinds().Names() {
		var got bytes.Buffer
		showGets(t, &got, client, kind)
		for _, name := range names[kind] {
			showObject(t, &got, client, selection{kind: kind, names: []string{name}})
		}
		showDiff(&got, kind)
		showDelete(t, &got, client, kind, names[kind])
		compareGolden(t, "testdata/kinds/"+kind.Segment()+".txt", got.String())
	}
	o, err := overview.Read(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := o.Print(&got, true, goldenTime()); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "testdata/kinds/status.txt", got.String())
}

// title begins one part of a golden.
func title(out *bytes.Buffer, format string, args ...any) {
	fmt.Fprintf(out, "\n## "+format+"\n", args...)
}

func showGets(t *testing.T, out *bytes.Buffer, st store, kind model.Kind) {
	for _, sel := range []selection{{kind: kind, project: "alpha"}, {kind: kind, all: true}} {
		for _, format := range []string{"table", "wide", "name"} {
			title(out, "get %s, project %q, all projects %v, -o %s", kind.Segment(), sel.project, sel.all, format)
			if err := get(t.Context(), st, sel, format, streams{out: out, err: out}); err != nil {
				fmt.Fprintln(out, err)
			}
		}
	}
}

// showObject shows one object in a table by itself and in full, and says how far `weft wait` would find it.
func showObject(t *testing.T, out *bytes.Buffer, st store, sel selection) {
	title(out, "%s %s", sel.kind.Segment(), sel.names[0])
	if err := get(t.Context(), st, sel, "table", streams{out: out, err: out}); err != nil {
		fmt.Fprintln(out, err)
	}
	if err := describe(t.Context(), st, sel, goldenTime(), out); err != nil {
		fmt.Fprintln(out, err)
	}
	found, _, err := load(t.Context(), st, sel, asItIs)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s %s: %d found, %v", sel.kind, sel.names[0], len(found), err)
	}
	for _, state := range []string{"accepted", "programmed", "deleted"} {
		reached, err := goals(view.Of(sel.kind))[state](found[0])
		fmt.Fprintf(out, "%s: %v, %v\n", state, reached, err)
	}
}

// showDiff shows that an object would be made, and that another would be changed and wait.
func showDiff(out *bytes.Buffer, kind model.Kind) {
	title(out, "diff")
	id := model.ID{Project: "alpha", Kind: kind, Name: "x"}
	allocated := etcdschema.Allocated{SegmentationID: 101, Device: "tap0"}
	if kind == model.KindRouter {
		allocated.GatewayHosts = []string{"h2", "h1"}
	}
	difference.Of(planner.Preview{Objects: []planner.ObjectChange{
		{ID: id, Op: planner.OpCreate, Phase: etcdschema.PhaseAccepted, Allocated: allocated},
		{ID: id, Op: planner.OpUpdate, Phase: etcdschema.PhasePending, Allocated: allocated,
			Reasons: []etcdschema.Reason{{Field: "spec", Message: "waits"}}},
	}}, nil).Print(out)
}

// showDelete says for each object why it would not be deleted.
func showDelete(t *testing.T, out *bytes.Buffer, st store, kind model.Kind, names []string) {
	title(out, "delete")
	for _, name := range names {
		id, err := identify(string(kind), name, "")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "%s: %v\n", id, inUse(t.Context(), st, []model.ID{id}))
	}
}

// compareGolden compares a text with a file, or writes the file under -update.
func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update accepts it:\n%s", file, diff)
	}
}
