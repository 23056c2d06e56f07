//go:build integration

package dhcp

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/hostnet/packetsocket/packetsockettest"
)

const configure4 = `case "$1" in bound|renew) ip address replace "$ip/$mask" dev "$interface";; esac`

// configureISC4 also removes its address, as a client must after a NAK.
const configureISC4 = `case "$reason" in
	BOUND|RENEW|REBIND|REBOOT) ip address replace "$new_ip_address/24" dev "$interface";;
	EXPIRE|FAIL|STOP|RELEASE) ip -4 address flush dev "$interface";; esac`

func TestUdhcpcGetsItsLease(t *testing.T) {
	g := newGuest(t, "tap4a", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.Device))
	g.Run("udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", g.script("$1", configure4), "-t", "5", "-T", "1",
		"-O", "121", "-O", "mtu", "-O", "ntpsrv", "-O", "hostname", "-O", "search")
	g.wants("bound", map[string]string{
		"ip": "10.0.0.5", "mask": "24", "router": "10.0.0.1", "serverid": "10.0.0.2", "dns": "192.0.2.53",
		"domain": "alpha.example", "hostname": "web-1", "mtu": "1450", "ntpsrv": "192.0.2.123", "lease": "3600",
		"staticroutes": "0.0.0.0/0 10.0.0.1 192.168.7.0/24 10.0.0.9", "search": "alpha.example",
	})
	// The servers' MAC answers ARP for the server identifier on this port.
	if out := g.Run("arping", "-c", "1", "-w", "5", "-I", "eth0", "10.0.0.2"); !strings.Contains(strings.ToLower(out), object.ServerMAC.String()) {
		t.Errorf("arping 10.0.0.2:\n%s", out)
	}
	if out, err := g.Try("arping", "-c", "1", "-w", "1", "-I", "eth0", "10.0.0.1"); err == nil {
		t.Errorf("somebody answers for the router, which is not there:\n%s", out)
	}
}

// TestUdhcpcRenewsByUnicast asks the running client to renew. The request goes to the server identifier, and the client's kernel
// finds its MAC by ARP.
func TestUdhcpcRenewsByUnicast(t *testing.T) {
	g := newGuest(t, "tap4b", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.Device))
	client := g.Start("udhcpc", "-f", "-R", "-i", "eth0", "-s", g.script("$1", configure4), "-t", "5", "-T", "1")
	packetsockettest.WaitFor(t, "a lease", func() bool { return g.recorded("bound") != nil })
	changed := testBinding(g.Device)
	changed.Domain = "beta.example"
	apply(t, d, object.Update, changed)
	client.Signal(sigRenew)
	packetsockettest.WaitFor(t, "a renewal", func() bool { return g.recorded("renew") != nil })
	g.wants("renew", map[string]string{"ip": "10.0.0.5", "domain": "beta.example", "serverid": "10.0.0.2"})

	moved := testBinding(g.Device)
	moved.V4[0].Address = moved.V4[0].Address.Next()
	apply(t, d, object.Update, moved)
	client.Signal(sigRenew)
	packetsockettest.WaitFor(t, "the other address after a NAK", func() bool { return g.recorded("bound")["ip"] == "10.0.0.6" })
	if g.recorded("nak") == nil && g.recorded("deconfig") == nil {
		t.Error("the client got another address without giving up the old one")
	}
}

