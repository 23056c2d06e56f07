package testbed

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"

	"weft/integration/timescale"
)

// spawner starts every process of a testbed from one thread that lives as long as the testbed. The kernel sends the parent-death
// signal when the thread that forked ends, not when the program ends (prctl(2), PR_SET_PDEATHSIG). Go ends threads that cannot
// switch back to their namespace.
type spawner struct {
	requests chan spawnRequest
	done     chan struct{}
}

type spawnRequest struct {
	cmd       *exec.Cmd
	namespace string // name of the network namespace; empty for the program's own
	reply     chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for r := range s.requests {
			r.reply <- r.start()
		}
	}()
	return s
}

// start starts the command on this thread, whose network namespace it inherits. That costs nothing. `ip netns exec` would be one more
// program for each command, and would also make a mount namespace and another /sys.
func (r spawnRequest) start() error {
	if r.namespace == "" {
		return r.cmd.Start()
	}
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("own network namespace: %w", err)
	}
	defer home.Close()
	there, err := netns.GetFromName(r.namespace)
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", r.namespace, err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", r.namespace, err)
	}
	err = r.cmd.Start()
	if back := netns.Set(home); back != nil {
		// Later commands would run in the wrong namespace.
		panic(fmt.Sprintf("testbed: leave network namespace %s: %v", r.namespace, errors.Join(back, err)))
	}
	return err
}

// start starts the command in the network namespace of that name (the program's own when empty). The command has a process group of its
// own, which is killed with the context and with the program.
func (s *spawner) start(cmd *exec.Cmd, namespace string) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = timescale.Bound(waitDelay)
	r := spawnRequest{cmd, namespace, make(chan error, 1)}
	s.requests <- r
	return <-r.reply
}

// run starts the command and waits for it.
func (s *spawner) run(cmd *exec.Cmd, namespace string) error {
	if err := s.start(cmd, namespace); err != nil {
		return err
	}
	return cmd.Wait()
}

// close ends the thread; nothing may be started afterwards.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}
