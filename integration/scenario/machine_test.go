//go:build integration

package scenario

import (
	"bytes"
	"context"
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

// machine is the virtual machine for scenarios whose needs this kernel lacks. The first of them boots it.
type machine struct {
	config   vm.Config
	ctx      context.Context
	binaries string
	chosen   atomic.Int32 // scenarios to be run inside, side by side
	once     sync.Once
	vm       *vm.Machine
	err      error
}

func (m *machine) boot(log func(string, ...any)) (*vm.Machine, error) {
	m.once.Do(func() { m.vm, m.err = m.start(log) })
	return m.vm, m.err
}

func (m *machine) start(log func(string, ...any)) (*vm.Machine, error) {
	c := m.config
	c.Log = log
	return vm.Boot(m.ctx, c)
}

// memoryNoIPv6 is enough for one small cloud, in MiB.
const memoryNoIPv6 = 2048

// machineOf is how the virtual machine of a scenario is: a kernel without IPv6 is one that was started without.
func machineOf(s scenario) (c vm.Config) {
	if slices.Contains(s.lacking, need.NoIPv6) {
		c.Kernel, c.Memory = "ipv6.disable=1", memoryNoIPv6
	}
	return c
}

// close ends the virtual machine if there is one.
func (m *machine) close() error {
	m.once.Do(func() {})
	if m.vm == nil {
		return nil
	}
	return m.vm.Close()
}

// run runs a scenario inside: this same program, told to run that one.
func (m *machine) run(t *testing.T, s scenario) {
	if os.Getenv(vm.Variable) != "" {
		t.Fatalf("%s needs %v, which the virtual machine's kernel lacks too", s.name, s.lacking)
	}
	t.Logf("this kernel lacks %v: %s runs in a virtual machine", s.lacking, s.name)
	guest, err := m.boot(t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.ctx, timescale.Bound(scenarioLimit))
	defer cancel()
	var out bytes.Buffer
	lines := &lineLog{log: func(line string) { t.Log("| " + line) }}
	w := io.MultiWriter(&out, lines)
	// Memory is cheap inside and processors are not: the programs collect their garbage less often.
	code, err := guest.Run(ctx, vm.Command{Stage: true, Stdout: w, Stderr: w, Env: []string{binariesVariable + "=" + m.binaries, "GOGC=400"},
		Args: []string{self, "-test.v", "-test.run=^TestScenario$/^" + regexp.QuoteMeta(s.name) + "$", "-test.parallel=" + strconv.Itoa(m.sideBySide(s)), "-test.timeout=" + scenarioLimit.String()}})
	if err != nil {
		t.Fatal(err)
	}
	// A name that matches nothing is a success for go test.
	if passed := fmt.Sprintf("--- PASS: TestScenario/%s ", s.name); code != 0 || !strings.Contains(out.String(), passed) {
		t.Fatalf("%s did not pass in the virtual machine: exit code %d", s.name, code)
	}
}

// sideBySide is how many scripts of one scenario run at a time, so that two run inside: the machine has two processors.
func (m *machine) sideBySide(s scenario) int {
	if s.alone || m.chosen.Load() > 1 {
		return 1
	}
	return 2
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
