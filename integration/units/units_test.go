//go:build integration

package units

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
)

// etcdVariable is the folder of etcd's data. If it is set, this program runs as an etcd.
const etcdVariable = "WEFT_UNITS_ETCD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(etcdVariable); dir != "" {
		if err := serveEtcd(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serveEtcd(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	e, err := etcdserver.Start(ctx, etcdserver.Config{Dir: dir, ClientURL: "http://127.0.0.1:2379"})
	if err != nil {
		return err
	}
	<-ctx.Done()
	e.Close()
	return nil
}

// TestUnits runs a host under systemd. The host boots with a wrong name and without etcd, gets both, connects guests, and its daemons are
// restarted and stopped.
func TestUnits(t *testing.T) {
	h := boot(t, "WEFT_NODE=h2", "WEFT_ETCD_CERT=/run/pki/h1.crt", "WEFT_ETCD_KEY=/run/pki/h1.key")
	h.await("multi-user.target is reached", func() bool { code, _ := h.try("systemctl", "start", "multi-user.target"); return code == 0 })
	h.awaitStatus("weftd", `is for "h1"`)
	h.awaitStatus("weft-controller", "waits for etcd at http://127.0.0.1:2379")
	h.must("cp", h.write("weftd.env", "WEFT_NODE=h1"), "/etc/weft/weftd.env") // without a systemctl command
	h.awaitStatus("weftd", "no node config yet: etcd has not answered")
	h.must("systemctl", "start", "etcd")
	h.must("systemctl", "start", "weftd", "weft-controller") // it waits
	if s := h.property("weftd", "StatusText"); !strings.Contains(s, "nothing for node h1") {
		t.Errorf("weftd is ready, no Host is declared, and it says %q", s)
	}
	h.awaitStatus("weft-controller", "leads")

	h.must("sh", filepath.Join(h.data, "guest.sh"), "web", "tap-web", "fa:16:3e:aa:00:11")
	h.must("sh", filepath.Join(h.data, "guest.sh"), "db", "tap-db", "fa:16:3e:bb:00:11")
	weft := filepath.Join(installed, "weft")
	h.must(weft, "apply", "-f", filepath.Join(h.data, "cloud.yaml"))
	h.must(weft, "wait", "port", "web", "db", "-p", "alpha", "--for=programmed", "--timeout=3m")
	for _, guest := range []string{"web", "db"} {
		h.must("ip", "netns", "exec", guest, "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-s", filepath.Join(h.data, "lease.sh"))
	}
	if s := h.property("weftd", "StatusText"); s != "follows etcd" {
		t.Errorf("weftd has wired guests and says %q", s)
	}
	h.confined()
	before := h.wiring()
	traffic := h.startTraffic("web", "10.1.0.11")
	h.must("systemctl", "restart", "weftd")
	traffic.more()
	h.undisturbed("a restart", before)
	h.must("systemctl", "stop", "weftd")
	traffic.more()
	h.undisturbed("a stop", before)
	traffic.unbroken()
	h.resigns()
	h.quiet()
}

// confined checks that the units confine the daemons as they say, and no further: everybody must see the mounts that weftd makes.
func (h *host) confined() {
	h.Helper()
	weftd, controller := h.property("weftd", "MainPID"), h.property("weft-controller", "MainPID")
	for _, pid := range []string{weftd, controller} {
		status := h.must("cat", "/proc/"+pid+"/status")
		caps := map[string]string{weftd: "0000000000203000", controller: "0000000000000000"}[pid]
		for _, line := range []string{"CapEff:\t" + caps, "CapBnd:\t" + caps, "NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(status, line+"\n") {
				h.Errorf("%s is not in the status of process %s:\n%s", line, pid, status)
			}
		}
	}
	if own, its := h.must("readlink", "/proc/1/ns/mnt"), h.must("readlink", "/proc/"+weftd+"/ns/mnt"); own != its {
		h.Error("weftd has a mount namespace of its own: routers would end with it")
	}
	owner := strings.TrimSpace(h.must("stat", "-c", "%u", "/proc/"+controller))
	if owner == "0" {
		h.Error("weft-controller runs as root")
	}
	want := []string{"755 0 /run/netns", "700 0 /run/weft", "700 0 /var/lib/weft", "700 " + owner + " /run/weft-controller",
		"700 " + owner + " /var/lib/weft-controller/", "600 " + owner + " /var/lib/weft-controller/seen.json"}
	ask := []string{"stat", "-c", "%a %u %n"}
	for _, w := range want {
		ask = append(ask, strings.Fields(w)[2])
	}
	if got := strings.TrimSpace(h.must(ask...)); got != strings.Join(want, "\n") {
		h.Errorf("mode, owner and name:\n%s\nexpected:\n%s", got, strings.Join(want, "\n"))
	}
}

// resigns checks that a controller that is stopped gives up its leadership, and that it does not last until the session ends.
func (h *host) resigns() {
	h.Helper()
	h.must("systemctl", "stop", "weft-controller")
	if keys := h.must("etcdctl", "get", "--prefix", "--keys-only", etcdschema.DefaultRoot+"/v1/election/"); strings.TrimSpace(keys) != "" {
		h.Errorf("somebody leads after the stop: %s", keys)
	}
}

// complaint matches messages of the daemons, or of the Open vSwitch programs that they run.
var complaint = regexp.MustCompile(`level=(?:WARN|ERROR) msg="[^"]*"(?: prefix=\S*)?|.*(?:\|WARN\||\|ERR\||permission denied).*`)

// quiet checks that the journal has warnings only about what was done to the host, and each only once, however long it lasted.
func (h *host) quiet() {
	h.Helper()
	told := map[string]int{}
	for line := range strings.Lines(h.must("journalctl", "--no-pager", "-o", "cat", "-u", "weftd", "-u", "weft-controller")) {
		if said := complaint.FindString(line); said != "" {
			told[said]++
		}
	}
	for line, times := range told {
		switch {
		case times > 1:
			h.Errorf("told %d times: %s", times, line)
		case strings.Contains(line, "following etcd was interrupted"), strings.Contains(line, "cannot keep the liveness key"),
			strings.Contains(line, "report cannot be written"):
		case h.m.TimeScale > 1 && (strings.Contains(line, "cannot follow the ports' configuration") || strings.Contains(line, "flow monitor lost")):
			// An emulated switch takes longer to make a bridge.
		default:
			h.Errorf("what is wrong? %s", line)
		}
	}
}
