package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"weft/integration/timescale"
)

const (
	commandTimeout = 60 * time.Second // bounds a command whose context has no deadline of its own
	loopback       = 1                // the index of lo in every namespace (net/core/dev.c, LOOPBACK_IFINDEX)
)

// Namespace is one network namespace of the testbed.
type Namespace struct {
	// Name is as `ip netns` shows it.
	Name    string
	testbed *Testbed
	env     []string // for commands: where the host's Open vSwitch is
}

// namespace makes a network namespace with loopback up.
func (b *Testbed) namespace(suffix string) (*Namespace, error) {
	ns := &Namespace{Name: b.ID + "-" + fileName(suffix), testbed: b}
	if err := ns.create(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.ns = append(b.ns, ns)
	b.mu.Unlock()
	return ns, nil
}

// create makes the namespace and sets its loopback up. It uses ip(8), as other tools do. The first namespace that ip(8) makes mounts
// /run/netns onto itself (ip-netns(8)). A namespace that another way had mounted there before could not be removed any more.
func (n *Namespace) create() error {
	if _, err := n.testbed.output(n.testbed.ctx, nil, "ip", "netns", "add", n.Name); err != nil {
		return err
	}
	err := n.Do(func() error {
		return netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: loopback}})
	})
	if err != nil {
		return errors.Join(fmt.Errorf("testbed: %s: set lo up: %w", n.Name, err), n.remove())
	}
	return nil
}

// remove deletes the namespace, and with it every link in it.
func (n *Namespace) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), timescale.Bound(commandTimeout))
	defer cancel()
	_, err := n.testbed.output(ctx, nil, "ip", "netns", "delete", n.Name)
	return err
}

// IP runs ip(8) on the namespace.
func (n *Namespace) IP(ctx context.Context, args ...string) error {
	_, err := n.testbed.output(ctx, nil, "ip", append([]string{"-n", n.Name}, args...)...)
	return err
}

// IPs runs ip(8) once for several commands on the namespace, one on each line. It stops at the first that fails.
func (n *Namespace) IPs(ctx context.Context, lines ...string) error {
	_, err := n.testbed.filter(ctx, command{stdin: strings.Join(lines, "\n"), name: "ip", args: []string{"-n", n.Name, "-batch", "-"}})
	if err != nil {
		return fmt.Errorf("%w, of:\n%s", err, strings.Join(lines, "\n"))
	}
	return nil
}

// Run runs a command inside the namespace and returns what it wrote to standard output. The error holds the command
// and what it wrote to standard error. On a host's namespace OVS tools find the host's own Open vSwitch.
func (n *Namespace) Run(ctx context.Context, name string, args ...string) (string, error) {
	return n.testbed.filter(ctx, command{namespace: n.Name, env: n.env, name: name, args: args})
}

// Sysctl writes a network setting of the namespace, given with dots or slashes ("net.ipv4.conf.all.arp_ignore").
func (n *Namespace) Sysctl(key, value string) error {
	path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
	return n.Do(func() error {
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("testbed: %s: sysctl: %w", n.Name, err)
		}
		return nil
	})
}

// Do runs f on a thread inside the namespace. Sockets that f opens itself, not in another goroutine, stay in that namespace. A thread
// that cannot switch back is not used again.
func (n *Namespace) Do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err, back := n.do(f)
		if back {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

func (n *Namespace) do(f func() error) (err error, back bool) {
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("testbed: own namespace: %w", err), true
	}
	defer home.Close()
	there, err := netns.GetFromName(n.Name)
	if err != nil {
		return fmt.Errorf("testbed: namespace %s: %w", n.Name, err), true
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return fmt.Errorf("testbed: enter namespace %s: %w", n.Name, err), true
	}
	err = f()
	return err, netns.Set(home) == nil
}

// output runs a command in the program's own namespace and returns its standard output.
func (b *Testbed) output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return b.filter(ctx, command{env: env, name: name, args: args})
}

// command is a program that is run once.
type command struct {
	namespace string // the network namespace; the program's own when empty
	env       []string
	stdin     string
	name      string
	args      []string
}

// filter runs a command and returns its standard output.
func (b *Testbed) filter(ctx context.Context, c command) (string, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timescale.Bound(commandTimeout))
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.stdin != "" {
		cmd.Stdin = strings.NewReader(c.stdin)
	}
	if err := b.spawn.run(cmd, c.namespace); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(append([]string{c.name}, c.args...), " "), err,
			strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// fileName makes a name usable as a file's and a namespace's.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' || r == ':' {
			return '-'
		}
		return r
	}, s)
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
