// Package ovstest starts and stops real Open vSwitch daemons for tests and demonstrations. One host is a network namespace with
// its own ovsdb-server and ovs-vswitchd. They use the userspace datapath unless asked otherwise.
//
// Invariants:
//   - Nothing outside the namespace and the run directory is touched.
//   - Stop ends only the processes that Launch started. It may be called more than once.
//   - No shell runs.
package ovstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weft/hostnet/netns"
)

// Schema is where the Debian package puts the schema of the Open_vSwitch database.
const Schema = "/usr/share/openvswitch/vswitch.ovsschema"

// startTimeout bounds every wait for a daemon. Half a second is usual; a loaded machine takes longer.
const startTimeout = 30 * time.Second

// Host is one running pair of daemons.
type Host struct {
	// RunDir holds db.sock, the daemons' control sockets and logs, and <bridge>.mgmt of every bridge.
	RunDir string
	// Namespace is the name of the network namespace where the daemons run.
	Namespace string

	kernelDatapath bool

	ownNamespace bool
	ownRunDir    bool

	mu     sync.Mutex
	server *daemon
	vswd   *daemon
}

// Config says where the host runs. What an empty field stands for is made and later removed: a namespace with a random name, a
// directory under the system's temporary one. Keep the directory's path short, because socket paths have at most 108 bytes.
type Config struct {
	Namespace string // an existing one
	RunDir    string // an existing, empty directory
	// KernelDatapath lets bridges use the kernel's datapath. The kernel must have the openvswitch module, and ovs-vswitchd must
	// not start within ten seconds of the boot (package need says why).
	KernelDatapath bool
}

// Launch starts both daemons and returns when they answer. The caller must call Stop. It needs root and openvswitch-switch.
func Launch(ctx context.Context, cfg Config) (*Host, error) {
	h := &Host{RunDir: cfg.RunDir, Namespace: cfg.Namespace, kernelDatapath: cfg.KernelDatapath}
	if err := h.launch(ctx); err != nil {
		h.Stop()
		return nil, fmt.Errorf("starting Open vSwitch in %s: %w", h.RunDir, err)
	}
	return h, nil
}

// Inside runs a function in the daemons' network namespace, on a separate thread.
func (h *Host) Inside(f func() error) error {
	names, err := netns.OpenDirectory("")
	if err != nil {
		return err
	}
	space, err := names.Open(h.Namespace)
	if err != nil {
		return errors.Join(err, names.Close())
	}
	return errors.Join(space.Do(f), space.Close(), names.Close())
}

func (h *Host) launch(ctx context.Context) error {
	if h.RunDir == "" {
		dir, err := os.MkdirTemp("", "ovs")
		if err != nil {
			return err
		}
		h.RunDir, h.ownRunDir = dir, true
	}
	if h.Namespace == "" {
		name := "weft-" + filepath.Base(h.RunDir)
		if _, err := h.run(ctx, "ip", "netns", "add", name); err != nil {
			return err
		}
		h.Namespace, h.ownNamespace = name, true
		if _, err := h.Exec(ctx, "ip", "link", "set", "lo", "up"); err != nil {
			return err
		}
	}
	if _, err := h.run(ctx, "ovsdb-tool", "create", h.path("conf.db"), Schema); err != nil {
		return err
	}
	if err := h.StartServer(ctx); err != nil {
		return err
	}
	if _, err := h.VSCtl(ctx, "--no-wait", "init"); err != nil {
		return err
	}
	return h.StartSwitch(ctx)
}

// StartServer starts ovsdb-server and waits until it answers.
func (h *Host) StartServer(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := h.daemon("ovsdb-server", h.path("conf.db"), "--remote=punix:"+h.DBSock())
	if err != nil {
		return err
	}
	h.server = d
	return d.answers(ctx, h.DBSock())
}

// StartSwitch starts ovs-vswitchd and waits until it has carried out what the database holds.
func (h *Host) StartSwitch(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	args := []string{"ovs-vswitchd", "unix:" + h.DBSock()}
	if !h.kernelDatapath {
		args = append(args, "--disable-system")
	}
	d, err := h.daemon(args[0], args[1:]...)
	if err != nil {
		return err
	}
	h.vswd = d
	// The value differs each time, because ovs-vsctl waits for the switch only if it changed something.
	_, err = h.VSCtl(ctx, "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:started=%d", d.cmd.Process.Pid))
	return err
}

// KillServer kills ovsdb-server with SIGKILL and returns when it has ended.
func (h *Host) KillServer() { h.kill(&h.server) }

// KillSwitch is KillServer for ovs-vswitchd. veth devices stay, flows do not.
func (h *Host) KillSwitch() { h.kill(&h.vswd) }

func (h *Host) kill(d **daemon) {
	h.mu.Lock()
	defer h.mu.Unlock()
	(*d).kill()
	*d = nil
}

// Stop ends the daemons, and removes the namespace and the directory if Launch made them.
func (h *Host) Stop() {
	h.KillSwitch()
	h.KillServer()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if h.ownNamespace {
		_, _ = h.run(ctx, "ip", "netns", "delete", h.Namespace)
		h.ownNamespace = false
	}
	if h.ownRunDir {
		_ = os.RemoveAll(h.RunDir)
	}
}

// DBSock is the path of the OVSDB socket.
func (h *Host) DBSock() string { return h.path("db.sock") }

// Exec runs a program inside the host's namespace and returns its output.
func (h *Host) Exec(ctx context.Context, args ...string) (string, error) {
	return h.run(ctx, append([]string{"ip", "netns", "exec", h.Namespace}, args...)...)
}

// VSCtl runs ovs-vsctl on the host's database. Without --no-wait it waits for the switch.
func (h *Host) VSCtl(ctx context.Context, args ...string) (string, error) {
	return h.run(ctx, append([]string{"ovs-vsctl", "--db=unix:" + h.DBSock(), "--retry",
		fmt.Sprintf("--timeout=%.0f", startTimeout.Seconds())}, args...)...)
}

// OFCtl runs an ovs-ofctl command on a bridge: OFCtl(ctx, "br-int", "dump-flows", "table=0").
func (h *Host) OFCtl(ctx context.Context, bridge, command string, args ...string) (string, error) {
	return h.run(ctx, append([]string{"ovs-ofctl", "-O", "OpenFlow14", "--no-names", command,
		"unix:" + h.path(bridge+".mgmt")}, args...)...)
}

// AppCtl runs an ovs-appctl command of ovs-vswitchd, such as ofproto/trace.
func (h *Host) AppCtl(ctx context.Context, args ...string) (string, error) {
	return h.run(ctx, append([]string{"ovs-appctl", "-t", h.path("ovs-vswitchd.ctl")}, args...)...)
}

func (h *Host) path(name string) string { return filepath.Join(h.RunDir, name) }

func (h *Host) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = h.environ()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return string(out), fmt.Errorf("%s: %w", args[0], err)
	}
	return string(out), nil
}

func (h *Host) environ() []string { return append(os.Environ(), "OVS_RUNDIR="+h.RunDir) }
