//go:build integration

package dhcp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/hostnet/object"
)

const configure6Script = `case "$reason" in BOUND6|RENEW6|REBIND6)
	ip -6 address replace "$new_ip6_address/$new_ip6_prefixlen" dev "$interface";; esac`

// dhclient6 runs ISC's client, which records its environment by $reason.
func (g *guest) dhclient(args ...string) (string, error) {
	g.t.Helper()
	base := []string{"dhclient", "-v", "-1", "-lf", filepath.Join(g.dir, "leases"), "-pf", filepath.Join(g.dir, "pid")}
	return g.try(append(append(base, args...), "eth0")...)
}

// endDhclient ends the client that went to the background, if one did.
func (g *guest) endDhclient() {
	g.t.Cleanup(func() { _, _ = g.try("dhclient", "-x", "-pf", filepath.Join(g.dir, "pid"), "eth0") })
}

func TestDhclient6GetsItsAddress(t *testing.T) {
	g := newGuest(t, "tap6a", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.device))
	conf := filepath.Join(g.dir, "conf")
	must(t, os.WriteFile(conf, []byte("also request dhcp6.sntp-servers;\ntimeout 10;\n"), 0o644))
	g.awaitLinkLocal()
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

// awaitLinkLocal waits until duplicate address detection is over.
func (g *guest) awaitLinkLocal() {
	g.t.Helper()
	waitFor(g.t, "a link-local address", func() bool {
		out := g.run("ip", "-6", "address", "show", "dev", "eth0", "scope", "link")
		return strings.Contains(out, "fe80:") && !strings.Contains(out, "tentative")
	})
}
