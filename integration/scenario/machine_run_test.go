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
	"strings"
	"sync"
	"testing"
	"time"

	"weft/integration/vm"
)

// binariesVariable names the folder with Weft's programs, because nothing is built inside the virtual machine.
const binariesVariable = "WEFT_SCENARIO_BINARIES"

const (
	// machineLimit is how long one scenario, with all that it repeats, may take, including the wait for a virtual machine.
	machineLimit = 60 * time.Minute
	// scriptLimit is how long one script may take inside. It is five times what the longest takes beside others.
	scriptLimit = 15 * time.Minute
)

// run runs a scenario inside. Each scenario that it repeats is a subtest and runs by itself, in any virtual machine that has room. A
// scenario that is alone runs as a whole, one script after the other.
func (m *machine) run(t *testing.T, s scenario) {
	if os.Getenv(vm.Variable) != "" {
		t.Fatalf("%s needs %v, which the virtual machine's kernel lacks too", s.name, s.lacking)
	}
	t.Logf("this kernel lacks %v: %s runs in a virtual machine", s.lacking, s.name)
	if err := m.boot(t.Logf); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.ctx, machineLimit)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, name := range s.inside() {
		select {
		case v := <-m.places:
			all.Go(func() {
				defer func() { m.places <- v }()
				m.room <- struct{}{}
				defer func() { <-m.room }()
				_, repeated, ok := strings.Cut(name, "/")
				if !ok {
					m.runIn(ctx, t, v, name)
					return
				}
				t.Run(repeated, func(t *testing.T) { m.runIn(ctx, t, v, name) })
			})
		case <-ctx.Done():
			t.Errorf("%s did not begin: %v", name, ctx.Err())
		}
	}
}

// inside are the names of a scenario's tests inside a virtual machine.
func (s scenario) inside() []string {
	if s.alone || len(s.repeats) == 0 {
		return []string{s.name}
	}
	var names []string
	for _, r := range s.repeats {
		names = append(names, s.name+"/"+r)
	}
	return names
}

// runIn runs one script. Its output is logged in one piece.
func (m *machine) runIn(ctx context.Context, t *testing.T, v *vm.Machine, name string) {
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	var said strings.Builder
	err := m.runTest(ctx, v, &said, name)
	t.Log(said.String())
	if errors.Is(err, context.DeadlineExceeded) { // the virtual machine hangs: what is left for it fails at once
		err = errors.Join(err, v.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

// runTest runs this same program, told to run one test. An error is a failure.
func (m *machine) runTest(ctx context.Context, v *vm.Machine, said *strings.Builder, name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pattern := "^TestScenario$"
	for _, part := range strings.Split(name, "/") {
		pattern += "/^" + regexp.QuoteMeta(part) + "$"
	}
	var out bytes.Buffer
	w := io.MultiWriter(&out, &lineLog{log: func(line string) { fmt.Fprintln(said, "| "+line) }})
	// Inside there is more memory than processor time, so the programs collect garbage less often.
	code, err := v.Run(ctx, vm.Command{Stage: true, Stdout: w, Stderr: w, Env: []string{binariesVariable + "=" + m.binaries, "GOGC=400"},
		Args: []string{self, "-test.v", "-test.run=" + pattern, "-test.parallel=1", "-test.timeout=" + scriptLimit.String()}})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	// For go test, a name that matches nothing is a success.
	if passed := fmt.Sprintf("--- PASS: TestScenario/%s ", name); code != 0 || !strings.Contains(out.String(), passed) {
		return fmt.Errorf("%s did not pass in the virtual machine: exit code %d", name, code)
	}
	return nil
}

// lineLog logs whole lines.
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
