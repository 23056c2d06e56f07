package vm

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"weft/integration/timescale"
	"weft/integration/vm/agent"
)

// Config is the configuration of a virtual machine. The zero value can be used.
type Config struct {
	// Kind is what runs the kernel; QEMU when empty.
	Kind Kind
	// Memory in MiB, which QEMU takes from the machine as it is used; 3072 when 0.
	Memory int
	// CPUs is 2 when 0. User-mode Linux has one.
	CPUs int
	// Processor, counted from 1, is the only processor of the machine that user-mode Linux may use; any when 0. Its processes switch to
	// each other at every system call. On one processor such a switch costs half.
	Processor int
	// Kernel is added to the kernel's command line ("ipv6.disable=1").
	Kernel string
	// Namespace is the file of the network namespace that QEMU runs in; the program's own when empty.
	Namespace string
	// NICs are eth0, eth1 … inside.
	NICs []NIC
	// Ports are QEMU's virtio-serial ports: /dev/vport* inside.
	Ports []Port
	// Log receives one line for each thing that takes time; may be nil.
	Log func(format string, args ...any)
}

// Kind is what runs a virtual machine's kernel.
type Kind string

// The kinds.
const (
	QEMU Kind = "qemu" // Debian's standard kernel, on hardware that QEMU emulates unless KVM is there
	// UserMode is user-mode Linux: a kernel that is a program of the machine. Its programs run on the machine's own processor. It has one
	// processor, and no hardware.
	UserMode Kind = "user-mode"
)

// NIC is a virtio network card on a tap that QEMU makes in Config.Namespace and that goes away with it.
type NIC struct {
	// Device is the tap's name.
	Device string
	MAC    string
	// NoOffload makes the guest compute every checksum and segment itself, so that its frames on the tap are complete.
	NoOffload bool
}

// Port is a virtio-serial port, such as that of a guest agent.
type Port struct {
	// Name is in /sys/class/virtio-ports/*/name inside.
	Name string
	// Socket is a UNIX socket that QEMU makes, and at which it serves one client at a time.
	Socket string
}

// Machine is a running virtual machine. Its methods may be called from several goroutines.
type Machine struct {
	// Share is a folder that the machine and the virtual machine both read and write, under this same path. Close removes it.
	Share string
	// Release of the virtual machine's kernel, as uname -r shows it.
	Release string
	// TimeScale is how much slower than the machine it is. WEFT_TIME_SCALE has this value inside.
	TimeScale float64

	dir      string
	listener net.Listener
	process  *exec.Cmd     // QEMU, or the kernel itself
	ended    chan struct{} // closed when it has been waited for
	conn     net.Conn
	requests *agent.Writer[agent.Request]
	readers  sync.WaitGroup
	mu       sync.Mutex
	last     int // ID of the last Run
	runs     map[int]*pending
	lost     error // why no more replies come

	processErr error
}

// The limits of a boot. Measured: 3 to 4 s without acceleration on an idle machine with two cores.
const (
	bootTimeout  = 2 * time.Minute
	kvmTimeout   = 20 * time.Second
	buildTimeout = 5 * time.Minute // for the first process, when nothing of it is in Go's build cache
)

// Boot starts a virtual machine and waits until it takes commands. The program's working directory must be in Weft's module. Boot uses
// acceleration if it works, which it finds out by trying. Everything ends with ctx, but Close removes the folder.
func Boot(ctx context.Context, c Config) (*Machine, error) {
	if c.Log == nil {
		c.Log = func(string, ...any) {}
	}
	if err := sweepStale(); err != nil {
		return nil, err
	}
	if c.Kind == UserMode {
		return bootUserMode(ctx, c)
	}
	k, err := FindKernel(ctx, c.Log)
	if err != nil {
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

// boot makes a virtual machine under QEMU, which must start within the limit.
func boot(ctx context.Context, c Config, k Kernel, accelerator string, limit time.Duration) (*Machine, error) {
	modules := bootModules[:]
	if len(c.NICs) > 0 {
		modules = append(slices.Clone(modules), nicModule)
	}
	scale := float64(1)
	if accelerator != "kvm" {
		scale = emulatedScale
	}
	start := func(ctx context.Context, m *Machine, initramfs string) (net.Conn, error) {
		return m.startQEMU(ctx, c, k, accelerator, initramfs)
	}
	return assemble(ctx, c, k, plan{accelerator, scale, limit, modules, agent.Boot{}, start})
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
