package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"weft/etcdschema"
	"weft/integration/timescale"
)

// Host is one hypervisor: a namespace with eth0 (management, the path to etcd), eth1 (uplink to the physical network), an Open vSwitch of
// its own and one weftd.
type Host struct {
	*Namespace
	// Name is the node's name.
	Name string
	// Dir holds the host's Open vSwitch and weftd's state.
	Dir string
	OVS *OpenVSwitch // nil on a host with the kernel's bridges
	// Weftd is the host reconciler. AddHost starts it, unless HostOptions.NoWeftd is set.
	Weftd *Process
	// Debug is the path of weftd's debug socket.
	Debug string
	ready *readiness
}

// HostOptions say how a host is made. The zero value is a host whose weftd runs.
type HostOptions struct {
	// NoWeftd leaves weftd registered but not started.
	NoWeftd bool
	// Flags are added to weftd's.
	Flags []string
	// Binary is a weftd that is not the testbed's.
	Binary string
}

// AddHost makes a host: its namespace, links and Open vSwitch, and weftd.
func (b *Testbed) AddHost(name string, o HostOptions) (*Host, error) {
	n, err := b.reserve(name)
	if err != nil {
		return nil, err
	}
	ns, err := b.namespace(name)
	if err != nil {
		return nil, err
	}
	h := &Host{Namespace: ns, Name: name, Dir: filepath.Join(b.Dir, name)}
	if err := os.MkdirAll(filepath.Join(h.Dir, "state"), 0o755); err != nil {
		return nil, fmt.Errorf("testbed: %s: %w", name, err)
	}
	h.Namespace.env = append(h.Namespace.env, "NETNS_DIR="+h.netnsDir())
	if err := h.cable(n); err != nil {
		return nil, err
	}
	if b.datapath() != DatapathBridge {
		if err := h.startOpenVSwitch(); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	b.hosts[name] = h
	b.mu.Unlock()
	if err := h.registerWeftd(o); err != nil {
		return nil, err
	}
	if o.NoWeftd {
		return h, nil
	}
	return h, h.Weftd.Start()
}

// reserve counts one more host. Several goroutines may make hosts at the same time.
func (b *Testbed) reserve(name string) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, exists := b.hosts[name]; exists {
		return 0, fmt.Errorf("testbed: host %s exists already", name)
	}
	b.numbered++
	return b.numbered - 1, nil
}

// cable makes eth0 and eth1. It does not keep the host's own stack off the uplink: weftd does that.
func (h *Host) cable(n int) error {
	b := h.testbed
	if err := b.veth(h.Namespace, "eth0", b.ctl, h.Name); err != nil {
		return err
	}
	if err := b.veth(h.Namespace, "eth1", b.phys, h.Name); err != nil {
		return err
	}
	return errors.Join(b.ctl.IP(b.ctx, "link", "set", h.Name, "master", managementBridge, "up"),
		b.phys.IP(b.ctx, "link", "set", h.Name, "master", physicalBridge, "mtu", "9000", "up"),
		h.IPs(b.ctx, fmt.Sprintf("addr add 192.0.2.%d/24 dev eth0", 10+n), "link set eth0 up", "link set eth1 up"))
}

// registerWeftd registers the process of the host's weftd.
func (h *Host) registerWeftd(o HostOptions) error {
	notify := filepath.Join(h.Dir, "notify.sock")
	var err error
	if h.ready, err = listenReadiness(notify); err != nil {
		return err
	}
	h.testbed.atClose(h.ready.close)
	binary := o.Binary
	if binary == "" {
		binary = filepath.Join(h.testbed.conf.Binaries, "weftd")
	}
	h.Debug = filepath.Join(h.Dir, "weftd.sock")
	args, err := h.weftdArgs(o.Flags)
	if err != nil {
		return err
	}
	h.Weftd = h.testbed.process("weftd "+h.Name, h.Namespace, []string{"NOTIFY_SOCKET=" + notify}, binary, args...)
	return nil
}

