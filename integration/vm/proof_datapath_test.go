//go:build integration

package vm

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"weft/integration/need"
)

// proveKernelDatapath sends TCP from one guest to another through a flow of Open vSwitch's kernel datapath. Both keep their checksum
// offload.
func proveKernelDatapath(t *testing.T) {
	namespaces(t, "oh", "oa", "ob")
	plug(t, "oa", "10.0.0.1", "oh")
	plug(t, "ob", "10.0.0.2", "oh")
	ovs := startSwitch(t, "oh")
	ovs("ovs-vsctl", "--timeout=60", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=system", "fail_mode=secure",
		"--", "add-port", "br0", "oa", "--", "add-port", "br0", "ob")
	ovs("ovs-ofctl", "add-flow", "br0", "in_port=oa,actions=output:ob")
	ovs("ovs-ofctl", "add-flow", "br0", "in_port=ob,actions=output:oa")
	wantPing(t, "oa", "10.0.0.2", true)
	server := exec.CommandContext(t.Context(), "ip", "netns", "exec", "ob", "iperf3", "--server", "--one-off", "--bind", "10.0.0.2",
		"--forceflush")
	says, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := launch(t, server)
	awaitLine(t, says, "listening")
	do(t, "ip", "netns", "exec", "oa", "iperf3", "--client", "10.0.0.2", "--bytes", "10M")
	if err := ended(); err != nil {
		t.Errorf("iperf3's server: %v", err)
	}
	if out := ovs("ovs-appctl", "-t", "vswitchd.ctl", "dpctl/dump-flows", "system@ovs-system"); !strings.Contains(out, "eth_type(0x0800)") {
		t.Errorf("the kernel has no flow for what was sent:\n%s", out)
	}
}

// startSwitch starts Open vSwitch's daemons in a namespace. The returned function runs its tools there.
func startSwitch(t *testing.T, ns string) func(args ...string) string {
	t.Helper()
	dir := t.TempDir()
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "ip", append([]string{"netns", "exec", ns}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir, "OVS_DBDIR="+dir, "OVS_SYSCONFDIR="+dir)
		return cmd
	}
	tool := func(args ...string) string {
		t.Helper()
		if strings.HasSuffix(args[0], "appctl") {
			args[2] = filepath.Join(dir, args[2])
		}
		out, err := inside(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	tool("ovsdb-tool", "create", filepath.Join(dir, "conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	// A daemon with --detach returns once it listens.
	daemon := func(control string, args ...string) {
		tool(append(args, "--unixctl="+filepath.Join(dir, control), "--no-chdir", "--detach", "--pidfile", "-vconsole:warn", "-vsyslog:off")...)
		t.Cleanup(func() {
			exit := exec.Command("ovs-appctl", "--timeout=60", "-t", filepath.Join(dir, control), "exit")
			if out, err := exit.CombinedOutput(); err != nil {
				t.Errorf("%s does not end: %v: %s", args[0], err, out)
			}
		})
	}
	socket := "unix:" + filepath.Join(dir, "db.sock")
	daemon("ovsdb.ctl", "ovsdb-server", filepath.Join(dir, "conf.db"), "--remote=p"+socket)
	tool("ovs-vsctl", "--no-wait", "init")
	if err := need.AwaitVswitchd(t.Context()); err != nil {
		t.Fatal(err)
	}
	daemon("vswitchd.ctl", "ovs-vswitchd", socket)
	return tool
}

// launch starts a command. It is gone when the test ends.
func launch(t *testing.T, cmd *exec.Cmd) (wait func() error) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	done := make(chan struct{})
	var err error
	go func() {
		err = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() { <-done }) // the test's context has ended, and killed it
	return func() error {
		<-done
		return err
	}
}

// awaitLine reads a program's output until a line contains the words. The output after that must fit into the pipe.
func awaitLine(t *testing.T, says io.Reader, words string) {
	t.Helper()
	lines := bufio.NewScanner(says)
	for lines.Scan() {
		if strings.Contains(lines.Text(), words) {
			return
		}
	}
	t.Fatalf("the program ended before it said %q: %v", words, lines.Err())
}
