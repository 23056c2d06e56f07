package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weft/integration/vm/agent"
)

const portTimeout = 30 * time.Second // for the serial port to appear

// server runs what package vm asks for.
type server struct {
	replies *agent.Writer[agent.Reply]
	mu      sync.Mutex
	groups  map[int]int // request → process group
}

// serve answers until package vm closes the connection. line is the connection's device file, if it is not the virtio serial port.
func serve(line []string) error {
	port, err := openLine(line)
	if err != nil {
		return err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("guest: uname: %w", err)
	}
	s := &server{replies: agent.NewWriter[agent.Reply](port), groups: map[int]int{}}
	if err := s.replies.Send(agent.Reply{Hello: &agent.Hello{Release: unix.ByteSliceToString(name.Release[:])}}); err != nil {
		return err
	}
	requests, orders := agent.NewReader(port), newInitLine()
	for {
		var r agent.Request
		if err := requests.Decode(&r); err != nil {
			return fmt.Errorf("guest: the rig is gone: %w", err)
		}
		switch {
		case r.RunFile != "":
			go func() { _ = s.replies.Send(agent.Reply{ID: r.ID, Exit: s.runFile(r.ID, r.RunFile)}) }() // ends with the virtual machine at the latest
		case r.Kill != nil:
			s.kill(r.ID)
		case r.Init != nil:
			go func() { _ = s.replies.Send(agent.Reply{ID: r.ID, Exit: orders.become(*r.Init)}) }()
		}
	}
}

func openLine(line []string) (*os.File, error) {
	if len(line) == 0 {
		return openPort()
	}
	return openRaw(line[0])
}

// openRaw opens a serial line in raw mode: every byte passes unchanged.
func openRaw(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("guest: %w", err)
	}
	raw := &unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL}
	raw.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, raw); err != nil {
		f.Close()
		return nil, fmt.Errorf("guest: %s: %w", path, err)
	}
	return f, nil
}

// openPort opens the serial port to package vm. The kernel names it by its place, and sysfs has the name that QEMU gave it.
func openPort() (*os.File, error) {
	for deadline := time.Now().Add(portTimeout); time.Now().Before(deadline); {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, fmt.Errorf("guest: %w", err)
		}
		for _, n := range names {
			if name, err := os.ReadFile(n); err == nil && strings.TrimSpace(string(name)) == agent.Port {
				return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(n))), os.O_RDWR, 0)
			}
		}
		time.Sleep(10 * time.Millisecond) // sysfs sends events only to udev, which does not run here
	}
	return nil, fmt.Errorf("guest: no serial port %s", agent.Port)
}

// runFile runs the command that a file holds to its end.
func (s *server) runFile(id int, file string) *agent.Exit {
	var r agent.Run
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return &agent.Exit{Error: err.Error()}
	}
	return s.run(id, r)
}

// run runs one command to its end.
func (s *server) run(id int, r agent.Run) *agent.Exit {
	path := r.Args[0]
	if r.Stage {
		staged, err := stage(id, path)
		if err != nil {
			return &agent.Exit{Error: err.Error()}
		}
		defer os.RemoveAll(filepath.Dir(staged))
		path = staged
	}
	cmd := exec.Command(path, r.Args[1:]...)
	cmd.Dir, cmd.Env = r.Dir, r.Env
	cmd.Stdout = output(func(p []byte) error { return s.replies.Send(agent.Reply{ID: id, Stdout: p}) })
	cmd.Stderr = output(func(p []byte) error { return s.replies.Send(agent.Reply{ID: id, Stderr: p}) })
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second // a child that keeps the output open does not delay the answer
	if err := cmd.Start(); err != nil {
		return &agent.Exit{Error: err.Error()}
	}
	s.mu.Lock()
	s.groups[id] = cmd.Process.Pid
	s.mu.Unlock()
	err := cmd.Wait()
	s.mu.Lock()
	delete(s.groups, id)
	s.mu.Unlock()
	return exitOf(cmd, err)
}

func exitOf(cmd *exec.Cmd, err error) *agent.Exit {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return &agent.Exit{Error: err.Error()}
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return &agent.Exit{Code: 128 + int(status.Signal())}
	}
	return &agent.Exit{Code: cmd.ProcessState.ExitCode()}
}

func (s *server) kill(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if group, ok := s.groups[id]; ok {
		_ = syscall.Kill(-group, syscall.SIGKILL) // it may just have ended
	}
}

// output sends what a command writes.
type output func(p []byte) error

func (o output) Write(p []byte) (int, error) { return len(p), o(p) }

// stage copies a program to memory.
func stage(id int, path string) (string, error) {
	dir := fmt.Sprintf("/run/stage/%d", id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(dir, filepath.Base(path)), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return "", err
	}
	return to.Name(), to.Close()
}
