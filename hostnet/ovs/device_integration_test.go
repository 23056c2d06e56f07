//go:build integration

package ovs

import (
	"os/exec"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// replaced are the ways in which a port's device is replaced or changed by its maker.
var replaced = []struct {
	name string
	want object.Attachment
	do   func(b *testbed, device string)
}{
	{"made again", object.AttachmentLost, (*testbed).remake},
	{"made again, and promiscuous", object.AttachmentLost, func(b *testbed, device string) {
		b.remake(device)
		b.ip("-n", b.Namespace, "link", "set", device, "promisc", "on")
	}},
	{"away in another namespace, and back", object.AttachmentLost, func(b *testbed, device string) {
		b.ip("netns", "add", b.Namespace+"b")
		defer b.ip("netns", "del", b.Namespace+"b")
		b.ip("-n", b.Namespace, "link", "set", device, "netns", b.Namespace+"b")
		b.ip("-n", b.Namespace+"b", "link", "set", device, "netns", b.Namespace)
	}},
	{"not promiscuous", object.AttachmentNotPromiscuous, func(b *testbed, device string) { b.ip("-n", b.Namespace, "link", "set", device, "promisc", "off") }},
}

// ip runs ip in the test's own process tree, because "ip netns exec" has its own mount namespace with other names of namespaces.
func (b *testbed) ip(args ...string) {
	b.t.Helper()
	if out, err := exec.CommandContext(b.t.Context(), "ip", args...).CombinedOutput(); err != nil {
		b.t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

// remake makes a device again, as a hypervisor does when its guest restarts.
func (b *testbed) remake(device string) {
	b.t.Helper()
	b.ip("-n", b.Namespace, "link", "del", device)
	b.veth(device)
}

func TestReplacedDeviceIsOpenedAnew(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	for _, device := range []string{"tap1", "tap2", "eth1"} {
		b.veth(device)
	}
	b.ctl("add-port", "br-int", "tap2", "--", "set", "interface", "tap2", "external_ids:iface-id=abc", "external_ids:vm-uuid=vm",
		"ofport_request=7")
	adopted := guest("tap2")
	adopted.Adopted = true
	b.appeared(adopted.Key())
	uplink := &object.Uplink{OwnerUID: hostUID, Bridge: "br-int", Device: "eth1", PhysicalNetwork: "physnet1"}
	b.must(create(guest("tap1")), create(uplink), object.Change{Op: object.Update, Desired: adopted, Observed: b.observe(adopted.Key())})
	for _, how := range replaced {
		for _, want := range []object.Object{guest("tap1"), adopted, uplink} {
			device := want.Key().Name
			same(t, want, b.observe(want.Key()))
			from := b.seen()
			how.do(b, device)
			b.await(from, "that "+device+" is "+how.name, b.drifted(want))
			if diff := want.Diff(b.observe(want.Key())); len(diff) != 1 || diff[0].Observed != string(how.want) {
				t.Errorf("%s, %s: differs by %v", device, how.name, diff)
			}
			rows := b.ctl("--columns=_uuid,external_ids", "list", "interface", device)
			b.must(object.Change{Op: object.Update, Desired: want, Observed: b.observe(want.Key())})
			same(t, want, b.observe(want.Key()))
			if now := b.ctl("--columns=_uuid,external_ids", "list", "interface", device); now != rows {
				t.Errorf("%s, %s: its row was\n%s, and is\n%s", device, how.name, rows, now)
			}
		}
	}
	if got := strings.TrimSpace(b.ctl("get", "interface", "tap2", "ofport")); got != "7" {
		t.Errorf("tap2 was to have OpenFlow port number 7 by whoever plugged it, and has %s", got)
	}
	if got := strings.TrimSpace(b.ctl("get", "interface", "tap1", "ofport_request")); got != "[]" {
		t.Errorf("a requested number is left behind: %s", got)
	}
}

// TestDeviceReplacedWhileNobodyLooked: no event has reported it. A sync finds it.
func TestDeviceReplacedWhileNobodyLooked(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	b.veth("tap1")
	b.must(create(guest("tap1")))
	same(t, guest("tap1"), b.observe(guest("tap1").Key()))
	b.remake("tap1")
	b.sync()
	if o := b.observe(guest("tap1").Key()); o == nil || o.(*object.OVSPort).Attachment != object.AttachmentLost {
		t.Fatalf("observed %+v", o)
	}
	b.must(object.Change{Op: object.Update, Desired: guest("tap1"), Observed: b.observe(guest("tap1").Key())})
	same(t, guest("tap1"), b.observe(guest("tap1").Key()))
	b.ip("-n", b.Namespace, "link", "del", "tap1")
	b.sync()
	same(t, guest("tap1"), b.observe(guest("tap1").Key())) // the link reports a device that does not exist
}
