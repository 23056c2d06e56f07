package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeExampleWorksWhenPasted: the example is complete. It contains everything that it refers to.
func TestReadmeExampleWorksWhenPasted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README has no example in YAML")
	}
	file := filepath.Join(t.TempDir(), "alpha.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, wrong strings.Builder
	if code := execute(t.Context(), streams{strings.NewReader(""), &out, &wrong}, []string{"weft", "validate", "--complete", "-f", file}); code != 0 {
		t.Errorf("exit status %d:\n%s", code, wrong.String())
	}
	if !strings.Contains(out.String(), "valid: 5") {
		t.Errorf("%q, expected five valid objects", out.String())
	}
}
