package ovstest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// daemon is one child process in the foreground. "ip netns exec" replaces itself by the program, so the process is the daemon
// itself.
type daemon struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process was waited for
}

func (h *Host) daemon(name string, args ...string) (*daemon, error) {
	log, err := os.OpenFile(h.path(name+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	argv := append([]string{"netns", "exec", h.Namespace, name}, args...)
	argv = append(argv, "--unixctl="+h.path(name+".ctl"), "--pidfile="+h.path(name+".pid"), "--no-chdir",
		"-vconsole:off", "-vsyslog:off", "-vfile:info", "--log-file="+h.path(name+".log"))
	cmd := exec.Command("ip", argv...)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.environ(), log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	d := &daemon{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		_ = cmd.Wait()
	}()
	return d, nil
}

// answers waits until the daemon listens on the socket. Nothing announces that, so it asks again and again.
func (d *daemon) answers(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-d.done:
			return fmt.Errorf("%s ended: %s", d.cmd.Args[4], d.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", d.cmd.Args[4], socket, err)
		case <-tick.C:
		}
	}
}

// kill ends the process and waits for it. A nil daemon has already ended.
func (d *daemon) kill() {
	if d == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	<-d.done
}
