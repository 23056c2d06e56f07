// Command guest is the first process inside a virtual machine of package vm. It makes the machine's files the root, and then
// runs what package vm asks for. Do not run it on a real system.
//
// Invariants: it never returns while the kernel runs. It ends by powering off, unless it became another program. It reaps every
// orphan.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weft/integration/vm/agent"
)

// serveArg says that the program is the second process, which serves. The connection's device file may follow.
const serveArg = "weft-agent"

func main() {
	if len(os.Args) > 0 && os.Args[0] == serveArg {
		if err := serve(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is the first process of the rig's virtual machines and runs nowhere else")
		os.Exit(2)
	}
	if err := first(); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err) // the console, which package vm shows
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) // returns only without the right to do it, which the first process has
}

// first boots. Then it waits for all children, which are its own child and every orphan, until its own child ends.
func first() error {
	boot, err := readBoot()
	if err != nil {
		return err
	}
	if err := loadModules(boot.Modules); err != nil {
		return err
	}
	if err := mountRoot(boot); err != nil {
		return err
	}
	own, its, err := linePair()
	if err != nil {
		return err
	}
	args := []string{serveArg}
	if boot.UserMode {
		args = append(args, agent.UserModeLine)
		if err := coalesceTimers(); err != nil {
			return err
		}
		defer runtime.UnlockOSThread()
	}
	pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2, its.Fd()}})
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	its.Close()
	go become(own) // returns when the agent ends, or earlier
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case ended == pid:
			return fmt.Errorf("the agent ended: status %d", status.ExitStatus())
		}
	}
}

// timerSlack is how much later than asked a sleep in user-mode Linux may end.
const timerSlack = 5 * time.Millisecond

// coalesceTimers lets the sleeps of all programs end late, so that several end at once. Each end is a signal there, and costs as much as
// several system calls. A Go program sleeps for 20 µs again and again while it works. Timers of the kernel itself, such as a queue
// discipline's, stay exact. Every thread inherits the slack from the one that makes it, so the caller's thread makes the second process.
func coalesceTimers() error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack.Nanoseconds()), 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	return nil
}

func readBoot() (agent.Boot, error) {
	var b agent.Boot
	data, err := os.ReadFile(agent.BootFile)
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(data, &b)
}

func loadModules(files []string) error {
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}
