//go:build integration

package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"weft/integration/testbed"
	"weft/integration/timescale"
)

const keepalivedUsage = "keepalived start guest file | keepalived kill guest | keepalived await guest regexp"

// stateTimeout is how long keepalived may take to reach a state.
const stateTimeout = 30 * time.Second

// keepalived start GUEST FILE: keepalived runs in the guest with this configuration. keepalived kill GUEST: its first process is killed with
// SIGKILL, and the other one has ended too. keepalived await GUEST REGEXP: its log has a line that matches, since its last start.
func keepalived(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "keepalived")
	usage(ts, args, 2, 3, keepalivedUsage)
	w, g := of(ts), guestNamed(ts, args[1])
	p := w.keepalived[args[1]]
	switch {
	case args[0] == "start" && len(args) == 3:
		if p == nil {
			p = g.Keepalived(ts.MkAbs(args[2]))
			w.keepalived[args[1]] = p
			ts.Defer(p.Kill)
		}
		ts.Check(p.Start())
	case args[0] == "kill" && len(args) == 2 && p != nil:
		ts.Check(killFirst(g, p))
	case args[0] == "await" && len(args) == 3 && p != nil:
		ts.Check(awaitLog(p, args[2]))
	default:
		ts.Fatalf("usage: %s", keepalivedUsage)
	}
}

// killFirst kills the first process of keepalived, and waits until the other one has ended too. This one takes the addresses off, because its
// parent has died.
func killFirst(g *testbed.Guest, p *testbed.Process) error {
	pid, err := g.KeepalivedChild()
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d of %s: %w", pid, p.Name, err)
	}
	defer unix.Close(fd)
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.Exited()
	end := time.Now().Add(timescale.Bound(stateTimeout))
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(end).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR) && time.Now().Before(end):
		case err != nil:
			return fmt.Errorf("wait for process %d of %s: %w", pid, p.Name, err)
		case n == 0:
			return fmt.Errorf("process %d of %s still runs", pid, p.Name)
		default:
			return nil
		}
	}
}

// awaitLog waits until the program has written a line that matches, or has ended.
func awaitLog(p *testbed.Process, expression string) error {
	r, err := regexp.Compile(expression)
	if err != nil {
		return err
	}
	end := time.NewTimer(timescale.Bound(stateTimeout))
	defer end.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !r.MatchString(p.Output()) {
		select {
		case <-p.Exited():
			return fmt.Errorf("%s has ended:\n%s", p.Name, p.Output())
		case <-end.C:
			return fmt.Errorf("%s has not written %s:\n%s", p.Name, expression, p.Output())
		case <-look.C:
		}
	}
	return nil
}
