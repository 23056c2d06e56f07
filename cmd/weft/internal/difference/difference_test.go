package difference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/planner"
)

func TestChangedFields(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		old, next string
		want      []string
	}{
		{`{"a": 1}`, `{"a": 1}`, nil},
		{`{"a": 1, "b": {"c": "x"}}`, `{"b": {"c": "y"}, "d": true}`, []string{"a: 1 -> none", "b.c: x -> y", "d: none -> true"}},
		{`{"l": [1, {"x": 2}]}`, `{"l": [1, {"x": 3}]}`, []string{"l[1].x: 2 -> 3"}},
		{`{"l": [1]}`, `{"l": [1, 2]}`, []string{"l: [1] -> [1,2]"}},
		{`{"l": {}}`, `{"l": []}`, []string{"l: {} -> []"}},
		{`{`, `{}`, []string{"cannot be compared"}},
		{`{"spec": {"secret": "hunter1"}}`, `{"spec": {"secret": "hunter2"}}`, []string{"spec.secret: 7 bytes -> 7 bytes (not shown)"}},
		{`{"spec": {}}`, `{"spec": {"secret": "hunter2"}}`, []string{"spec.secret: none -> 7 bytes (not shown)"}},
		{`{"spec": {"secret": "hunter2"}}`, `{"spec": {"secret": "hunter2"}}`, nil},
	} {
		if diff := cmp.Diff(tc.want, changedFields([]byte(tc.old), []byte(tc.next), "spec.secret")); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", tc.old, tc.next, diff)
		}
	}
}

// neighborsJSON is a list of n neighbors from a given number on, as in a node config.
func neighborsJSON(t *testing.T, from, to int) []byte {
	t.Helper()
	n := desired.Neighbors{UID: "u-0", Network: "u"}
	for i := from; i < to; i++ {
		addr, err := model.ParseAddress(fmt.Sprintf("10.0.%d.%d", i/250, i%250+1))
		if err != nil {
			t.Fatal(err)
		}
		n.Entries = append(n.Entries, desired.Neighbor{Address: addr, MAC: model.MAC{0xfa, 0x16, 0x3e, 0, byte(i >> 8), byte(i)}})
	}
	data, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestLongListsAreToldByWhatChanged: diff shows what was added and removed, with the numbers, at any place in the list.
func TestLongListsAreToldByWhatChanged(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		old, new []byte
		want     []string
	}{
		{"one at the end", neighborsJSON(t, 0, 300), neighborsJSON(t, 0, 301), []string{
			"entries: 300 -> 301, 1 added, 0 removed", `entries + {"address":"10.0.1.51","mac":"fa:16:3e:00:01:2c"}`}},
		{"one at the beginning goes", neighborsJSON(t, 0, 300), neighborsJSON(t, 1, 300), []string{
			"entries: 300 -> 299, 0 added, 1 removed", `entries - {"address":"10.0.0.1","mac":"fa:16:3e:00:00:00"}`}},
		{"one for another, so that all stand elsewhere", neighborsJSON(t, 0, 300), neighborsJSON(t, 1, 301), []string{
			"entries: 300 -> 300, 1 added, 1 removed", `entries - {"address":"10.0.0.1","mac":"fa:16:3e:00:00:00"}`,
			`entries + {"address":"10.0.1.51","mac":"fa:16:3e:00:01:2c"}`}},
		{"one where it stands", neighborsJSON(t, 0, 300), bytes.Replace(neighborsJSON(t, 0, 300), []byte("fa:16:3e:00:00:07"), []byte("fa:16:3e:00:00:ff"), 1),
			[]string{"entries[7].mac: fa:16:3e:00:00:07 -> fa:16:3e:00:00:ff"}},
		{"another order", []byte(`{"l": ["` + strings.Repeat("a", 60) + `", "b"]}`), []byte(`{"l": ["b", "` + strings.Repeat("a", 60) + `"]}`),
			[]string{"l: the same 2 in another order"}},
		{"the same twice", []byte(`{"l": ["` + strings.Repeat("a", 60) + `"]}`), []byte(`{"l": ["` + strings.Repeat("a", 60) + `", "` + strings.Repeat("a", 60) + `"]}`),
			[]string{"l: 1 -> 2, 1 added, 0 removed", "l + " + strings.Repeat("a", 60)}},
	} {
		if diff := cmp.Diff(tc.want, changedFields(tc.old, tc.new)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestADiffFitsTheScreen: a change that hundreds of hosts get is shown once, no line is longer than a screen, and nothing that a person
// must read is cut.
func TestADiffFitsTheScreen(t *testing.T) {
	t.Parallel()
	network := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "blue"}
	port := model.ID{Project: "alpha", Kind: model.KindPort, Name: strings.Repeat("long-", 40)}
	message := "is wired nowhere: " + strings.Repeat("because of this and that ", 10) + "END"
	p := planner.Preview{Objects: []planner.ObjectChange{{ID: port, Op: planner.OpCreate, Phase: etcdschema.PhasePending,
		Reasons: []etcdschema.Reason{{Field: "spec.host", Message: message}}}}}
	for i := range 300 {
		p.Items = append(p.Items, planner.ItemChange{Node: fmt.Sprintf("h%03d", i), Key: desired.Key{Kind: desired.KindNeighbors, UID: "u-0"},
			Object: network, Op: planner.OpUpdate, Old: neighborsJSON(t, 0, 300), New: neighborsJSON(t, 40, 340)})
	}
	p.Items = append(p.Items, planner.ItemChange{Node: "h000", Key: desired.Key{Kind: desired.KindPort, UID: "p"}, Object: port, Op: planner.OpCreate})
	d := Of(p, nil)
	var out bytes.Buffer
	d.Print(&out)
	text := out.String()
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > screenWidth {
			t.Errorf("too long: %q", line)
		}
	}
	if n := strings.Count(text, "\n"); n > 30 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for _, want := range []string{"300 hosts: h000, h001, h002, h003 and 296 more\n", "entries: 300 -> 300, 40 added, 40 removed\n", "and 71 more (-o json shows all)\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if got := strings.Join(strings.Fields(text), " "); !strings.Contains(got, strings.Join(strings.Fields(message), " ")) {
		t.Errorf("the reason is not whole in\n%s", text)
	}
	if len(d.Hosts) != 301 || len(d.Hosts[0].Fields) != 81 {
		t.Errorf("JSON has %d changes on hosts, the first with %d lines", len(d.Hosts), len(d.Hosts[0].Fields))
	}
}

// TestHostsShowNoSecrets: of user data in a node config only the size is shown.
func TestHostsShowNoSecrets(t *testing.T) {
	t.Parallel()
	d := Of(planner.Preview{Items: []planner.ItemChange{{Node: "h1", Key: desired.Key{Kind: desired.KindMetadata, UID: "p1"},
		Object: model.ID{Project: "alpha", Kind: model.KindPort, Name: "web-1"}, Op: planner.OpUpdate,
		Old: []byte(`{"uid":"p1","userData":"aHVudGVyMQ=="}`), New: []byte(`{"uid":"p1","userData":"aHVudGVyMg==","sshKeys":["key"]}`)}}}, nil)
	want := []Item{{Host: "h1", Op: planner.OpUpdate, Object: "metadata of Port alpha/web-1",
		Fields: []string{`sshKeys: none -> ["key"]`, "userData: 12 bytes -> 12 bytes (not shown)"}}}
	if diff := cmp.Diff(want, d.Hosts, cmpopts.IgnoreUnexported(Item{})); diff != "" {
		t.Error(diff)
	}
}
