package integration_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = ".." // of the module

// topLevel is everything that may stand at the top of the repository besides dotfiles.
var topLevel = []string{
	"LICENSE", "Makefile", "README.md", "go.mod", "go.sum",
	"cmd", "etcdschema", "hostnet", "integration", "model", "reconcile",
	"bin", // what make builds; not in the repository
}

func TestTopLevelHoldsNothingElse(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topLevel, e.Name()) {
			t.Errorf("%s stands at the top level: every folder has its place below %s", e.Name(), strings.Join(topLevel[5:11], ", "))
		}
	}
}

// arrows says which of Weft's packages a package may import. The longest prefix of the package's path applies. "…/" allows everything
// below. Tests may import anything.
var arrows = []struct {
	of  string
	may []string
}{
	{"model", nil},
	{"model/desired", []string{"model"}},
	{"etcdschema", []string{"model", "model/desired"}},
	{"etcdschema/pki", nil},
	{"etcdschema/etcdserver", nil},
	{"hostnet/", []string{"hostnet/"}},
	{"hostnet/object", nil},
	{"hostnet/guestconfig", nil},
	// A backend imports compile, and compile no backend: it is the same for all of them.
	{"reconcile/compile", []string{"model", "model/desired", "hostnet/object"}},
	{"reconcile/compile/", []string{"model", "model/desired", "hostnet/object", "reconcile/compile"}},
	{"reconcile/compile/internal/fixture", []string{"model", "model/desired", "hostnet/object", "reconcile/compile", "reconcile/compile/"}},
	{"reconcile/plan", []string{"hostnet/object"}},
	{"reconcile/engine", []string{"model", "model/desired", "etcdschema", "hostnet/object", "reconcile/compile", "reconcile/plan", "reconcile/engine/report"}},
	{"reconcile/engine/report", []string{"model", "model/desired", "etcdschema"}},
	// What the control plane is made of does not know the control plane, and each part only those before it.
	{"reconcile/control/claimed", nil},
	{"reconcile/control/pace", nil},
	{"reconcile/control/protect", []string{"model", "etcdschema"}},
	{"reconcile/control/cache", []string{"model", "model/desired", "etcdschema", "reconcile/control/claimed"}},
	{"reconcile/control/claim", []string{"model", "etcdschema", "reconcile/control/cache", "reconcile/control/claimed"}},
	{"reconcile/control/partial", []string{"model", "model/desired", "etcdschema", "reconcile/control/cache"}},
	{"reconcile/control/kind", []string{"model", "model/desired", "etcdschema", "reconcile/control/cache", "reconcile/control/claim",
		"reconcile/control/claimed", "reconcile/control/partial"}},
	{"reconcile/control/planner", []string{"model", "model/desired", "etcdschema", "reconcile/control/cache", "reconcile/control/claim",
		"reconcile/control/kind", "reconcile/control/partial", "reconcile/control/pace"}},
	{"reconcile/control/internal/fixture", []string{"model", "model/desired", "reconcile/control/cache"}},
	{"reconcile/control", []string{"model", "model/desired", "etcdschema", "reconcile/control/"}},
	{"reconcile/", []string{"model", "model/desired", "etcdschema", "reconcile/"}},
	{"cmd/weft/internal/terminal", nil},
	{"cmd/weft/view", []string{"model", "model/desired", "etcdschema", "cmd/weft/internal/terminal"}},
	// The daemons contain no etcd server.
	{"cmd/internal/", []string{"model", "model/desired", "etcdschema"}},
	{"cmd/weftd", daemon}, {"cmd/weftd/", daemon}, {"cmd/weft-controller", daemon},
	{"cmd/", []string{"model", "model/", "etcdschema", "etcdschema/", "hostnet/", "reconcile/", "cmd/"}},
	{"integration", []string{"model", "model/", "etcdschema", "etcdschema/", "hostnet/", "reconcile/", "integration/"}},
}

// daemon is what the programs that run as daemons may import.
var daemon = []string{"model", "model/desired", "etcdschema", "hostnet/", "reconcile/", "cmd/internal/", "cmd/weftd/"}

// TestImportsFollowTheArrows checks the direction of imports: no package imports one above it.
func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	seen := 0
	for pkg, files := range sources(t) {
		may, ok := allowed(pkg)
		if !ok {
			t.Errorf("package %s has no arrow: add it to the table", pkg)
			continue
		}
		for file, imports := range files {
			for _, imported := range imports {
				seen++
				if imported != pkg && !matches(may, imported) {
					t.Errorf("%s imports weft/%s; %s may import of Weft only: %s", file, imported, pkg, strings.Join(may, " "))
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no import was found at all")
	}
}

// TestPurePackagesDoNoInput checks that pure packages import nothing that does input or output.
func TestPurePackagesDoNoInput(t *testing.T) {
	t.Parallel()
	impure := []string{"os", "os/exec", "net/http", "syscall", "log/slog", "io/fs"}
	for _, pure := range []string{"model", "model/desired", "hostnet/object", "reconcile/compile", "reconcile/compile/linuxbridge",
		"hostnet/guestconfig",
		"reconcile/compile/openvswitch", "reconcile/plan", "reconcile/control/cache", "reconcile/control/claim", "reconcile/control/kind",
		"reconcile/control/planner", "cmd/weft/view"} {
		for file, imports := range parse(t, pure, func(string) bool { return true }) {
			for _, imported := range imports {
				if slices.Contains(impure, imported) {
					t.Errorf("%s imports %s: %s is pure", file, imported, pure)
				}
			}
		}
	}
}

func allowed(pkg string) (may []string, ok bool) {
	longest := -1
	for _, a := range arrows {
		if len(a.of) > longest && matches([]string{a.of}, pkg) {
			longest, may, ok = len(a.of), a.may, true
		}
	}
	return may, ok
}

// matches says that the package is one of the patterns, or is below a pattern that ends in a slash or is "integration".
func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return pkg == p || strings.HasPrefix(pkg, strings.TrimSuffix(p, "/")+"/") && (strings.HasSuffix(p, "/") || p == "integration")
	})
}

// sources maps each package of the module to its files and the packages of Weft they import.
func sources(t *testing.T) map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string][]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		pkg, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if files := parse(t, pkg, func(s string) bool { return strings.HasPrefix(s, "weft/") }); len(files) > 0 {
			all[pkg] = files
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parse reads the imports of a package's files, tests left out, without the module's own prefix.
func parse(t *testing.T, pkg string, keep func(string) bool) map[string][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		file := path.Join(pkg, filepath.Base(name))
		files[file] = nil
		for _, i := range f.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if keep(imported) {
				files[file] = append(files[file], strings.TrimPrefix(imported, "weft/"))
			}
		}
	}
	return files
}
