package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestChangeClock: what the source must have is replaced or added to. A source that lacks any of it stays as it is.
func TestChangeClock(t *testing.T) {
	t.Parallel()
	source := map[string]string{
		vdsoFile:    "old\n",
		vdsoMapFile: "extern char vdso_start[], vdso_end[];\nstatic struct page *um_vdso;\n",
		filterFile:  "\t\t" + filterBegin + "\t\t\tBPF_STMT(1, 2),\n",
	}
	for name, lacking := range map[string]func(map[string]string){
		"":                  func(map[string]string) {},
		"no vDSO":           func(s map[string]string) { delete(s, vdsoFile) },
		"no page":           func(s map[string]string) { s[vdsoMapFile] = "extern char vdso_start[], vdso_end[];\n" },
		"no filter":         func(s map[string]string) { s[filterFile] = "\n" },
		"two filters":       func(s map[string]string) { s[filterFile] += s[filterFile] },
		"no file of filter": func(s map[string]string) { delete(s, filterFile) },
	} {
		tree, before := t.TempDir(), map[string]string{}
		for f, text := range source {
			before[f] = text
		}
		lacking(before)
		for f, text := range before {
			path := filepath.Join(tree, f)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		err := changeClock(tree)
		if (err == nil) != (name == "") {
			t.Fatalf("%q: %v", name, err)
		}
		for f, text := range before {
			data, readErr := os.ReadFile(filepath.Join(tree, f))
			if changed := string(data) != text; readErr != nil || changed != (name == "") {
				t.Errorf("%q: %s is changed: %v, %v", name, f, changed, readErr)
			}
		}
		if name != "" {
			continue
		}
		filter, _ := os.ReadFile(filepath.Join(tree, filterFile))
		if i := strings.Index(string(filter), filterBegin); !strings.HasPrefix(string(filter)[i+len(filterBegin):], string(userModeFilter)) {
			t.Errorf("the filter does not begin with ours: %s", filter)
		}
	}
}
