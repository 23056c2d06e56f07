//go:build integration

package scenario

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"weft/integration/need"
	"weft/integration/vm"
)

// machine is a set of equal virtual machines. Scenarios whose needs this kernel lacks run there. The first scenario boots them.
type machine struct {
	config   vm.Config
	ctx      context.Context
	binaries string
	chosen   atomic.Int32 // scripts to be run inside
	once     sync.Once
	room     chan struct{} // one place for each script that may run on the processors at a time; shared by all machines
	vms      []*vm.Machine
	places   chan *vm.Machine // each machine as often as scripts may run in it at a time
	err      error
}

const (
	// userModes is how many user-mode Linux run in parallel. Each has one processor.
	userModes = 2
	// userModeScripts is how many scripts run in each at a time. One script alone waits most of its time. With more than two nothing is
	// gained, because the processor is busy all the time, and each script waits longer for it.
	userModeScripts = 2
	// emulatedScripts is how many run at a time under QEMU, which has two processors.
	emulatedScripts = 2
)

// memoryNoIPv6 is enough for one small cloud, in MiB.
const memoryNoIPv6 = 2048

// machineOf is the configuration of a scenario's virtual machine. For no-ipv6 the kernel is started without IPv6. User-mode Linux has all
// that scenarios need, boots ten times as fast as QEMU and takes a third of its time. Scenarios that measure use QEMU's two processors,
// because on one processor the programs that repair wait for each other.
func machineOf(s scenario) (c vm.Config) {
	c.Kind = vm.UserMode
	if s.alone {
		c.Kind = vm.QEMU
	}
	if slices.Contains(s.lacking, need.NoIPv6) {
		c.Kernel, c.Memory = "ipv6.disable=1", memoryNoIPv6
	}
	return c
}

// boot starts the virtual machines. If user-mode Linux cannot be made or started, QEMU replaces it.
func (m *machine) boot(log func(string, ...any)) error {
	m.once.Do(func() { m.err = m.start(log) })
	return m.err
}

func (m *machine) start(log func(string, ...any)) error {
	scripts := emulatedScripts
	err := errors.ErrUnsupported
	if m.config.Kind == vm.UserMode {
		scripts = userModeScripts
		if err = m.startUserModes(log); err != nil && m.ctx.Err() == nil {
			log("user-mode Linux does not come up, QEMU takes its place: %v", err)
			scripts, m.config.Kind = emulatedScripts, vm.QEMU
		}
	}
	if m.config.Kind == vm.QEMU {
		err = m.startOne(log, 0)
	}
	m.places = make(chan *vm.Machine, scripts*len(m.vms))
	for range scripts {
		for _, v := range m.vms {
			m.places <- v
		}
	}
	return err
}

// startUserModes starts one user-mode Linux after the other, each on a processor of its own, and not more than there are scripts. If one
// fails, none is left.
func (m *machine) startUserModes(log func(string, ...any)) error {
	for i := range min(userModes, int(m.chosen.Load())) {
		if err := m.startOne(log, i+1); err != nil {
			return errors.Join(err, m.end())
		}
	}
	return nil
}

func (m *machine) startOne(log func(string, ...any), processor int) error {
	c := m.config
	c.Log, c.Processor = log, processor
	v, err := vm.Boot(m.ctx, c)
	if err == nil {
		m.vms = append(m.vms, v)
	}
	return err
}

// close ends the virtual machines if there are any.
func (m *machine) close() error {
	m.once.Do(func() {})
	return m.end()
}

func (m *machine) end() error {
	var errs []error
	for _, v := range m.vms {
		errs = append(errs, v.Close())
	}
	m.vms = nil
	return errors.Join(errs...)
}

// TestMachineOf checks which kernel a scenario gets.
func TestMachineOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		needs  []need.Need
		alone  bool
		kind   vm.Kind
		kernel string
	}{
		{[]need.Need{need.KernelDatapath}, false, vm.UserMode, ""},
		{[]need.Need{need.KernelDatapath}, true, vm.QEMU, ""},
		{[]need.Need{need.KernelDatapath, need.NoIPv6}, false, vm.UserMode, "ipv6.disable=1"},
		{[]need.Need{need.VLANDevice}, false, vm.UserMode, ""},
	} {
		if got := machineOf(scenario{needs: c.needs, alone: c.alone, lacking: c.needs}); got.Kind != c.kind || got.Kernel != c.kernel {
			t.Errorf("needs %v: %q with %q, want %q with %q", c.needs, got.Kind, got.Kernel, c.kind, c.kernel)
		}
	}
}
