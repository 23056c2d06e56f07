//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/model"
	"weft/model/desired"
)

func TestMain(m *testing.M) {
	testbed.Child()
	os.Exit(m.Run())
}

const (
	hostUID    = "00000009-0000-4000-8000-000000000001"
	networkUID = "00000001-0000-4000-8000-000000000001"
)

// node is one host with a weftd. The test writes its node config by hand.
type node struct {
	*testbed.Testbed
	host       *testbed.Host
	digest     etcdschema.SetDigest
	generation int64
	revision   int64
}

func newNode(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "weft/cmd/weftd", "weft/integration/testbed/leasescript")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := testbed.New(t.Context(), testbed.Config{Binaries: dir, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Testbed: b}
	t.Cleanup(func() {
		if n.host != nil && t.Failed() {
			t.Log(n.host.Weftd.Tail(60))
		}
		if n.host != nil {
			start := time.Now()
			if err := n.host.Weftd.Stop(); err != nil {
				t.Error(err)
			}
			t.Logf("weftd ended in %s", time.Since(start).Round(time.Millisecond))
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	if n.host, err = b.AddHost("h1", testbed.HostOptions{}); err != nil {
		t.Fatal(err)
	}
	return n
}

// put writes items and the head as the controllers do.
func (n *node) put(t *testing.T, items ...desired.Item) {
	t.Helper()
	txn := etcdschema.NewTxn()
	for _, it := range items {
		key := etcdschema.DesiredKey("h1", it.Key())
		value, err := etcdschema.Encode(it)
		if err != nil {
			t.Fatal(err)
		}
		old, there, err := n.Etcd().Client().Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if there {
			n.digest.Remove(key, old.Value)
		}
		n.digest.Add(key, value)
		txn.Put(key, value)
	}
	n.generation++
	txn.Put(etcdschema.HeadKey("h1"), n.digest.Head(n.generation))
	revision, _, err := n.Etcd().Client().Commit(t.Context(), txn)
	if err != nil {
		t.Fatal(err)
	}
	n.revision = revision
}

// processed waits until the node has processed what was written, without exceptions.
func (n *node) processed(t *testing.T) etcdschema.NodeReport {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := n.AwaitReport(ctx, "h1", "processed without exceptions", func(r etcdschema.NodeReport) bool {
		return r.ProcessedRevision >= n.revision && r.Exceptions == 0
	})
	if err != nil {
		out, _ := n.Etcdctl(t.Context(), "get", "--prefix", "/weft/v1/actual/")
		t.Fatalf("%v\n%s\nplan:\n%s", err, out, n.debug(t, "plan"))
	}
	return r
}

// debug asks weftd's debug socket.
func (n *node) debug(t *testing.T, path string) string {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", n.host.Debug)
		}}}
	resp, err := client.Get("http://weftd/" + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func addr(s string) model.Address { return model.Address{Addr: netip.MustParseAddr(s)} }

func port(i int) *desired.Port {
	return &desired.Port{UID: fmt.Sprintf("%08x-0000-4000-8000-000000000002", 0x200+i), Project: "alpha", Name: fmt.Sprint("web-", i),
		Network: networkUID, MAC: model.MAC{0xfa, 0x16, 0x3e, 0, 0, byte(i)}, Device: fmt.Sprint("tap", i),
		Addresses:   []model.Address{addr(fmt.Sprintf("10.0.0.%d", 10+i)), addr(fmt.Sprintf("2001:db8::%d", 10+i))},
		InterfaceID: fmt.Sprintf("%08x-0000-4000-8000-000000000002", 0x200+i), Hostname: fmt.Sprint("web-", i), State: desired.StateActive}
}

func base() []desired.Item {
	return []desired.Item{
		&desired.Host{UID: hostUID, Name: "h1", Driver: model.DriverOVS, Bridge: "br-int",
			Uplinks: []desired.Uplink{{PhysicalNetwork: "physnet1", Interface: "eth1", MTU: 1500}}},
		&desired.Network{UID: networkUID, Project: "alpha", Name: "blue", Type: model.NetworkTypeVLAN, PhysicalNetwork: "physnet1",
			SegmentationID: 101, MTU: 1500, DHCP: desired.DHCP{MTU: 1500, LeaseSeconds: 3600, Domain: "alpha.example"},
			Subnets: []desired.Subnet{
				{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("10.0.0.0/24")}, DHCPServer: addr("10.0.0.2")},
				{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("2001:db8::/64")}},
			}},
	}
}

