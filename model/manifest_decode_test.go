package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManifestGoldens decodes each file under testdata/manifest and compares the objects, canonical as they are stored,
// or the errors with the golden beside it.
func TestManifestGoldens(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/manifest/*[nl]")
	if err != nil || len(files) < 6 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			objs, err := DecodeManifest(filepath.Base(file), data)
			if (err != nil) != strings.HasPrefix(filepath.Base(file), "bad") && filepath.Base(file) != "bad-set.yaml" {
				t.Errorf("error %v", err)
			}
			if err == nil {
				err = ValidateSet(objs, nil).Err()
			}
			golden(t, file+".golden", render(t, objs, err))
		})
	}
}

// TestManifestOfTheLargestObject: an object that is too large for an intent key is refused in a manifest too, although no list is
// too long.
func TestManifestOfTheLargestObject(t *testing.T) {
	t.Parallel()
	external := func(projects int) string {
		var b strings.Builder
		b.WriteString("apiVersion: weft/v1\nkind: Network\nmetadata: {project: operator, name: outside}\nspec:\n  type: vlan\n  physicalNetwork: p\n" +
			"  subnets: [{cidr: 2001:db8::/64, gateway: 2001:db8::1}]\n  external:\n    ipv6: routed\n    routedPrefixes:\n")
		for i := range MaxRoutedPrefixes {
			fmt.Fprintf(&b, "    - {cidr: 3f00:%x::/32, projects: [%s%d", i, strings.Repeat("a", 60), 0)
			for j := 1; j < projects; j++ {
				fmt.Fprintf(&b, ", %s%d", strings.Repeat("a", 60), j)
			}
			b.WriteString("]}\n")
		}
		return b.String()
	}
	objs, err := DecodeManifest("net.yaml", []byte(external(60)))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(objs[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeIntent(objs[0].Object.ID(), stored); err != nil {
		t.Errorf("a manifest is accepted, and what is stored of it is not: %v", err)
	}
	_, err = DecodeManifest("net.yaml", []byte(external(MaxRoutedProjects)))
	const want = "net.yaml:5: Network operator/outside: spec: holds 1076900 bytes as it is stored, at most 262144 are allowed: shorten its lists"
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v, expected %s", err, want)
	}
}

func render(t *testing.T, objs []Located, err error) []byte {
	t.Helper()
	if err != nil {
		return []byte(err.Error() + "\n")
	}
	var b strings.Builder
	for _, l := range objs {
		text, err := json.Marshal(l.Object)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return []byte(b.String())
}
