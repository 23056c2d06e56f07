package scale

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"weft/etcdschema"
)

// Command is a run of the CLI.
type Command struct {
	Took      time.Duration
	Processor time.Duration
	Peak      int // resident memory in KiB
	Lines     int // of output
	// Floor is how long the same reads or writes take raw.
	Floor time.Duration
}

// weft runs the CLI on etcd. exit lists the exit statuses that are not an error.
func (c *Cloud) weft(ctx context.Context, exit int, args ...string) (r Command, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.conf.Binaries, "weft"), args...)
	cmd.Env = append(os.Environ(), "WEFT_ENDPOINTS="+c.bed.Etcd().Endpoint(), "HOME="+c.bed.Dir)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	start := time.Now()
	err = cmd.Run()
	r.Took = time.Since(start)
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() != exit) {
		return r, fmt.Errorf("weft %s: %w: %.2000s", strings.Join(args, " "), err, stderr.String())
	}
	r.Lines = bytes.Count(out.Bytes(), []byte("\n"))
	r.Processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.Peak = int(u.Maxrss)
	}
	return r, nil
}

// Bulk is the result of applying or deleting a manifest.
type Bulk struct {
	Command Command
	// Done is from the start of the command until everything in it is programmed, or gone.
	Done time.Duration
	Cost Cost
}

// Apply applies a manifest of a project with n ports.
func (c *Cloud) Apply(ctx context.Context, n int) (b Bulk, err error) {
	if err := os.WriteFile(c.manifestFile(), []byte(c.manifest(n)), 0o600); err != nil {
		return b, err
	}
	_, _, programmed, _ := c.watch.counts()
	return c.bulk(ctx, func() error {
		if b.Command, err = c.weft(ctx, 0, "apply", "-f", c.manifestFile()); err != nil {
			return err
		}
		return c.awaitProgrammed(ctx, programmed+n)
	}, &b)
}

// Delete deletes what Apply made, as an operator does. The command ends when the controllers have carried out the deletion.
func (c *Cloud) Delete(ctx context.Context, n int) (b Bulk, err error) {
	known, _, _, wired := c.watch.counts()
	return c.bulk(ctx, func() error {
		if b.Command, err = c.weft(ctx, 0, "delete", "-f", c.manifestFile(), "--yes", "--timeout", patience.String()); err != nil {
			return err
		}
		return c.watch.await(ctx, fmt.Sprintf("%d ports to be gone", n), func() bool {
			return len(c.watch.ports) <= known-n && len(c.watch.wired) <= wired-n
		})
	}, &b)
}

// bulk measures do, and then the same writes of intent raw.
func (c *Cloud) bulk(ctx context.Context, do func() error, b *Bulk) (Bulk, error) {
	var script *Transcript
	cost, err := c.measure(ctx, func() error {
		start := time.Now()
		script = c.watch.recording()
		err := do()
		b.Done = time.Since(start)
		return err
	})
	if err != nil {
		return *b, err
	}
	b.Cost = cost
	floor, err := c.replay(ctx, script, []string{"intent"})
	b.Command.Floor = floor.Wall
	return *b, err
}

// recording is the transcript of the current recording.
func (o *observer) recording() *Transcript {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.record
}

// Diff runs weft diff for one more port.
func (c *Cloud) Diff(ctx context.Context) (Command, error) {
	file := filepath.Join(c.bed.Dir, "one.yaml")
	text := portManifest(projectName(0), "asked-for", networkName(routedNetworks), hostName(0))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return Command{}, err
	}
	const differs = 1
	r, err := c.weft(ctx, differs, "diff", "-f", file)
	if err != nil {
		return r, err
	}
	r.Floor, _, err = c.list(ctx, etcdschema.AllPrefix())
	return r, err
}

// Get lists all ports.
func (c *Cloud) Get(ctx context.Context) (Command, error) {
	r, err := c.weft(ctx, 0, "get", "port", "-A")
	if err != nil {
		return r, err
	}
	r.Floor, _, err = c.list(ctx, etcdschema.IntentPrefix(), etcdschema.StatusPrefix())
	return r, err
}

func (c *Cloud) manifestFile() string { return filepath.Join(c.bed.Dir, "bulk.yaml") }

// manifest is a project with n ports, in the form that people write.
func (c *Cloud) manifest(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: weft/v1\nkind: Project\nmetadata: {name: %s}\nspec: {}\n", bulkProject)
	for k := range networksPerProject {
		fmt.Fprintf(&b, `---
apiVersion: weft/v1
kind: Network
metadata: {project: %s, name: %s}
spec:
  type: vlan
  physicalNetwork: %s
  subnets: [{cidr: 10.%d.0.0/16}, {cidr: "fd00:%x::/64"}]
`, bulkProject, networkName(k), physicalNetwork, k, k)
	}
	for i := range n {
		fmt.Fprintf(&b, "---\n%s", portManifest(bulkProject, fmt.Sprintf("v%05d", i), networkName(i%networksPerProject), c.spread(i)))
	}
	return b.String()
}

func portManifest(project, name, network, host string) string {
	return fmt.Sprintf("apiVersion: weft/v1\nkind: Port\nmetadata: {project: %s, name: %s}\nspec: {network: %s, host: %s}\n",
		project, name, network, host)
}
