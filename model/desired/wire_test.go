package desired_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/model"
	"weft/model/desired"
)

var update = flag.Bool("update", false, "write the golden instead of comparing with it")

// kinds are those of this version.
var kinds = []desired.Kind{desired.KindHost, desired.KindNetwork, desired.KindPort, desired.KindRouter, desired.KindFloatingIP, desired.KindNeighbors,
	desired.KindSecurityGroup, desired.KindGroupMembers, desired.KindMetadata}

// fill gives every field a value that is not zero, so that no field is omitted when it is written.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case model.Address:
		v.Set(reflect.ValueOf(model.Address{Addr: netip.MustParseAddr("192.0.2.1")}))
		return
	case model.PortRange:
		v.Set(reflect.ValueOf(model.PortRange{First: 80, Last: 81}))
		return
	case model.Prefix:
		v.Set(reflect.ValueOf(model.Prefix{Prefix: netip.MustParsePrefix("192.0.2.0/24")}))
		return
	case model.AddressBlock:
		v.Set(reflect.ValueOf(model.AddressBlock{Prefix: netip.MustParsePrefix("192.0.2.64/28")}))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.MustParsePrefix("192.0.2.1/24")))
		return
	case model.MAC:
		v.Set(reflect.ValueOf(model.MAC{2, 0, 0, 0, 0, 1}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("s")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(7)
	default:
		panic("say in fill how a " + v.Type().String() + " is filled")
	}
}

func filled(t *testing.T, k desired.Kind) desired.Item {
	t.Helper()
	it := desired.AllKinds().New(k)
	if it == nil {
		t.Fatalf("kind %s has no item", k)
	}
	fill(reflect.ValueOf(it).Elem())
	return it
}

// TestWireNames checks the names by which controllers and hosts of different versions know the fields. The golden file may only
// grow.
func TestWireNames(t *testing.T) {
	t.Parallel()
	var all bytes.Buffer
	for _, k := range kinds {
		text, err := json.MarshalIndent(filled(t, k), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %s\n", k, text)
	}
	const path = "testdata/wire.golden"
	if *update {
		if err := os.WriteFile(path, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("a name on the wire is another (-want +got), -update accepts it:\n%s", diff)
	}
}

// TestItemsReadBack: what is written is read back as it was, also with fields of a newer version. Zero values count as absent.
func TestItemsReadBack(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		want := filled(t, k)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		newer := append([]byte(`{"ofTomorrow": {"a": [1]}, `), text[1:]...)
		got := desired.AllKinds().New(k)
		if err := json.Unmarshal(newer, got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read back as %+v, %v", k, got, err)
		}
		empty, err := json.Marshal(desired.AllKinds().New(k))
		if err != nil {
			t.Fatal(err)
		}
		again := desired.AllKinds().New(k)
		if err := json.Unmarshal(empty, again); err != nil || !reflect.DeepEqual(again, desired.AllKinds().New(k)) {
			t.Errorf("an empty %s is %s, read back as %+v, %v", k, empty, again, err)
		}
	}
}

// TestKeysAndTitles: an item is found by its kind and uid, and people read its kind and name.
func TestKeysAndTitles(t *testing.T) {
	t.Parallel()
	titles := map[desired.Kind]string{desired.KindHost: "Host s", desired.KindNetwork: "Network s/s", desired.KindPort: "Port s/s",
		desired.KindRouter: "Router s/s", desired.KindFloatingIP: "FloatingIP s/s", desired.KindSecurityGroup: "SecurityGroup s/s"}
	for _, k := range kinds {
		it := filled(t, k)
		if it.Key() != (desired.Key{Kind: k, UID: "s"}) {
			t.Errorf("%s has the key %v", k, it.Key())
		}
		titled, ok := it.(desired.Titled)
		if want := titles[k]; ok != (want != "") || ok && titled.Title() != want {
			t.Errorf("%s is called otherwise than %q", k, want)
		}
	}
	if it := desired.AllKinds().New("teapot"); it != nil {
		t.Errorf("a kind of tomorrow is %T", it)
	}
}

// TestFeatures: a node publishes each feature once, and the baseline is among them.
func TestFeatures(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("feature.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := strings.Count(string(source), " Feature = \"")
	all := desired.Features()
	sorted := slices.Sorted(slices.Values(all))
	if unique := slices.Compact(sorted); len(all) != declared || len(unique) != declared {
		t.Errorf("%d features are declared, listed are %v", declared, all)
	}
	for _, f := range desired.Baseline() {
		if !slices.Contains(all, f) {
			t.Errorf("every node has %s, and this one does not say so", f)
		}
	}
}
