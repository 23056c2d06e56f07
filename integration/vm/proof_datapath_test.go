//go:build integration

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weft/integration/need"
)

// proveKernelDatapath carries TCP from one guest to another through a flow of Open vSwitch's kernel datapath; both keep
// their checksum offload.
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
	server := background(t, "ip", "netns", "exec", "ob", "iperf3", "--server", "--one-off", "--bind", "10.0.0.2")
	awaitTrue(t, "iperf3 listens", func() bool {
		out, err := try(t, "ip", "netns", "exec", "ob", "ss", "-Hltn", "sport", "=", ":5201")
		return err == nil && out != ""
	})
	do(t, "ip", "netns", "exec", "oa", "iperf3", "--client", "10.0.0.2", "--bytes", "10M")
	if err := server(); err != nil {
		t.Errorf("iperf3's server: %v", err)
	}
	if out := ovs("ovs-appctl", "-t", "vswitchd.ctl", "dpctl/dump-flows", "system@ovs-system"); !strings.Contains(out, "eth_type(0x0800)") {
		t.Errorf("the kernel has no flow for what was sent:\n%s", out)
	}
}

// startSwitch starts Open vSwitch's daemons in a namespace; the function returned runs its tools there.
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
	daemon := func(control string, args ...string) {
		cmd := inside(append(args, "--unixctl="+filepath.Join(dir, control), "--no-chdir", "-vconsole:warn", "-vsyslog:off")...)
		launch(t, cmd)
		awaitTrue(t, args[0]+" answers", func() bool {
			return inside("ovs-appctl", "-t", filepath.Join(dir, control), "version").Run() == nil
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

// background starts a command; the function returned waits for its end.
func background(t *testing.T, name string, args ...string) func() error {
	t.Helper()
	return launch(t, exec.CommandContext(t.Context(), name, args...))
}

// launch starts a command that is gone when the test is.
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

// awaitTrue asks until it is so: daemons tell nobody that they listen.
func awaitTrue(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