func guest(t *testing.T, n *node, i int) *testbed.Guest {
	t.Helper()
	g, err := n.AddGuest(fmt.Sprint("alpha/web-", i), testbed.GuestOptions{Host: "h1", Device: fmt.Sprint("tap", i), MAC: fmt.Sprintf("fa:16:3e:00:00:%02x", i)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestSliceToLease follows one node config from etcd to guests with leases of both families, and through a restart of weftd.
func TestSliceToLease(t *testing.T) {
	n := newNode(t)
	g1, g2 := guest(t, n, 1), guest(t, n, 2)
	n.put(t, append(base(), port(1), port(2))...)
	n.processed(t)
	for i, g := range []*testbed.Guest{g1, g2} {
		e, err := g.Lease(t.Context(), testbed.Udhcpc, "")
		if err != nil {
			t.Fatalf("%v\ncompiled: %s", err, n.debug(t, "compiled"))
		}
		t.Logf("guest %d: %+v", i+1, e)
	}
	if err := g1.Ping(t.Context(), "10.0.0.12", 2); err != nil {
		t.Error(err)
	}
	if err := testbed.TCP(t.Context(), g1, g2, "10.0.0.12", 1<<20); err != nil {
		t.Error(err)
	}
	if e, err := g1.Lease(t.Context(), testbed.Dhclient6, ""); err != nil {
		t.Error(err)
	} else {
		t.Logf("guest 1: %+v", e)
	}
	if p := n.debug(t, "plan"); p != "nothing to do\n" {
		t.Errorf("a second plan is not empty:\n%s", p)
	}
	n.restartsWithoutWriting(t)
	if err := g1.Ping(t.Context(), "10.0.0.12", 2); err != nil {
		t.Error(err)
	}
	t.Log(n.debug(t, "metrics"))
}

// restartsWithoutWriting kills weftd and checks that the next one adopts everything.
func (n *node) restartsWithoutWriting(t *testing.T) {
	t.Helper()
	n.host.Weftd.Kill()
	before := time.Now()
	if err := n.host.Weftd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := n.AwaitReport(ctx, "h1", "reported again", func(r etcdschema.NodeReport) bool { return r.At.After(before) && r.Exceptions == 0 }); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(n.debug(t, "metrics"), "\n") {
		if strings.HasPrefix(line, "weft_host_writes_total") && !strings.HasSuffix(line, " 0") {
			t.Errorf("after a restart: %s", line)
		}
	}
}

// TestDriftHeals damages what weftd made, with Open vSwitch's own tools.
func TestDriftHeals(t *testing.T) {
	n := newNode(t)
	guest(t, n, 1)
	n.put(t, append(base(), port(1))...)
	n.processed(t)
	for _, damage := range [][]string{
		{"ovs-ofctl", "-O", "OpenFlow14", "del-flows", "br-int", "table=10"},
		{"ovs-ofctl", "-O", "OpenFlow14", "del-flows", "br-int"},
		{"ovs-ofctl", "-O", "OpenFlow14", "add-flow", "br-int", "table=0,priority=9,actions=normal"},
		{"ovs-vsctl", "set", "port", "tap1", "tag=7"},
		{"ovs-vsctl", "set-fail-mode", "br-int", "standalone"},
		{"ovs-vsctl", "del-port", "br-int", "tap1"},
		{"ovs-vsctl", "del-br", "br-int"},
		{"ip", "link", "set", "tap1", "down"},
		{"ip", "link", "set", "tap1", "mtu", "1400"},
	} {
		before := n.repaired(t)
		if out, err := n.host.Run(t.Context(), damage[0], damage[1:]...); err != nil {
			t.Fatalf("%v: %v %s", damage, err, out)
		}
		start := time.Now()
		if plan := n.healed(t, before); plan != "nothing to do\n" {
			t.Errorf("%v: %d repaired, still to do:\n%s", damage, n.repaired(t)-before, plan)
			continue
		}
		t.Logf("%s healed in %s", strings.Join(damage, " "), time.Since(start).Round(time.Millisecond))
	}
}

// healed waits until more was repaired than before and nothing is left to do, and returns the last plan. It asks weftd itself for both. A
// report comes later than the repair, and may be about the damage before, because one damage can take several repairs.
func (n *node) healed(t *testing.T, before uint64) (plan string) {
	t.Helper()
	timeout, tick := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if plan = n.debug(t, "plan"); plan == "nothing to do\n" && n.repaired(t) > before {
			return plan
		}
		select {
		case <-tick.C:
		case <-timeout:
			return plan
		}
	}
}

// repaired is how much drift weftd has repaired so far, from its metrics.
func (n *node) repaired(t *testing.T) (sum uint64) {
	t.Helper()
	for _, line := range strings.Split(n.debug(t, "metrics"), "\n") {
		name, value, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(name, "weft_drift_repaired_total{") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum += uint64(v)
	}
	return sum
}

// TestPlanIsJSONToo checks the JSON form of the debug listener, and that only root may use the socket.
func TestPlanIsJSONToo(t *testing.T) {
	n := newNode(t)
	n.put(t, base()...)
	n.processed(t)
	var p struct{ Revision int64 }
	if err := json.Unmarshal([]byte(n.debug(t, "plan?format=json")), &p); err != nil || p.Revision == 0 {
		t.Errorf("%v %+v", err, p)
	}
	info, err := os.Stat(n.host.Debug)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, info)
	}
}
