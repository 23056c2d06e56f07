package scale

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/etcdschema"
)

// weft runs the CLI on etcd. exit is the exit status that is not an error, besides 0.
func (c *Cloud) weft(ctx context.Context, exit int, args ...string) (Command, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	env := append(os.Environ(), "WEFT_ENDPOINTS="+c.testbed.Etcd().Endpoint(), "HOME="+c.testbed.Dir)
	return measured(ctx, env, exit, append([]string{filepath.Join(c.conf.Binaries, "weft")}, args...)...)
}

// Bulk is the result of applying or deleting a manifest.
type Bulk struct {
	Command Command
	// Asked is from the start of the command until all intent was written or deleted.
	Asked time.Duration
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
		b.Done, b.Asked = time.Since(start), c.watch.lastIntent().Sub(start)
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

// Diff runs weft diff for one more port on a network without a router.
func (c *Cloud) Diff(ctx context.Context) (Command, error) {
	return c.diff(ctx, projectName(0), networkName(routedNetworks))
}

// DiffRouted runs weft diff for one more port on the network for which all hosts are gateways.
func (c *Cloud) DiffRouted(ctx context.Context) (Command, error) {
	return c.diff(ctx, routedProject, routedNetwork)
}

func (c *Cloud) diff(ctx context.Context, project, network string) (Command, error) {
	file := filepath.Join(c.testbed.Dir, "one.yaml")
	text := portManifest(project, "asked-for", network, hostName(0))
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

func (c *Cloud) manifestFile() string { return filepath.Join(c.testbed.Dir, "bulk.yaml") }

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
