package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openFlow are the packages that may name an OpenFlow table or match: the backend that makes flows, and the driver that writes them.
// What is below integration tests them.
var openFlow = []string{"reconcile/compile/openvswitch", "hostnet/ovs", "hostnet/ovs/", "hostnet/object", "integration"}

// TestOpenFlowStaysInItsPackages checks that no other package can name an OpenFlow table, because none uses a type of hostnet/object
// that has one, or a match.
func TestOpenFlowStaysInItsPackages(t *testing.T) {
	t.Parallel()
	words := openFlowWords(t)
	if !slices.Contains(words, "Flow") || !slices.Contains(words, "Goto") || !slices.Contains(words, "LearnedTable") {
		t.Fatalf("the words of OpenFlow in hostnet/object are %v, which is not all of them: correct how this test finds them", words)
	}
	seen := 0
	for pkg, files := range sources(t) {
		for file, imports := range files {
			if !slices.Contains(imports, "hostnet/object") {
				continue
			}
			for _, name := range selected(t, file, "object") {
				switch {
				case !slices.Contains(words, name):
				case matches(openFlow, pkg):
					seen++
				default:
					t.Errorf("%s uses object.%s: only %s may know of OpenFlow's tables", file, name, strings.Join(openFlow, ", "))
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no use of OpenFlow was found at all")
	}
}

// openFlowWords are the exported names of hostnet/object's flows that carry a table's number, and the match.
func openFlowWords(t *testing.T) []string {
	t.Helper()
	words := []string{"Match"}
	ast.Inspect(parseFile(t, "hostnet/object/flow.go"), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for _, name := range n.Names {
				if name.IsExported() && strings.HasSuffix(name.Name, "Table") {
					words = append(words, name.Name)
				}
			}
		case *ast.TypeSpec:
			s, isStruct := n.Type.(*ast.StructType)
			if !isStruct || !n.Name.IsExported() {
				return true
			}
			for _, f := range s.Fields.List {
				if slices.ContainsFunc(f.Names, func(i *ast.Ident) bool { return i.Name == "Table" }) {
					words = append(words, n.Name.Name)
				}
			}
		}
		return true
	})
	return words
}

// selected lists the names that a file uses of an imported package.
func selected(t *testing.T, file, of string) (names []string) {
	t.Helper()
	ast.Inspect(parseFile(t, file), func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == of {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names
}

func parseFile(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