func (h *Host) weftdArgs(flags []string) ([]string, error) {
	args := []string{"--node", h.Name, "--ovs-rundir="}
	if h.OVS != nil {
		args = []string{"--node", h.Name, "--ovs-rundir", h.OVS.Dir, "--datapath-type", string(h.testbed.datapath())}
	}
	args = append(args, "--netns-dir", h.netnsDir(), "--state-dir", filepath.Join(h.Dir, "state"), "--debug-listen", "unix:"+h.Debug)
	link, err := h.testbed.etcd.flags(h.Name)
	return append(append(args, link...), flags...), err
}

// netnsDir is where weftd keeps the namespaces of routers. Programs that run on the host find it in NETNS_DIR.
func (h *Host) netnsDir() string { return filepath.Join(h.Dir, "netns") }

// RestartWeftd kills weftd and starts it with other flags, as an upgrade does.
func (h *Host) RestartWeftd(flags ...string) error {
	args, err := h.weftdArgs(flags)
	if err != nil {
		return err
	}
	h.Weftd.Kill()
	h.Weftd.setArgs(args...)
	return h.Weftd.Start()
}

// Hosts lists the hosts by name.
func (b *Testbed) Hosts() []*Host {
	b.mu.Lock()
	defer b.mu.Unlock()
	hosts := make([]*Host, 0, len(b.hosts))
	for _, name := range sortedKeys(b.hosts) {
		hosts = append(hosts, b.hosts[name])
	}
	return hosts
}

// veth makes a pair with one end in each namespace. Neither end is ever in the machine's own namespace.
func (b *Testbed) veth(a *Namespace, aName string, z *Namespace, zName string) error {
	fd := func(n *Namespace) (netns.NsHandle, error) {
		h, err := netns.GetFromName(n.Name)
		if err != nil {
			return h, fmt.Errorf("testbed: namespace %s: %w", n.Name, err)
		}
		return h, nil
	}
	aFD, err := fd(a)
	if err != nil {
		return err
	}
	defer aFD.Close()
	zFD, err := fd(z)
	if err != nil {
		return err
	}
	defer zFD.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Namespace = aName, netlink.NsFd(aFD)
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: zName, PeerNamespace: netlink.NsFd(zFD)}); err != nil {
		return fmt.Errorf("testbed: veth %s in %s to %s in %s: %w", aName, a.Name, zName, z.Name, err)
	}
	return nil
}

// AddController starts one more replica of weft-controller with the name ("c1").
func (b *Testbed) AddController(name string, flags ...string) (*Process, error) {
	state := filepath.Join(b.Dir, name)
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, fmt.Errorf("testbed: %s: %w", name, err)
	}
	link, err := b.etcd.flags(name)
	if err != nil {
		return nil, err
	}
	args := append([]string{"--name", name, "--state-dir", state, "--debug-listen",
		"unix:" + filepath.Join(state, "controller.sock")}, link...)
	p := b.process("controller "+name, b.ctl, nil, filepath.Join(b.conf.Binaries, "weft-controller"),
		append(args, flags...)...)
	return p, p.Start()
}

// Weft runs the CLI in etcd's namespace, with all rights, and returns its standard output.
func (b *Testbed) Weft(ctx context.Context, args ...string) (string, error) {
	return b.As(ctx, etcdschema.RootUser, "", "weft", args...)
}

// Etcdctl runs etcdctl in etcd's namespace, with all rights, and returns its standard output.
func (b *Testbed) Etcdctl(ctx context.Context, args ...string) (string, error) {
	return b.As(ctx, etcdschema.RootUser, "", "etcdctl", args...)
}

// As runs weft or etcdctl in etcd's namespace, with the user's certificate if etcd has TLS. It gives it stdin to read, and returns its
// standard output.
func (b *Testbed) As(ctx context.Context, user, stdin, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(2*time.Minute))
	defer cancel()
	if program == "weft" {
		program = filepath.Join(b.conf.Binaries, program)
	}
	env, err := b.etcd.env(user)
	if err != nil {
		return "", err
	}
	return b.filter(ctx, command{namespace: b.ctl.Name, stdin: stdin, env: env, name: program, args: args})
}
