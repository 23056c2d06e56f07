package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"weft/integration/timescale"
	"weft/integration/vm/agent"
)

// Config says how a virtual machine is made. The zero value is a good one.
type Config struct {
	// Memory in MiB, which QEMU takes from the machine as it is used; 3072 when 0.
	Memory int
	// CPUs is 2 when 0.
	CPUs int
	// Kernel is what the kernel's command line says besides ("ipv6.disable=1").
	Kernel string
	// Namespace is the file of the network namespace that QEMU runs in; the program's own when empty.
	Namespace string
	// NICs are eth0, eth1 … inside.
	NICs []NIC
	// Log receives one line for each thing that takes time; may be nil.
	Log func(format string, args ...any)
}

// NIC is a virtio network card on a tap that QEMU makes in Config.Namespace and that goes away with it.
type NIC struct {
	// Device is the tap's name.
	Device string
	MAC    string
	// NoOffload makes the guest compute every checksum and segment itself: whoever takes its frames from the tap is told
	// of none that is left to do.
	NoOffload bool
}

// Machine is a running virtual machine. Its methods may be called from several goroutines.
type Machine struct {
	// Share is a folder that the machine and the virtual machine both see, and write, under this same path. It goes
	// away with Close.
	Share string
	// Release of the virtual machine's kernel, as uname -r shows it.
	Release string
	// TimeScale is how much slower than the machine it is: what WEFT_TIME_SCALE is set to inside.
	TimeScale float64

	dir      string
	listener net.Listener
	qemu     *exec.Cmd
	ended    chan struct{} // closed when QEMU has been waited for
	qemuErr  error
	conn     net.Conn
	requests *agent.Writer[agent.Request]
	readers  sync.WaitGroup
	mu       sync.Mutex
	last     int // ID of the last Run
	runs     map[int]*pending
	lost     error // why no more replies come
}

// The bounds of a boot: measured 3 to 4 s without acceleration on an idle machine of two cores.
const (
	bootTimeout  = 2 * time.Minute
	kvmTimeout   = 20 * time.Second
	buildTimeout = 5 * time.Minute // for the first process, when nothing of it is in Go's build cache
)

// Boot starts a virtual machine and waits until it takes commands. The program's working directory must be in Weft's
// module. Acceleration is used if it works, which only trying shows. Everything ends with ctx, but Close removes it.
func Boot(ctx context.Context, c Config) (*Machine, error) {
	if c.Log == nil {
		c.Log = func(string, ...any) {}
	}
	k, err := FindKernel(ctx, c.Log)
	if err != nil {
		return nil, err
	}
	if err := sweepStale(); err != nil {
		return nil, err
	}
	tried := mayAccelerate(k)
	if tried {
		m, err := boot(ctx, c, k, "kvm", kvmTimeout)
		if err == nil || ctx.Err() != nil {
			return m, err
		}
	}
	m, err := boot(ctx, c, k, "tcg,thread=multi", timescale.Bound(bootTimeout))
	if err == nil && tried {
		c.Log("KVM is there and does not run Debian's kernel: emulating from now on")
		rememberNoAcceleration(k)
	}
	return m, err
}

// boot makes a virtual machine that has to come up within the limit.
func boot(ctx context.Context, c Config, k Kernel, accelerator string, limit time.Duration) (*Machine, error) {
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folderPrefix, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("vm: %w", err)
	}
	m := &Machine{dir: dir, Share: filepath.Join(dir, "share"), TimeScale: 1, runs: map[int]*pending{}}
	if accelerator != "kvm" {
		m.TimeScale = emulatedScale
	}
	if err := m.start(ctx, c, k, accelerator, limit); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Machine) start(ctx context.Context, c Config, k Kernel, accelerator string, limit time.Duration) error {
	if err := os.Mkdir(m.Share, 0o755); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	modules := bootModules[:]
	if len(c.NICs) > 0 {
		modules = append(slices.Clone(modules), nicModule)
	}
	image, err := buildInitramfs(ctx, k, modules, agent.Boot{ModuleFolder: filepath.Join(k.Root, "lib", "modules"), Share: m.Share}, m.dir)
	if err != nil {
		return err
	}
	initramfs := filepath.Join(m.dir, "initramfs")
	if err := os.WriteFile(initramfs, image, 0o644); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	socket := filepath.Join(m.dir, "agent.sock")
	if m.listener, err = net.Listen("unix", socket); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := m.startQEMU(c.Namespace, m.qemuArgs(c, k, accelerator, initramfs, socket)); err != nil {
		return err
	}
	if err := m.greet(ctx); err != nil {
		return fmt.Errorf("%w; the virtual machine's console:\n%s", err, m.consoleTail())
	}
	c.Log("kernel %s is up after %v (%s)", m.Release, time.Since(began).Round(10*time.Millisecond), accelerator)
	return nil
}

// greet waits for QEMU's end of the port and then for the first process's greeting.
func (m *Machine) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { m.listener.Close() })
	defer stop()
	go func() { // who waits for QEMU in vain is told
		<-m.ended
		m.listener.Close()
	}()
	conn, err := m.listener.Accept()
	if err != nil {
		return fmt.Errorf("vm: QEMU does not come up: %w", errors.Join(ctx.Err(), m.qemuFailure()))
	}
	m.conn = conn
	stopRead := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stopRead()
	replies := agent.NewReader(conn)
	var first agent.Reply
	if err := replies.Decode(&first); err != nil || first.Hello == nil {
		return fmt.Errorf("vm: the virtual machine does not come up: %w", errors.Join(ctx.Err(), err, m.qemuFailure()))
	}
	m.Release = first.Hello.Release
	m.requests = agent.NewWriter[agent.Request](conn)
	m.readers.Go(func() { m.read(replies) })
	return nil
}

// Close ends the virtual machine and removes its folder. What runs inside is gone with it. It may be called again.
func (m *Machine) Close() error {
	if m.listener != nil {
		m.listener.Close()
	}
	m.kill()
	if m.conn != nil {
		m.conn.Close()
	}
	m.readers.Wait()
	if err := os.RemoveAll(m.dir); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	return nil
}
