package model

import (
	"encoding/json"
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
