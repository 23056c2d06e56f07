//go:build integration

package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/integration/need"
	"weft/integration/timescale"
	"weft/integration/vm"
)

// binariesVariable names the folder with Weft's programs: inside the virtual machine nothing is built.
const binariesVariable = "WEFT_SCENARIO_BINARIES"

// scenarioLimit is how long one scenario, with all that it repeats one after another, may take inside.
const scenarioLimit = 35 * time.Minute

// machine is where scenarios run whose needs this kernel lacks: virtual machines that are all alike. The first scenario boots them.
type machine struct {
	config   vm.Config
	ctx      context.Context
	binaries string
	chosen   atomic.Int32 // scenarios to be run inside, side by side
	once     sync.Once
	vms      []*vm.Machine
	err      error
}

// userModeHas is what user-mode Linux has of what scenarios need. It boots ten times as fast as QEMU and takes a quarter of the
// processors' time; bridges are left to Debian's standard kernel, which is what hypervisors have.
var userModeHas = []need.Need{need.KernelDatapath, need.NoIPv6}

// userModes is how many user-mode Linux run side by side: each has one processor.
const userModes = 2

// scriptLimit is how long one script may take in user-mode Linux, five times what the longest takes with another beside it.
const scriptLimit = 15 * time.Minute

// userModeScripts is how many scripts run in each at a time: one alone waits a third of its time.
const userModeScripts = 2

// memoryNoIPv6 is enough for one small cloud, in MiB.
const memoryNoIPv6 = 2048

// machineOf is how the virtual machine of a scenario is: a kernel without IPv6 is one that was started without. What measures stays
// with QEMU's two processors: on user-mode Linux's one the programs that repair wait for each other.
func machineOf(s scenario) (c vm.Config) {
	c.Kind = vm.QEMU
	if !s.alone && !slices.ContainsFunc(s.needs, func(n need.Need) bool { return !slices.Contains(userModeHas, n) }) {
		c.Kind = vm.UserMode
	}
	if slices.Contains(s.lacking, need.NoIPv6) {
		c.Kernel, c.Memory = "ipv6.disable=1", memoryNoIPv6
	}
	return c
}

// boot starts the virtual machines. Where user-mode Linux cannot be made or started, QEMU has all that it has.
func (m *machine) boot(log func(string, ...any)) error {
	m.once.Do(func() {
		if m.config.Kind == vm.UserMode {
			err := m.bootUserModes(log)
			if err == nil || m.ctx.Err() != nil {
				m.err = err
				return
			}
			log("user-mode Linux does not come up, QEMU takes its place: %v", err)
			m.config.Kind = vm.QEMU
		}
		c := m.config
		c.Log = log
		var v *vm.Machine
		if v, m.err = vm.Boot(m.ctx, c); m.err == nil {
			m.vms = append(m.vms, v)
		}
	})
	return m.err
}

// bootUserModes starts one user-mode Linux after the other, each for a processor of its own. None is left if one fails.
func (m *machine) bootUserModes(log func(string, ...any)) error {
	for i := range userModes {
		c := m.config
		c.Log, c.Processor = log, i+1
		v, err := vm.Boot(m.ctx, c)
		if err != nil {
			return errors.Join(err, m.end())
		}
		m.vms = append(m.vms, v)
	}
	return nil
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

// run runs a scenario inside: this same program, told to run that one.
func (m *machine) run(t *testing.T, s scenario) {
	if os.Getenv(vm.Variable) != "" {
		t.Fatalf("%s needs %v, which the virtual machine's kernel lacks too", s.name, s.lacking)
	}
	t.Logf("this kernel lacks %v: %s runs in a virtual machine", s.lacking, s.name)
	if err := m.boot(t.Logf); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.ctx, timescale.Bound(scenarioLimit))
	defer cancel()
	if m.config.Kind == vm.UserMode && len(s.repeats) > 0 {
		m.spread(ctx, t, s)
		return
	}
	if err := m.runOne(ctx, m.vms[0], t.Log, s.name, m.sideBySide(s)); err != nil {
		t.Fatal(err)
	}
}

// spread runs what a scenario repeats, each by itself, in whichever virtual machine has room. What one of them says is kept together.
func (m *machine) spread(ctx context.Context, t *testing.T, s scenario) {
	room := make(chan *vm.Machine, userModes*userModeScripts)
	for i := range cap(room) {
		room <- m.vms[i%len(m.vms)]
	}
	var all sync.WaitGroup
	for _, r := range s.repeats {
		v := <-room
		all.Go(func() {
			defer func() { room <- v }()
			var said strings.Builder
			ctx, cancel := context.WithTimeout(ctx, timescale.Bound(scriptLimit))
			defer cancel()
			err := m.runOne(ctx, v, func(line ...any) { fmt.Fprintln(&said, line...) }, s.name+"/"+r, 1)
			t.Log(said.String())
			if errors.Is(err, context.DeadlineExceeded) { // it hangs: what is left for it fails at once
				err = errors.Join(err, v.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// runOne runs a scenario, or one of those that it repeats, in a virtual machine. An error is a failure.
func (m *machine) runOne(ctx context.Context, guest *vm.Machine, log func(...any), name string, sideBySide int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pattern := "^TestScenario$"
	for _, part := range strings.Split(name, "/") {
		pattern += "/^" + regexp.QuoteMeta(part) + "$"
	}
	var out bytes.Buffer
	w := io.MultiWriter(&out, &lineLog{log: func(line string) { log("| " + line) }})
	// Memory is cheap inside and processors are not: the programs collect their garbage less often.
	code, err := guest.Run(ctx, vm.Command{Stage: true, Stdout: w, Stderr: w, Env: []string{binariesVariable + "=" + m.binaries, "GOGC=400"},
		Args: []string{self, "-test.v", "-test.run=" + pattern, "-test.parallel=" + strconv.Itoa(sideBySide),
			"-test.timeout=" + scenarioLimit.String()}})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	// A name that matches nothing is a success for go test.
	if passed := fmt.Sprintf("--- PASS: TestScenario/%s ", name); code != 0 || !strings.Contains(out.String(), passed) {
		return fmt.Errorf("%s did not pass in the virtual machine: exit code %d", name, code)
	}
	return nil
}

// sideBySide is how many scripts of one scenario run at a time under QEMU, so that two run inside: the machine has two processors.
func (m *machine) sideBySide(s scenario) int {
	if s.alone || m.chosen.Load() > 1 {
		return 1
	}
	return 2
}

// TestMachineOf holds which kernel a scenario gets.
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
		{[]need.Need{need.VLANDevice}, false, vm.QEMU, ""},
		{[]need.Need{need.KernelDatapath, need.VLANFiltering}, false, vm.QEMU, ""},
	} {
		if got := machineOf(scenario{needs: c.needs, alone: c.alone, lacking: c.needs}); got.Kind != c.kind || got.Kernel != c.kernel {
			t.Errorf("needs %v: %q with %q, want %q with %q", c.needs, got.Kind, got.Kernel, c.kind, c.kernel)
		}
	}
}

// lineLog hands on whole lines.
type lineLog struct {
	log  func(line string)
	rest []byte
}

func (l *lineLog) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		l.log(string(line))
		l.rest = rest
	}
}