func TestDhclientRebootsRenewsAndIsRefused(t *testing.T) {
	g := newGuest(t, "tap4c", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.Device))
	script, conf := g.script("$reason", configureISC4), filepath.Join(g.Dir, "conf")
	must(t, os.WriteFile(conf, []byte("timeout 10;\nrequest subnet-mask, routers, domain-name-servers, interface-mtu;\n"), 0o644))
	g.endDhclient()
	lease := func() string {
		out, err := g.dhclient("-4", "-cf", conf, "-sf", script)
		if err != nil {
			t.Fatalf("dhclient -4: %v\n%s", err, out)
		}
		_, _ = g.Try("dhclient", "-x", "-pf", filepath.Join(g.Dir, "pid"), "-sf", "/bin/true", "eth0")
		return out
	}
	if out := lease(); !strings.Contains(out, "DHCPOFFER of 10.0.0.5 from 10.0.0.2") {
		t.Errorf("first lease:\n%s", out)
	}
	g.wants("BOUND", map[string]string{"new_ip_address": "10.0.0.5", "new_subnet_mask": "255.255.255.0",
		"new_routers": "10.0.0.1", "new_interface_mtu": "1450", "new_dhcp_lease_time": "3600"})

	if out := lease(); strings.Contains(out, "DHCPDISCOVER") || !strings.Contains(out, "DHCPACK of 10.0.0.5 from 10.0.0.2") {
		t.Errorf("a client that remembers its lease did not get it back at once:\n%s", out)
	}
	moved := testBinding(g.Device)
	moved.V4[0].Address = moved.V4[0].Address.Next()
	apply(t, d, object.Update, moved)
	if out := lease(); !strings.Contains(out, "DHCPNAK from 10.0.0.2") || !strings.Contains(out, "DHCPACK of 10.0.0.6") {
		t.Errorf("a client that remembers a wrong lease was not refused:\n%s", out)
	}
	if out, err := g.dhclient("-4", "-cf", conf, "-sf", script, "-r"); err != nil || !strings.Contains(out, "DHCPRELEASE of 10.0.0.6") {
		t.Errorf("release: %v\n%s", err, out)
	}
}

// TestTaggedRequestIsNotAnswered: the kernel removes the tag and delivers the frame as if it had none.
func TestTaggedRequestIsNotAnswered(t *testing.T) {
	g := newGuest(t, "tap4d", guestMAC)
	received := make(chan []byte, 10)
	transport, err := packetsockettest.Mux(t).Open(g.Device, filter(testBinding(g.Device)), packetsocket.Receiver{
		Frame: func(f []byte) [][]byte { received <- bytes.Clone(f); return nil }, Lost: func() {},
	})
	must(t, err)
	t.Cleanup(func() { must(t, transport.Close()) })
	capture := g.Sender()
	plain := from4(ask4(dhcpv4.MessageTypeDiscover), "0.0.0.0", "255.255.255.255")
	marked := from4(ask4(dhcpv4.MessageTypeDiscover), "0.0.0.1", "255.255.255.255")
	must(t, capture.Send(packetsocket.Tagged(marked, 7)))
	must(t, capture.Send(packetsocket.Tagged(packetsocket.Tagged(marked, 7), 8)))
	must(t, transport.Send(marked)) // a frame to the guest is not received either
	must(t, capture.Send(plain))
	if got := packetsockettest.Receive(t, "the frame without a tag", received); string(got) != string(plain) {
		t.Errorf("heard %x\nwant  %x", got, plain)
	}
}

// TestDeviceMadeAgain: a guest's device that is removed and made again is served again, and the loss is reported.
func TestDeviceMadeAgain(t *testing.T) {
	g := newGuest(t, "tap4e", guestMAC)
	d := startDriver(t)
	events := watch(t, d)
	b := testBinding(g.Device)
	apply(t, d, object.Create, b)
	packetsockettest.Run(t, "ip", "link", "set", g.Device, "down") // a device that is down still exists
	packetsockettest.Run(t, "ip", "link", "set", g.Device, "up")
	g.lease4("before")
	old, err := netlink.LinkByName(g.Device)
	must(t, err)
	must(t, netlink.LinkDel(old))
	if e := packetsockettest.Receive(t, "the loss of the device", events); len(e.Keys) != 1 || e.Keys[0] != b.Key() {
		t.Errorf("event %+v, want %s", e, b.Key())
	}
	g.Plug(guestMAC)
	if got, err := d.Observe(t.Context(), []object.Key{b.Key()}); err != nil || len(got) != 0 {
		t.Errorf("observed %v, %v; want nothing on the new device", got, err)
	}
	apply(t, d, object.Create, b)
	g.lease4("after")
	if got, err := d.Observe(t.Context(), []object.Key{b.Key()}); err != nil || len(got) != 1 {
		t.Errorf("observed %v, %v; want the binding", got, err)
	}
}
