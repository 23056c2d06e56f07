//go:build integration

package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/need"
	"weft/integration/testbed"
)

func TestMain(m *testing.M) {
	testbed.Child()
	os.Exit(withPrograms(m))
}

// withPrograms builds Weft's programs for all tests, unless they exist already.
func withPrograms(m *testing.M) int {
	if os.Getenv(binariesVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "weft-scenario-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = errors.Join(testbed.Build(context.Background(), dir, false), os.Setenv(binariesVariable, dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// interruptible is a context that ends with the test, or when the program is told to end.
func interruptible(t *testing.T) context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	return ctx
}

// divided returns the scenarios of the folder: those that this kernel can run, and those whose needs it lacks.
func divided(t *testing.T) (here, elsewhere []scenario) {
	t.Helper()
	all, err := scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.lacking, err = need.Lacking(s.needs); err != nil {
			t.Fatal(err)
		}
		if len(s.lacking) > 0 {
			elsewhere = append(elsewhere, s)
		} else {
			here = append(here, s)
		}
	}
	return here, elsewhere
}

// TestMachineScenario runs the scenarios whose needs this kernel lacks, each as a subtest with its name. It has one virtual machine, or a
// few equal ones, for each kind of kernel and command line. It ends before TestScenario begins, so that neither disturbs the other.
func TestMachineScenario(t *testing.T) {
	_, elsewhere := divided(t)
	ctx := interruptible(t)
	machines := map[[2]string]*machine{} // by kind and the kernel's command line
	room := make(chan struct{}, userModes*userModeScripts)
	t.Cleanup(func() {
		for _, m := range machines {
			if err := m.close(); err != nil {
				t.Error(err)
			}
		}
	})
	for _, s := range elsewhere {
		c := machineOf(s)
		if s.alone { // nothing else runs at that time, or in that machine
			t.Run(s.name, func(t *testing.T) {
				runAlone(t, &machine{config: c, ctx: ctx, room: room, binaries: os.Getenv(binariesVariable)}, s)
			})
			continue
		}
		key := [2]string{string(c.Kind), c.Kernel}
		m := machines[key]
		if m == nil {
			m = &machine{config: c, ctx: ctx, room: room, binaries: os.Getenv(binariesVariable)}
			machines[key] = m
		}
		t.Run(s.name, func(t *testing.T) {
			m.chosen.Add(int32(len(s.inside())))
			t.Parallel() // it begins when all are chosen
			m.run(t, s)
		})
	}
}

func runAlone(t *testing.T, m *machine, s scenario) {
	t.Cleanup(func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	})
	m.run(t, s)
}

// TestScenario runs every other scenario of the folder, each as a subtest with its name.
func TestScenario(t *testing.T) {
	here, _ := divided(t)
	r := runner{ctx: interruptible(t), binaries: os.Getenv(binariesVariable)}
	var plain []string
	for _, s := range here {
		if len(s.needs) > 0 || len(s.repeats) > 0 || s.bridge {
			r.special(t, s)
		} else {
			plain = append(plain, s.file)
		}
	}
	r.scripts(t, plain, testbed.DatapathUser)
}

// runner runs scripts on this kernel.
type runner struct {
	ctx      context.Context
	binaries string
}

// special runs a scenario whose first lines say how to run it.
func (r runner) special(t *testing.T, s scenario) {
	datapath := testbed.DatapathUser
	if slices.Contains(s.needs, need.KernelDatapath) {
		datapath = testbed.DatapathKernel
	}
	if s.bridge {
		datapath = testbed.DatapathBridge
	}
	if len(s.repeats) == 0 {
		r.scripts(t, s.scripts(), datapath)
		return
	}
	t.Run(s.name, func(t *testing.T) { r.scripts(t, s.scripts(), datapath) })
}

func (r runner) scripts(t *testing.T, files []string, datapath testbed.Datapath) {
	testscript.Run(t, testscript.Params{
		Files:              files,
		Setup:              func(e *testscript.Env) error { return setup(r.ctx, e, r.binaries, datapath) },
		Cmds:               commands(),
		Condition:          holds(datapath),
		RequireUniqueNames: true,
	})
}

// world is what one scenario has: its testbed, and what runs beside the script.
type world struct {
	testbed  *testbed.Testbed
	streams  map[string]*testbed.Stream
	captures map[string]*testbed.Capture
	// allocators are control planes that run in this program.
	allocators map[string]*allocator
	loads      map[string]*load
	// transfers are the measurements that run; transferred is how many there were.
	transfers   map[string]*transfer
	transferred int
	// connections and tables are what the commands connect and forwarding started.
	connections map[string]*testbed.Connection
	keepalived  map[string]*testbed.Process // by guest
	agents      map[string]*testbed.Process // by guest
	tables      map[string]*testbed.ForwardingTable
	repaired    map[string]map[string]uint64 // node → driver → counter before the last damage
	ended       ended
	damaged     map[string]time.Time // node → when
}

type worldKey struct{}

func setup(ctx context.Context, e *testscript.Env, binaries string, datapath testbed.Datapath) error {
	if err := os.CopyFS(e.WorkDir, os.DirFS("common")); err != nil {
		return err
	}
	if datapath == testbed.DatapathBridge {
		if err := declareBridges(e.WorkDir); err != nil {
			return err
		}
	}
	b, err := testbed.New(ctx, testbed.Config{Binaries: binaries, Datapath: datapath})
	if err != nil {
		return err
	}
	w := &world{testbed: b, allocators: map[string]*allocator{}, streams: map[string]*testbed.Stream{}, captures: map[string]*testbed.Capture{}, loads: map[string]*load{},
		transfers: map[string]*transfer{}, connections: map[string]*testbed.Connection{}, keepalived: map[string]*testbed.Process{},
		agents: map[string]*testbed.Process{}, tables: map[string]*testbed.ForwardingTable{}, repaired: map[string]map[string]uint64{}, damaged: map[string]time.Time{}}
	e.Values[worldKey{}] = w
	e.Defer(func() {
		if t, ok := e.T().(interface{ Failed() bool }); ok && t.Failed() {
			e.T().Log(w.logs())
		}
		for _, s := range w.streams {
			s.Stop()
		}
		for _, c := range w.captures {
			c.Stop()
		}
		for _, l := range w.loads {
			l.stop()
		}
		for _, x := range w.transfers {
			x.stop()
		}
		for _, t := range w.tables {
			t.Stop()
		}
		for _, a := range w.allocators {
			if err := a.end(); err != nil {
				e.T().Log(err)
			}
		}
		if err := b.Close(); err != nil {
			e.T().Fatal(err)
		}
	})
	return nil
}

// logs is the end of every program's log, to help find the cause of a failure.
func (w *world) logs() string {
	var s strings.Builder
	for _, p := range w.testbed.Processes() {
		if tail := p.Tail(6000); tail != "" {
			fmt.Fprintf(&s, "--- %s\n%s", p.Name, tail)
		}
	}
	return s.String()
}
