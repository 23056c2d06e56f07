package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"weft/integration/timescale"
)

const (
	waitDelay   = 2 * time.Second  // for a killed process's pipes to close
	stopTimeout = 10 * time.Second // for a process to end after SIGTERM
)

// Process is a long-running program in one of the testbed's namespaces. It may be killed and started again.
type Process struct {
	// Name is unique in the testbed ("weftd h1") and names the log.
	Name string

	testbed *Testbed
	ns      *Namespace
	path    string
	args    []string
	env     []string
	log     string
	mu      sync.Mutex
	cmd     *exec.Cmd
	at      time.Time     // of the last start
	from    int64         // length of the log then
	done    chan struct{} // closed when cmd has been waited for
	err     error
}

// process registers a program without starting it. env is added to the testbed's own environment.
func (b *Testbed) process(name string, ns *Namespace, env []string, path string, args ...string) *Process {
	p := &Process{Name: name, testbed: b, ns: ns, path: path, args: args, env: env,
		log: filepath.Join(b.Dir, fileName(name)+".log")}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.procs = append(b.procs, p)
	return p
}

// setArgs changes what the program is started with next.
func (p *Process) setArgs(args ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.args = args
}

// Start starts the program; its output is appended to its log. It is an error if it runs.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return fmt.Errorf("testbed: %s runs already", p.Name)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("testbed: %s: %w", p.Name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(p.testbed.ctx, p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	p.at, p.from = time.Now(), 0
	if info, err := log.Stat(); err == nil {
		p.from = info.Size()
	}
	if err := p.testbed.spawn.start(cmd, p.ns.Name); err != nil {
		return fmt.Errorf("testbed: start %s: %w", p.Name, err)
	}
	p.cmd, p.done, p.err = cmd, make(chan struct{}), nil
	go func(done chan struct{}) {
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(done)
	}(p.done)
	p.testbed.logf("started %s", p.Name)
	return nil
}

func (p *Process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Running says whether the program runs.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running()
}

// Exited is closed when the program that runs now has ended; it is nil before the first start.
func (p *Process) Exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Kill ends the program with SIGKILL and waits until it is gone. It does nothing when none runs.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop ends the program with SIGTERM and waits; it is an error if it has to be killed.
func (p *Process) Stop() error {
	if p.end(syscall.SIGTERM) {
		return nil
	}
	p.Kill()
	return fmt.Errorf("testbed: %s did not end within %v of SIGTERM", p.Name, timescale.Bound(stopTimeout))
}

// Signal sends the running program a signal.
func (p *Process) Signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return fmt.Errorf("testbed: %s does not run", p.Name)
	}
	return syscall.Kill(p.cmd.Process.Pid, s)
}

func (p *Process) end(s syscall.Signal) bool {
	p.mu.Lock()
	if !p.running() {
		p.mu.Unlock()
		return true
	}
	pid, done := p.cmd.Process.Pid, p.done
	p.mu.Unlock()
	err := syscall.Kill(-pid, s)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		p.testbed.logf("%s: signal: %v", p.Name, err)
	}
	select {
	case <-done:
		p.testbed.logf("ended %s with %s", p.Name, s)
		return true
	case <-time.After(timescale.Bound(stopTimeout)):
		return false
	}
}

// Started is when the program was last started.
func (p *Process) Started() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// Pid is the process id of the running program, or 0.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Output is what the program has written since its last start.
func (p *Process) Output() string {
	data, err := os.ReadFile(p.log)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || int64(len(data)) < p.from {
		return ""
	}
	return string(data[p.from:])
}

// Tail is the end of the program's log, at most n bytes.
func (p *Process) Tail(n int) string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	if len(data) > n {
		data = data[len(data)-n:]
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	return string(data)
}

// alive waits until ready returns true, the program ends, or ctx ends. It polls ready every few milliseconds, because its callers have no
// event to wait for.
func (p *Process) alive(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(startTimeout))
	defer cancel()
	exited := p.Exited()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-exited:
			return fmt.Errorf("testbed: %s ended at once:\n%s", p.Name, p.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("testbed: %s is not ready: %w\n%s", p.Name, ctx.Err(), p.Tail(2000))
		case <-tick.C:
		}
	}
	return nil
}

const startTimeout = 30 * time.Second

// Processes lists the testbed's long-running programs in the order in which they were made.
func (b *Testbed) Processes() []*Process {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*Process(nil), b.procs...)
}

// Process finds a program by name.
func (b *Testbed) Process(name string) (*Process, error) {
	for _, p := range b.Processes() {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("testbed: no process %q", name)
}
