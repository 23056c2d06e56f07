package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func (m *Machine) console() string { return filepath.Join(m.dir, "console") }

func (m *Machine) consoleTail() string {
	data, err := os.ReadFile(m.console())
	if err != nil {
		return err.Error()
	}
	return tail(string(data), 4000)
}

// startProcess starts the virtual machine's program from a thread that waits for it. The thread must live as long as the program, because
// the kernel sends the parent-death signal when the thread that forked ends (prctl(2), PR_SET_PDEATHSIG). processor pins the program to
// one of the processors that this process may use, counted from 1; 0 allows all.
func (m *Machine) startProcess(cmd *exec.Cmd, processor int) error {
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stderr, &stderr
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	m.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			pin(cmd.Process.Pid, processor)
		}
		started <- err
		if err == nil {
			m.processErr = cmd.Wait()
			if stderr.Len() > 0 {
				m.processErr = errors.Join(m.processErr, errors.New(tail(stderr.String(), 2000)))
			}
		}
		close(m.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	m.process = cmd
	return nil
}

// pin lets a process run on one processor only. If that is not allowed, it runs on any, which is only slower.
func pin(pid, number int) {
	var all, one unix.CPUSet
	if number == 0 || unix.SchedGetaffinity(0, &all) != nil || all.Count() == 0 {
		return
	}
	left := (number - 1) % all.Count()
	for cpu := 0; ; cpu++ {
		if all.IsSet(cpu) {
			if left == 0 {
				one.Set(cpu)
				_ = unix.SchedSetaffinity(pid, &one)
				return
			}
			left--
		}
	}
}

// kill ends the virtual machine's process and waits for it.
func (m *Machine) kill() {
	if m.process == nil {
		return
	}
	_ = m.process.Process.Kill() // it may have ended by itself
	<-m.ended
}

// failure is the error with which the process ended; nil while it runs.
func (m *Machine) failure() error {
	select {
	case <-m.ended:
		name := filepath.Base(m.process.Path)
		if m.processErr == nil {
			return fmt.Errorf("%s ended", name)
		}
		return fmt.Errorf("%s ended: %w", name, m.processErr)
	default:
		return nil
	}
}
