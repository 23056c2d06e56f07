// Package testbed builds a testbed, which is a small cloud of network namespaces, for scenarios, benchmarks and the demo. It has hosts with
// an Open vSwitch each, guests, a physical network, etcd and controllers. All of them are real programs.
//
// Invariants:
//   - It touches nothing outside its own namespaces, processes and folder.
//   - It ends every process by its pid, and every process dies with the program that made the testbed.
//   - After Close nothing of the testbed is left, even if something failed before.
package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"weft/integration/testbed/lease"
)

// Config is the configuration of a testbed.
type Config struct {
	// Binaries is the folder that holds weftd, weft-controller, weft and leasescript; see Build.
	Binaries string
	// Datapath of the hosts' Open vSwitch; DatapathUser when empty.
	Datapath Datapath
	// EtcdSocket makes etcd listen on a Unix socket in the testbed's folder instead of the management network. Then nothing is between etcd
	// and the testbed's own program, and hosts of the testbed do not reach etcd. It is for measuring the control plane alone.
	EtcdSocket bool
	// Log receives one line for each thing the testbed does; may be nil.
	Log func(format string, args ...any)
}

// Testbed is one cloud. Its methods may be called from several goroutines unless they say otherwise.
type Testbed struct {
	// ID is the beginning of the testbed's namespace names, and is in the name of its folder.
	ID string
	// Dir holds sockets, databases, leases and logs. Close removes it.
	Dir string

	ctx      context.Context
	stop     context.CancelFunc
	conf     Config
	spawn    *spawner
	ctl      *Namespace
	phys     *Namespace
	etcd     *Etcd
	leases   *leaseListener
	mu       sync.Mutex
	ns       []*Namespace
	procs    []*Process
	hosts    map[string]*Host
	numbered int // hosts made so far
	guests   map[string]*Guest
	control  map[string]*Process
	closers  []func() error
	closed   bool
}

// New makes an empty cloud: the management network, the physical network and etcd, which is ready when New returns.
// Everything ends when ctx does, but only Close removes it. It needs root.
func New(ctx context.Context, c Config) (*Testbed, error) {
	if err := sweepStale(ctx); err != nil {
		return nil, err
	}
	var err error
	if c.Binaries, err = filepath.Abs(c.Binaries); err != nil {
		return nil, fmt.Errorf("testbed: folder of programs: %w", err)
	}
	b := &Testbed{conf: c, hosts: map[string]*Host{}, guests: map[string]*Guest{}, control: map[string]*Process{}}
	b.ctx, b.stop = context.WithCancel(ctx)
	b.spawn = newSpawner()
	if err := b.folder(); err != nil {
		b.spawn.close()
		return nil, err
	}
	if err := b.build(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// folder makes the testbed's folder and derives the ID: the program's pid, and a letter for each of its testbeds.
func (b *Testbed) folder() error {
	for letter := 'a'; letter <= 'z'; letter++ {
		id := fmt.Sprintf("wb%d%c", os.Getpid(), letter)
		dir := filepath.Join(os.TempDir(), id)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			b.ID, b.Dir = id, dir
			return nil
		}
		if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("testbed: folder: %w", err)
		}
	}
	return errors.New("testbed: this program has 26 testbeds open: close one first")
}

func (b *Testbed) build() error {
	var err error
	if b.leases, err = listenLeases(filepath.Join(b.Dir, lease.Socket)); err != nil {
		return err
	}
	b.atClose(b.leases.close)
	if b.ctl, err = b.namespace("ctl"); err != nil {
		return err
	}
	if b.phys, err = b.namespace("phys"); err != nil {
		return err
	}
	err = errors.Join(
		b.ctl.IPs(b.ctx, "link add "+managementBridge+" up type bridge", "addr add "+managementAddress+"/24 dev "+managementBridge),
		b.phys.IP(b.ctx, "link", "add", physicalBridge, "up", "mtu", "9000", "type", "bridge", "mcast_snooping", "0"))
	if err != nil {
		return err
	}
	b.etcd, err = b.startEtcd()
	return err
}

// The management network is TEST-NET-1 (RFC 5737). etcd and the controllers have managementAddress.
const (
	managementBridge  = "mgmt0"
	managementAddress = "192.0.2.1"
	physicalBridge    = "phys0"
)

func (b *Testbed) logf(format string, args ...any) {
	if b.conf.Log != nil {
		b.conf.Log(format, args...)
	}
}

func (b *Testbed) atClose(f func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closers = append(b.closers, f)
}

// Context ends when the testbed is closed or the context given to New ends.
func (b *Testbed) Context() context.Context { return b.ctx }

// Control is the namespace of etcd and the controllers.
func (b *Testbed) Control() *Namespace { return b.ctl }

// Physical is the namespace of the physical network: a plain learning bridge with one port for each uplink.
func (b *Testbed) Physical() *Namespace { return b.phys }

// Etcd is the testbed's etcd.
func (b *Testbed) Etcd() *Etcd { return b.etcd }

// Host returns the host, or an error that lists the hosts there are.
func (b *Testbed) Host(name string) (*Host, error) { return find(b, b.hosts, "host", name) }

// Guest returns the guest by the name it was made with, or an error that lists the guests there are.
func (b *Testbed) Guest(name string) (*Guest, error) { return find(b, b.guests, "guest", name) }

func find[T any](b *Testbed, m map[string]T, what, name string) (T, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := m[name]
	if !ok {
		return v, fmt.Errorf("testbed: no %s %q; there are: %s", what, name, strings.Join(sortedKeys(m), " "))
	}
	return v, nil
}

// AddNamespace makes a network namespace for a test's own use. Close removes it.
func (b *Testbed) AddNamespace(name string) (*Namespace, error) { return b.namespace(name) }

// Namespace finds the namespace of a guest, a host, a member of etcd, "ctl" or "phys".
func (b *Testbed) Namespace(name string) (*Namespace, error) {
	switch name {
	case "ctl":
		return b.ctl, nil
	case "phys":
		return b.phys, nil
	}
	for _, m := range b.etcd.members {
		if m.Process.Name == "etcd "+name {
			return m.Namespace, nil
		}
	}
	if g, err := b.Guest(name); err == nil {
		if g.machine != nil {
			return nil, fmt.Errorf("testbed: guest %s is a virtual machine: it can only be told what to run", name)
		}
		return g.Namespace, nil
	}
	h, err := b.Host(name)
	if err != nil {
		return nil, fmt.Errorf("%w, and no guest of that name", err)
	}
	return h.Namespace, nil
}

// Close ends every process, removes every namespace, checks whether anything is left, and removes the folder. It may be called again, and
// then does nothing.
func (b *Testbed) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	procs, namespaces, closers := b.procs, b.ns, b.closers
	b.mu.Unlock()
	b.stop()
	var errs []error
	for i := len(procs) - 1; i >= 0; i-- {
		procs[i].Kill()
	}
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i]())
	}
	for i := len(namespaces) - 1; i >= 0; i-- {
		errs = append(errs, namespaces[i].remove())
	}
	b.spawn.close()
	// The folder goes last: it is what holds the ID, and the next testbed of this program takes it as soon as the folder is gone.
	errs = append(errs, b.leftovers(procs), removeTree(b.Dir))
	return errors.Join(errs...)
}
