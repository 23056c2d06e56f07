//go:build integration

package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/integration/need"
)

// proofs run inside. Each uses a feature that the machine's kernel may lack, and checks that the feature works.
func proofs() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"modules": proveModules, "needs": proveNeeds, "vlan-device": proveVLANDevice, "vlan-filtering": proveVLANFiltering,
		"bridge-conntrack": proveBridgeConntrack, "kernel-datapath": proveKernelDatapath,
		"registers": proveRegisters, "clock": proveClock,
	}
}

// do runs a command and returns what it wrote.
func do(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}

// steps runs ip(8) for each line.
func steps(t *testing.T, lines ...string) {
	t.Helper()
	for _, l := range lines {
		do(t, "ip", strings.Fields(l)...)
	}
}

// namespaces makes network namespaces for the test.
func namespaces(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		do(t, "ip", "netns", "add", n)
		t.Cleanup(func() {
			// The test's own context has ended by now.
			if out, err := exec.Command("ip", "netns", "delete", n).CombinedOutput(); err != nil {
				t.Errorf("delete namespace %s: %v: %s", n, err, out)
			}
		})
	}
}

// plug gives a guest's namespace one end of a veth pair, eth0 with an address, and puts the other into another one.
func plug(t *testing.T, guest, address, host string) {
	t.Helper()
	steps(t, fmt.Sprintf("link add eth0 netns %s type veth peer name %s netns %s", guest, guest, host),
		fmt.Sprintf("-n %s addr add %s/24 dev eth0", guest, address), fmt.Sprintf("-n %s link set eth0 up", guest),
		fmt.Sprintf("-n %s link set %s up", host, guest))
}

func pings(t *testing.T, from, address string) bool {
	t.Helper()
	out, err := try(t, "ip", "netns", "exec", from, "ping", "-n", "-c", "1", "-W", "2", address)
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatalf("ping: %v", err)
	}
	return strings.Contains(out, "bytes from "+address)
}

func wantPing(t *testing.T, from, address string, want bool) {
	t.Helper()
	if got := pings(t, from, address); got != want {
		t.Errorf("ping from %s to %s answered: %v, want %v", from, address, got, want)
	}
}

// proveModules loads modules by name, and modules that the kernel itself requests.
func proveModules(t *testing.T) {
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Errorf("the kernel does not load the module of a device file that is opened: %v", err)
	} else {
		f.Close()
	}
	for _, m := range []string{"openvswitch", "8021q", "br_netfilter", "nf_conntrack_bridge", "vxlan", "act_police"} {
		do(t, "modprobe", m)
	}
}

// proveNeeds checks that the virtual machine has every feature that a test may name, except no-ipv6, which needs another kernel command
// line.
func proveNeeds(t *testing.T) {
	needs := slices.DeleteFunc(need.All(), func(n need.Need) bool { return n == need.NoIPv6 })
	if lacking, err := need.Lacking(needs); err != nil || len(lacking) > 0 {
		t.Errorf("the kernel lacks %v, error %v", lacking, err)
	}
}

// proveVLANDevice pings through VLAN tags. To show that the tags are used, it checks that another tag receives nothing.
func proveVLANDevice(t *testing.T) {
	namespaces(t, "va", "vb")
	steps(t, "link add eth0 netns va type veth peer name eth0 netns vb", "-n va link set eth0 up", "-n vb link set eth0 up",
		"-n va link add link eth0 name tagged type vlan id 5", "-n vb link add link eth0 name tagged type vlan id 5",
		"-n vb link add link eth0 name other type vlan id 6",
		"-n va addr add 10.0.0.1/24 dev tagged", "-n vb addr add 10.0.0.2/24 dev tagged", "-n vb addr add 10.0.1.2/24 dev other",
		"-n va link set tagged up", "-n vb link set tagged up", "-n vb link set other up")
	wantPing(t, "va", "10.0.0.2", true)
	steps(t, "-n va addr add 10.0.1.1/24 dev tagged", "-n vb addr del 10.0.0.2/24 dev tagged", "-n vb addr add 10.0.0.2/24 dev other")
	wantPing(t, "va", "10.0.0.2", false)
}

func proveVLANFiltering(t *testing.T) {
	namespaces(t, "fh", "fa", "fb", "fc")
	steps(t, "-n fh link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0", "-n fh link set br0 up")
	for i, g := range []string{"fa", "fb", "fc"} {
		plug(t, g, fmt.Sprintf("10.0.0.%d", i+1), "fh")
		steps(t, fmt.Sprintf("-n fh link set %s master br0", g))
	}
	for g, vlan := range map[string]string{"fa": "10", "fb": "10", "fc": "20"} {
		do(t, "bridge", "-n", "fh", "vlan", "add", "dev", g, "vid", vlan, "pvid", "untagged")
	}
	wantPing(t, "fa", "10.0.0.2", true)
	wantPing(t, "fa", "10.0.0.3", false)
}

// proveBridgeConntrack lets one guest of a bridge open connections, and the other only answer. The priority must be filter (-200 in this
// family). If br_netfilter is loaded, it takes IPv4 frames out at priority 0, and chains at 0 may never see them.
func proveBridgeConntrack(t *testing.T) {
	namespaces(t, "ch", "ca", "cb")
	steps(t, "-n ch link add br0 type bridge", "-n ch link set br0 up")
	plug(t, "ca", "10.0.0.1", "ch")
	plug(t, "cb", "10.0.0.2", "ch")
	steps(t, "-n ch link set ca master br0", "-n ch link set cb master br0")
	rules := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rules, []byte(`table bridge guests {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ether type arp accept
		ct state established accept
		iifname "ca" ct state new accept
	}
}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	do(t, "ip", "netns", "exec", "ch", "nft", "-f", rules)
	wantPing(t, "ca", "10.0.0.2", true)
	wantPing(t, "cb", "10.0.0.1", false)
}
