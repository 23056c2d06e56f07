package testbed

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Build builds the programs of a cloud (weftd, weft-controller, weft) and the script of its guests' DHCP clients into the folder, from
// the module that the working directory is in. race builds them with the race detector.
func Build(ctx context.Context, dir string, race bool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	args := []string{"build", "-o", dir + "/"}
	if race {
		args = append(args, "-race")
	}
	args = append(args, "weft/cmd/weftd", "weft/cmd/weft-controller", "weft/cmd/weft", "weft/integration/testbed/leasescript")
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("testbed: go %s: %w\n%s", strings.Join(args, " "), err, out.String())
	}
	return nil
}
