//go:build integration

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"weft/integration/testbed"
	"weft/integration/timescale"
)

// The conditions of lines: for one kind of host, or not for an emulated processor, because its latencies have no meaning.
const (
	onOpenVSwitch = "ovs"
	onBridge      = "bridge"
	emulated      = "emulated"
)

// holds says which conditions hold.
func holds(d testbed.Datapath) func(string) (bool, error) {
	return func(condition string) (bool, error) {
		switch condition {
		case emulated:
			return timescale.Factor() != 1, nil
		case onOpenVSwitch:
			return d != testbed.DatapathBridge, nil
		case onBridge:
			return d == testbed.DatapathBridge, nil
		}
		return false, fmt.Errorf("condition %q: expected %s, %s or %s", condition, onOpenVSwitch, onBridge, emulated)
	}
}

// hostSpec matches the beginning of a Host's spec in a scenario's manifest.
var hostSpec = regexp.MustCompile(`(?m)^kind: Host\nmetadata: .*\nspec:\n`)

// declareBridges gives every Host in the scenario's manifests the driver of the kernel's bridges. So the same text declares hosts of
// either kind.
func declareBridges(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		hosts := strings.Count(string(text), "kind: Host\n")
		if found := len(hostSpec.FindAllString(string(text), -1)); found != hosts {
			return fmt.Errorf("%s declares %d hosts, of which %d are written the way that a driver can be put into", f, hosts, found)
		}
		declared := hostSpec.ReplaceAllString(string(text), "${0}  driver: bridge\n")
		if err := os.WriteFile(f, []byte(declared), 0o644); err != nil {
			return err
		}
	}
	return nil
}
