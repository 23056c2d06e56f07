//go:build integration

package routing

import (
	"path/filepath"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// bySource is the router with rules that send what comes from 10.1.0.0/24 and fd01::/64 to other next hops.
func bySource() []object.Object {
	want := router()
	for _, f := range []struct{ all, from, via, inside string }{
		{"0.0.0.0/0", "10.1.0.0/24", "10.2.0.6", "198.18.0.0/15"}, {"::/0", "fd01::/64", "fd02::6", "fd05::/64"}} {
		after := []object.Key{key(object.KindAddresses, routerName+"/n2")}
		away := &object.Route{Namespace: routerName, Table: 8701, Destination: prefix(f.all), Via: addr(f.via), Device: "n2", After: after}
		want = append(want, away,
			&object.Route{Namespace: routerName, Destination: prefix(f.inside), Device: "n1", After: after},
			&object.Rule{Namespace: routerName, Priority: 1000, From: prefix(f.all), MoreSpecific: true, After: after},
			&object.Rule{Namespace: routerName, Priority: 1001, From: prefix(f.from), Table: 8701, After: []object.Key{away.Key()}})
	}
	return want
}

// TestRulesBySource: the kernel routes packets from a source by the table of its rule, except to destinations with a more
// specific route. Each damage is reported and repaired, and leaves nothing behind.
func TestRulesBySource(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(bySource()...)
	path := filepath.Join(h.dir, routerName)
	leads := func(when string) {
		t.Helper()
		for _, c := range [][4]string{
			{"192.0.2.9", "10.1.0.5", "n1", "via 10.2.0.6"}, {"192.0.2.9", "10.2.0.9", "n2", "via 10.2.0.5"}, {"198.18.0.1", "10.1.0.5", "n1", "dev n1"},
			{"2001:db8::9", "fd01::5", "n1", "via fd02::6"}, {"2001:db8::9", "fd02::9", "n2", "via fd02::5"}, {"fd05::1", "fd01::5", "n1", "dev n1"}} {
			if out := in(t, path, "ip", "route", "get", c[0], "from", c[1], "iif", c[2]); !strings.Contains(out, c[3]) {
				t.Errorf("%s: to %s from %s: %s, want %s", when, c[0], c[1], out, c[3])
			}
		}
	}
	leads("at first")
	if made := h.converge(bySource()...); made != 0 {
		t.Errorf("the second time %d changes were made", made)
	}
	rule := func(name string) object.Key { return key(object.KindRule, routerName+"/"+name) }
	for _, c := range []struct {
		told   object.Key
		script string
	}{
		{rule("1001/10.1.0.0/24"), "ip rule del pref 1001"},
		{rule("1001/fd01::/64"), "ip -6 rule del pref 1001"},
		{rule("1000/0.0.0.0/0"), "ip rule del pref 1000"},
		{rule("1000/::/0"), "ip -6 rule del pref 1000"},
		{rule("1001/10.1.0.0/24"), "ip rule flush"},
		{rule("1001/10.1.0.0/24"), "ip rule add pref 1001 from 10.1.0.0/24 lookup 99 proto 87"},
		{rule("1001/fd01::/64"), "ip -6 rule add pref 1001 from fd01::/64 iif n2 blackhole proto 87"},
		{rule("7/0.0.0.0/0"), "ip rule add pref 7 lookup 8701 proto 87"},
		{key(object.KindRoute, routerName+"/0.0.0.0/0 table 8701"), "ip route flush table 8701"},
		{key(object.KindRoute, routerName+"/::/0 table 8701"), "ip -6 route flush table 8701"},
		{key(object.KindRoute, routerName+"/0.0.0.0/0 table 8701"), "ip route replace default via 10.2.0.5 table 8701"},
		{key(object.KindRoute, routerName+"/192.0.2.0/24 table 200"), "ip route add 192.0.2.0/24 via 10.2.0.5 table 200 proto 87"},
		{key(object.KindNamespace, routerName), "ip rule add pref 9 blackhole"},
	} {
		h.forget()
		in(t, path, "sh", "-c", c.script)
		h.awaitKey(c.script, c.told)
		if h.converge(bySource()...) == 0 {
			t.Errorf("%s: nothing was repaired", c.script)
		}
		leads(c.script)
	}
	// Without the rules everything of them is removed.
	h.converge(router()...)
	if out := in(t, path, "sh", "-c", "ip rule; ip -6 rule; ip route show table all; ip -6 route show table all"); strings.Contains(out, "8701") || strings.Contains(out, "suppress") {
		t.Errorf("left behind: %s", out)
	}
}
