package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weft/integration/timescale"
	"weft/integration/vm/agent"
)

// Command is a program to be run inside a virtual machine. Every file of the machine has the same path there.
type Command struct {
	// Args begin with the program.
	Args []string
	// Env is added to the program's own environment.
	Env []string
	// Dir is the working directory; the program's own when empty.
	Dir string
	// Stage first copies the program to the virtual machine's memory. A large program runs faster from there.
	Stage bool
	// Stdout and Stderr receive what it writes, as it comes; nil discards it.
	Stdout, Stderr io.Writer
}

// Variable is set to 1 in the environment of every program inside a virtual machine.
const Variable = "WEFT_VM"

// pending is a command that has not ended yet.
type pending struct {
	command Command
	done    chan agent.Exit
}

const killTimeout = 30 * time.Second // for a killed command to be gone, inside a slow virtual machine

// Run runs a command and returns its exit code: 128 + the signal's number when a signal ended it. When ctx ends, the
// command's process group is killed. The error is about the virtual machine or the start, never about the exit code.
func (m *Machine) Run(ctx context.Context, c Command) (code int, err error) {
	if len(c.Args) == 0 {
		return 0, errors.New("vm: a command needs a program")
	}
	if c.Dir == "" {
		if c.Dir, err = os.Getwd(); err != nil {
			return 0, fmt.Errorf("vm: %w", err)
		}
	}
	program, err := findProgram(c.Args[0])
	if err != nil {
		return 0, err
	}
	c.Args = append([]string{program}, c.Args[1:]...)
	p := &pending{command: c, done: make(chan agent.Exit, 1)}
	id, err := m.register(p)
	if err != nil {
		return 0, err
	}
	defer m.forget(id)
	file, err := m.runFile(id, agent.Run{Args: c.Args, Env: m.environment(c.Env), Dir: c.Dir, Stage: c.Stage})
	if err != nil {
		return 0, err
	}
	defer os.Remove(file)
	if err := m.requests.Send(agent.Request{ID: id, RunFile: file}); err != nil {
		return 0, fmt.Errorf("vm: %w", err)
	}
	select {
	case exit := <-p.done:
		return m.outcome(c, exit)
	case <-ctx.Done():
	}
	if err := m.requests.Send(agent.Request{ID: id, Kill: &struct{}{}}); err != nil {
		return 0, fmt.Errorf("vm: %s: %w", c.Args[0], errors.Join(ctx.Err(), err))
	}
	select {
	case <-p.done:
	case <-time.After(killTimeout):
		return 0, fmt.Errorf("vm: %s: %w, and it cannot be killed", c.Args[0], ctx.Err())
	}
	return 0, fmt.Errorf("vm: %s: %w", c.Args[0], ctx.Err())
}

// runFile puts the command where the first process reads it.
func (m *Machine) runFile(id int, r agent.Run) (string, error) {
	text, err := json.Marshal(r)
	file := filepath.Join(m.Share, fmt.Sprintf(".run-%d", id))
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("vm: %w", err)
	}
	return file, nil
}

// findProgram finds a program as a shell does. It searches on the machine, because every file of the machine is inside too.
func findProgram(name string) (string, error) {
	if strings.Contains(name, "/") {
		return filepath.Abs(name)
	}
	for _, dir := range filepath.SplitList(searchPath()) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("vm: there is no program %s in %s", name, searchPath())
}

func (m *Machine) outcome(c Command, exit agent.Exit) (int, error) {
	m.mu.Lock()
	lost := m.lost
	m.mu.Unlock()
	switch {
	case exit.Code == codeLost:
		return 0, fmt.Errorf("vm: %s: %w; the virtual machine's console:\n%s", c.Args[0], lost, m.consoleTail())
	case exit.Error != "":
		return 0, fmt.Errorf("vm: %s: %s", c.Args[0], exit.Error)
	}
	return exit.Code, nil
}

// codeLost is the exit code of a command whose virtual machine is gone.
const codeLost = -1

func (m *Machine) register(p *pending) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost != nil {
		return 0, m.lost
	}
	m.last++
	m.runs[m.last] = p
	return m.last, nil
}

func (m *Machine) forget(id int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.runs, id)
}

// read passes replies to their commands until the virtual machine is gone.
func (m *Machine) read(replies *json.Decoder) {
	for {
		var r agent.Reply
		if err := replies.Decode(&r); err != nil {
			m.lose(fmt.Errorf("the virtual machine is gone: %w", err))
			return
		}
		m.mu.Lock()
		p := m.runs[r.ID]
		m.mu.Unlock()
		if p == nil {
			continue // nobody waits for it any more
		}
		write(p.command.Stdout, r.Stdout)
		write(p.command.Stderr, r.Stderr)
		if r.Exit != nil {
			p.done <- *r.Exit
		}
	}
}

func write(w io.Writer, data []byte) {
	if w != nil && len(data) > 0 {
		_, _ = w.Write(data) // if the writer fails, the output is lost; the command continues
	}
}

// lose ends every wait.
func (m *Machine) lose(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = why
	for _, p := range m.runs {
		select {
		case p.done <- agent.Exit{Code: codeLost}:
		default: // it has ended already
		}
	}
}

// environment is the program's own environment, with more variables and without those that are different inside.
func (m *Machine) environment(more []string) []string {
	own := []string{"TMPDIR=" + agent.ScratchFolder, "PATH=" + searchPath(), Variable + "=1"}
	if os.Getenv(timescale.Variable) == "" {
		own = append(own, timescale.Variable+"="+strconv.FormatFloat(m.TimeScale, 'g', -1, 64))
	}
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if name != "TMPDIR" && name != "PATH" && name != Variable && name != "NOTIFY_SOCKET" {
			env = append(env, e)
		}
	}
	return append(append(env, own...), more...)
}
