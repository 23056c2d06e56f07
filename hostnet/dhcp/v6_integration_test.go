//go:build integration

package dhcp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket/packetsockettest"
)

const configure6Script = `case "$reason" in BOUND6|RENEW6|REBIND6)
	ip -6 address replace "$new_ip6_address/$new_ip6_prefixlen" dev "$interface";; esac`

// dhclient runs ISC's client, which records its environment by $reason.
func (g *guest) dhclient(args ...string) (string, error) {
	g.t.Helper()
	base := []string{"dhclient", "-v", "-1", "-lf", filepath.Join(g.Dir, "leases"), "-pf", filepath.Join(g.Dir, "pid")}
	return g.Try(append(append(base, args...), "eth0")...)
}

// endDhclient ends the client at the end of the test if it went to the background. A client that is asked to end politely can
// outlive its device.
func (g *guest) endDhclient() {
	g.t.Cleanup(func() {
		pid, err := os.ReadFile(filepath.Join(g.Dir, "pid"))
		if err != nil {
			return // it has ended by itself
		}
		if out, err := g.Try("kill", "-KILL", strings.TrimSpace(string(pid))); err != nil {
			g.t.Logf("end dhclient: %v %s", err, out)
		}
	})
}

func TestDhclient6GetsItsAddress(t *testing.T) {
	g := newGuest(t, "tap6a", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.Device))
	conf := filepath.Join(g.Dir, "conf")
	must(t, os.WriteFile(conf, []byte("also request dhcp6.sntp-servers;\ntimeout 10;\n"), 0o644))
	g.AwaitLinkLocal()
	script := g.script("$reason", configure6Script)
	g.endDhclient()
	if out, err := g.dhclient("-6", "-cf", conf, "-sf", script); err != nil {
		t.Fatalf("dhclient -6: %v\n%s", err, out)
	}
	g.wants("BOUND6", map[string]string{
		"new_ip6_address": "2001:db8:1::5", "new_dhcp6_name_servers": "2001:db8::53",
		"new_dhcp6_domain_search": "alpha.example.", "new_dhcp6_sntp_servers": "2001:db8::123",
		"new_max_life": "3600", "new_preferred_life": "3600",
	})
}

func TestDhclient6RebindsAndReleases(t *testing.T) {
	g := newGuest(t, "tap6b", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.Device))
	g.AwaitLinkLocal()
	script := g.script("$reason", configure6Script)
	g.endDhclient()
	lease := func(args ...string) string {
		out, err := g.dhclient(append([]string{"-6", "-sf", script}, args...)...)
		if err != nil {
			t.Fatalf("dhclient -6 %v: %v\n%s", args, err, out)
		}
		return out
	}
	lease()
	g.wants("BOUND6", map[string]string{"new_ip6_address": "2001:db8:1::5"})
	_, _ = g.Try("dhclient", "-6", "-x", "-pf", filepath.Join(g.Dir, "pid"), "-sf", "/bin/true", "eth0")

	// A client that remembers its address asks whether it is still valid (CONFIRM). If not, it takes another.
	if out := lease(); !strings.Contains(out, "Confirm on eth0") || !strings.Contains(out, "message status code Success") {
		t.Errorf("an address that still holds was not confirmed:\n%s", out)
	}
	_, _ = g.Try("dhclient", "-6", "-x", "-pf", filepath.Join(g.Dir, "pid"), "-sf", "/bin/true", "eth0")
	moved := testBinding(g.Device)
	moved.V6[0] = moved.V6[0].Next()
	apply(t, d, object.Update, moved)
	lease()
	packetsockettest.WaitFor(t, "the new address", func() bool { return g.recorded("BOUND6")["new_ip6_address"] == "2001:db8:1::6" })

	if out := lease("-r"); !strings.Contains(out, "Release on eth0") || strings.Contains(out, "message status code NoBinding") {
		t.Errorf("release:\n%s", out)
	}
}
