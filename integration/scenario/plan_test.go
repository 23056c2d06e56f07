//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/integration/need"
)

// scenario is one file and what its first lines say.
type scenario struct {
	name, file string
	// needs are the kernel's features that it uses: "# needs kernel-datapath".
	needs []need.Need
	// lacking are those of them that this kernel lacks.
	lacking []need.Need
	// repeats are the names of other scenarios that run in its place, with its needs: "# repeats vlan-isolation".
	repeats []string
	// bridge says that its hosts have the kernel's VLAN devices and bridges: "# backend bridge". Its manifests do not say that. both says
	// that it holds on either kind of host: "# backend both".
	bridge, both bool
	// alone says that nothing else runs at the same time, because it measures: "# alone".
	alone bool
}

// Prefixes of comment lines that have a meaning before the first line that is not a comment.
const (
	needsLine   = "# needs "
	repeatsLine = "# repeats "
	backendLine = "# backend "
	aloneLine   = "# alone"
)

// repeatsBoth stands for all scenarios that hold on either kind of host.
const repeatsBoth = "both"

// The backends of a scenario.
const (
	backendBridge = "bridge"
	backendBoth   = "both"
)

// scenarios reads the first lines of every scenario.
func scenarios() ([]scenario, error) {
	files, err := filepath.Glob("*.txtar")
	if err != nil {
		return nil, err
	}
	all := make([]scenario, len(files))
	for i, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		if all[i], err = parseScenario(f, string(text)); err != nil {
			return nil, err
		}
	}
	for i := range all {
		all[i].repeats = expand(all[i].repeats, all)
		for _, r := range all[i].repeats {
			if !slices.Contains(files, r+".txtar") {
				return nil, fmt.Errorf("%s repeats %q, which is no scenario here", all[i].file, r)
			}
		}
	}
	return all, nil
}

// expand replaces repeatsBoth by the names, and leaves out those that have a "-" before their name.
func expand(repeats []string, all []scenario) []string {
	var names, without []string
	for _, r := range repeats {
		if name, not := strings.CutPrefix(r, "-"); not {
			without = append(without, name)
			continue
		}
		if r != repeatsBoth {
			names = append(names, r)
			continue
		}
		for _, s := range all {
			if s.both {
				names = append(names, s.name)
			}
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(without, n) })
}

func parseScenario(file, text string) (scenario, error) {
	s := scenario{name: strings.TrimSuffix(file, ".txtar"), file: file}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		if words, ok := strings.CutPrefix(line, needsLine); ok {
			for _, w := range strings.Fields(words) {
				n, err := need.Parse(w)
				if err != nil {
					return s, fmt.Errorf("%s: %w", file, err)
				}
				s.needs = append(s.needs, n)
			}
		}
		s.alone = s.alone || strings.TrimSpace(line) == aloneLine
		if words, ok := strings.CutPrefix(line, repeatsLine); ok {
			s.repeats = append(s.repeats, strings.Fields(words)...)
		}
		if words, ok := strings.CutPrefix(line, backendLine); ok {
			switch strings.TrimSpace(words) {
			case backendBridge:
				s.bridge = true
			case backendBoth:
				s.both = true
			default:
				return s, fmt.Errorf("%s: backend %q is neither %s nor %s", file, strings.TrimSpace(words), backendBridge, backendBoth)
			}
		}
	}
	return s, nil
}

// scripts are the files that testscript runs for the scenario.
func (s scenario) scripts() []string {
	if len(s.repeats) == 0 {
		return []string{s.file}
	}
	files := make([]string, len(s.repeats))
	for i, r := range s.repeats {
		files[i] = r + ".txtar"
	}
	return files
}

// TestParseScenario checks the meaning of first lines, and that a misspelt need is an error.
func TestParseScenario(t *testing.T) {
	t.Parallel()
	s, err := parseScenario("x.txtar", "# needs vlan-device kernel-datapath\n# repeats a b\n# words\n\nhosts h1\n# needs nothing\n")
	if err != nil || !slices.Equal(s.needs, []need.Need{need.VLANDevice, need.KernelDatapath}) || !slices.Equal(s.repeats, []string{"a", "b"}) {
		t.Errorf("read %+v, error %v", s, err)
	}
	if !slices.Equal(s.scripts(), []string{"a.txtar", "b.txtar"}) {
		t.Errorf("it runs %v", s.scripts())
	}
	if s, err := parseScenario("x.txtar", "# backend bridge\n# repeats both\n"); err != nil || !s.bridge || s.both ||
		!slices.Equal(expand(s.repeats, []scenario{{name: "a", both: true}, {name: "b"}}), []string{"a"}) {
		t.Errorf("read %+v, error %v", s, err)
	}
	if s, err := parseScenario("x.txtar", "# alone\n# repeats other\n"); err != nil || !s.alone {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := parseScenario("x.txtar", "# backend brigde\n"); err == nil {
		t.Error("a backend that nobody knows was read")
	}
	if _, err := parseScenario("x.txtar", "# needs kernel-datapth\n"); err == nil {
		t.Error("a need that nobody knows was read")
	}
}
