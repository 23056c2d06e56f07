package bed

import (
	"os/exec"
	"runtime"
	"syscall"

	"weft/integration/timescale"
)

// spawner starts every process of a bed from one thread that lives as long as the bed. The kernel sends the death
// signal when the thread that forked ends, not the program (prctl(2), PR_SET_PDEATHSIG), and Go ends threads that
// changed their namespace.
type spawner struct {
	requests chan spawnRequest
	done     chan struct{}
}

type spawnRequest struct {
	cmd   *exec.Cmd
	reply chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for r := range s.requests {
			r.reply <- r.cmd.Start()
		}
	}()
	return s
}

// start starts the command in a process group of its own that is killed with the context and with the program.
func (s *spawner) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = timescale.Bound(waitDelay)
	r := spawnRequest{cmd, make(chan error, 1)}
	s.requests <- r
	return <-r.reply
}

// run starts the command and waits for it.
func (s *spawner) run(cmd *exec.Cmd) error {
	if err := s.start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// close ends the thread; nothing may be started afterwards.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}
