package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// statusFile is the descriptor on which a holder reports that the show is over.
const statusFile = 3

// detach runs the demo in a process of its own that outlives this one and keeps the cloud, because the cloud's programs die with their
// parent. It returns when the show is over, with the demo's exit code.
func detach(binaries string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	cmd := exec.Command(self, "-holder", "-bin", binaries)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	w.Close()
	go func() {
		for range signals {
			cmd.Process.Signal(syscall.SIGTERM) // it removes what it made and ends
		}
	}()
	var status [1]byte
	if _, err := io.ReadFull(r, status[:]); err != nil {
		cmd.Wait() // it ended without keeping anything, and has said why
		return 1
	}
	return int(status[0])
}

// keepStatusFile makes sure that no program of the testbed holds the parent's pipe open.
func keepStatusFile() { syscall.CloseOnExec(statusFile) }

// release reports the result to the waiting parent and gives up its terminal.
func release(held bool) {
	status := []byte{1}
	if held {
		status[0] = 0
	}
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		syscall.Dup2(int(null.Fd()), 1)
		syscall.Dup2(int(null.Fd()), 2)
		null.Close()
	}
	f := os.NewFile(statusFile, "status")
	f.Write(status)
	f.Close()
}

// whatToTry prints commands to look around, and the command that removes everything.
func (s *show) whatToTry(w io.Writer, binaries string) {
	bin, err := filepath.Abs(binaries)
	if err != nil {
		bin = binaries
	}
	b, h1 := s.testbed, s.testbed.Hosts()[0]
	ctl := "ip netns exec " + b.Control().Name
	fmt.Fprintf(w, `
It is still up. Try:
  export WEFT_ENDPOINTS=%[1]s
  %[2]s %[3]s/weft get ports -o wide --project alpha
  %[2]s %[3]s/weft status
  %[2]s env ETCDCTL_API=3 etcdctl --endpoints %[1]s get --prefix /weft/v1/desired/h1/
  ip netns exec %[4]s-g-alpha-web ping 10.0.0.12
  OVS_RUNDIR=%[5]s ovs-ofctl dump-flows br-int
  OVS_RUNDIR=%[5]s ovs-ofctl del-flows br-int       # it heals
Take it down:
  kill %[6]d
`, b.Etcd().Endpoint(), ctl, bin, b.ID, h1.OVS.Dir, os.Getpid())
}
