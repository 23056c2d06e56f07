//go:build integration

package nft

import (
	"context"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// await returns the first event that names the key.
func await(t testing.TB, events <-chan object.Event, k object.Key) object.Event {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			for _, have := range e.Keys {
				if have == k {
					return e
				}
			}
		case <-limit:
			t.Fatalf("no event names %s", k)
		}
	}
}

// awaitGone waits for the event after which the object does not exist any more. Changes from the time when the subscription in a
// namespace began may be reported before that event.
func awaitGone(t testing.TB, d *Driver, events <-chan object.Event, k object.Key) {
	t.Helper()
	for await(t, events, k); observe(t, d, k) != nil; {
		await(t, events, k)
	}
}

// subscribed waits until the subscription in the namespace works, and drops what was reported before.
func subscribed(t testing.TB, d *Driver, events <-chan object.Event, namespace string) {
	t.Helper()
	s, limit := d.known(namespace), time.After(20*time.Second)
	for {
		s.mu.Lock()
		watched, reached := s.watched, s.reached
		s.mu.Unlock()
		if watched {
			break
		}
		select {
		case <-reached:
		case <-limit:
			t.Fatalf("no subscription in %s", namespace)
		}
	}
	for len(events) > 0 {
		<-events
	}
}

func TestMappingsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, withWatch := range []bool{false, true} {
		spaces := newSpaces(t)
		ns := spaces.add(true)
		d := newDriver(t, spaces)
		if withWatch {
			watched(t, d)
		}
		forwards := []object.NATForward{
			{Protocol: "tcp", First: 8000, Last: 8010, To: netip.MustParseAddr("10.0.0.7"), ToFirst: 80},
			{Protocol: "udp", First: 53, Last: 53, To: netip.MustParseAddr("10.0.0.8"), ToFirst: 5353},
		}
		all := []object.Object{
			routerTable(ns), mapping(ns, "192.0.2.10", "10.0.0.5"), mapping(ns, "192.0.2.9", "10.0.0.5"),
			mapping(ns, "2001:db8::10", "fd00::5"), mapping(ns, "192.0.2.11", "", forwards...),
		}
		apply(t, d, all...)
		if out := inside(t, ns, "nft", "list", "map", "inet", "weft", "fixed4"); !strings.Contains(out, "10.0.0.5 : 192.0.2.9") {
			t.Fatalf("the lowest floating address is not the source:\n%s", out)
		}
		// A restart adopts.
		before := inside(t, ns, "nft", "-a", "list", "ruleset")
		d2 := newDriver(t, spaces)
		if err := d2.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		same(t, d2, all...)
		if keys, _ := d2.Ours(context.Background()); len(keys) != len(all) {
			t.Fatalf("ours: %v", keys)
		}
		if after := inside(t, ns, "nft", "-a", "list", "ruleset"); after != before {
			t.Fatal("a start wrote something")
		}
		remove(t, d, all[2].Key())
		if out := inside(t, ns, "nft", "list", "map", "inet", "weft", "fixed4"); !strings.Contains(out, "10.0.0.5 : 192.0.2.10") {
			t.Fatalf("the next floating address is not the source:\n%s", out)
		}
		moved := *routerTable(ns)
		moved.Sources = addrs("169.254.128.4")
		apply(t, d, &moved, mapping(ns, "192.0.2.10", "10.0.0.6"), mapping(ns, "192.0.2.11", "", forwards[1]))
		remove(t, d, all[1].Key(), all[3].Key(), all[4].Key(), all[0].Key())
		if out := inside(t, ns, "nft", "list", "ruleset"); out != "" {
			t.Fatalf("left behind:\n%s", out)
		}
	}
}

// TestDrift damages the table by hand in every way. Each damage is an event that names who did it, and shows as a difference. The
// repair does not harm what was right.
func TestDrift(t *testing.T) {
	t.Parallel()
	spaces := newSpaces(t)
	ns := spaces.add(true)
	d := newDriver(t, spaces)
	events := watched(t, d)
	table, kept := routerTable(ns), mapping(ns, "192.0.2.20", "10.0.0.7")
	one := mapping(ns, "192.0.2.10", "10.0.0.5")
	forward := mapping(ns, "192.0.2.30", "", object.NATForward{Protocol: "tcp", First: 80, Last: 80, To: netip.MustParseAddr("10.0.0.9"), ToFirst: 8080})
	all := []object.Object{table, kept, one, forward}
	apply(t, d, all...)
	subscribed(t, d, events, ns)
	nftStdin(t, ns, "table inet other { chain c { type filter hook input priority 0; ip saddr 192.0.2.99 drop; }; }")
	other := inside(t, ns, "nft", "list", "table", "inet", "other")
	handle := func() string {
		for _, line := range strings.Split(inside(t, ns, "nft", "-a", "list", "chain", "inet", "weft", "forward"), "\n") {
			if _, h, ok := strings.Cut(line, "# handle "); ok && strings.Contains(line, "drop") {
				return h
			}
		}
		t.Fatal("no rule in chain forward")
		return ""
	}
	for _, damage := range []struct {
		name, script string
		hurt         object.Object
	}{
		{"way in removed", "delete element inet weft floating4 { 192.0.2.10 }", one},
		{"way out removed", "delete element inet weft fixed4 { 10.0.0.5 }", one},
		{"way in changed", "delete element inet weft floating4 { 192.0.2.10 }; add element inet weft floating4 { 192.0.2.10 : 10.9.9.9 }", one},
		{"way out of a forward", "add element inet weft fixed4 { 10.0.0.77 : 192.0.2.30 }", forward},
		{"port removed", "flush map inet weft forward4", forward},
		{"port added", "add element inet weft forward4 { 192.0.2.30 . tcp . 22 : 10.0.0.9 . 22 }", forward},
		{"source", "flush map inet weft source4", table},
		{"device", "add element inet weft outside { eth9 }", table},
		{"seal", "flush set inet weft seal", table},
		{"rule added", "add rule inet weft forward ip daddr 10.0.0.7 drop", table},
		{"rule removed", "delete rule inet weft forward handle %handle", table},
		{"rule changed", "replace rule inet weft forward handle %handle accept comment \"from outside to outside: drop\"", table},
		{"rules flushed", "flush chain inet weft prerouting", table},
		{"chain added", "add chain inet weft more", table},
		{"policy", "chain inet weft forward { policy drop; }", table},
		{"map added", "add map inet weft more { type ipv4_addr : ipv4_addr; }", table},
		{"table replaced", "delete table inet weft; add table inet weft", table},
		{"table deleted", "delete table inet weft", table},
	} {
		nftStdin(t, ns, strings.ReplaceAll(damage.script, "%handle", strings.TrimSpace(handleIf(damage.script, handle))))
		if e := await(t, events, damage.hurt.Key()); !strings.HasPrefix(e.By, "nft[") {
			t.Errorf("%s: done by %q, expected nft", damage.name, e.By)
		}
		have := observe(t, d, damage.hurt.Key())
		if have != nil && len(damage.hurt.Diff(have)) == 0 {
			t.Errorf("%s: no difference", damage.name)
		}
		apply(t, d, all...)
		fresh := newDriver(t, spaces)
		if err := fresh.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		same(t, fresh, all...)
		if keys, _ := fresh.Ours(context.Background()); len(keys) != len(all) {
			t.Errorf("%s: ours: %v", damage.name, keys)
		}
	}
	if now := inside(t, ns, "nft", "list", "table", "inet", "other"); now != other {
		t.Errorf("a foreign table changed:\n%s", now)
	}
	inside(t, ns, "nft", "flush", "ruleset")
	await(t, events, table.Key())
	apply(t, d, all...)
	for len(events) > 0 {
		<-events
	}
	// What we write ourselves is no event. What others write in their own tables is no event either.
	apply(t, d, mapping(ns, "192.0.2.40", "10.0.0.44"))
	nftStdin(t, ns, "table inet other { set s { type ipv4_addr; elements = { 192.0.2.10 }; }; }")
	nftStdin(t, ns, "delete element inet weft floating4 { 192.0.2.40 }")
	if e := <-events; len(e.Keys) != 1 || e.Keys[0] != mapping(ns, "192.0.2.40", "").Key() {
		t.Errorf("first event after our own writing: %+v", e)
	}
}

func handleIf(script string, handle func() string) string {
	if strings.Contains(script, "%handle") {
		return handle()
	}
	return ""
}

// TestAlien removes what is not desired.
func TestAlien(t *testing.T) {
	t.Parallel()
	spaces := newSpaces(t)
	ns := spaces.add(true)
	d := newDriver(t, spaces)
	apply(t, d, routerTable(ns))
	nftStdin(t, ns, `add element inet weft floating4 { 192.0.2.10 : 10.0.0.5 }
add element inet weft fixed4 { 10.0.0.6 : 192.0.2.11 }
add element inet weft forward6 { 2001:db8::1 . udplite . 0 : fd00::1 . 5 }`)
	if err := d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	keys, err := d.Ours(context.Background())
	if err != nil || len(keys) != 4 {
		t.Fatalf("ours: %v, %v", keys, err)
	}
	among, err := d.OursAmong(context.Background(), append(keys[1:2:2], mapping(ns, "192.0.2.99", "").Key(), routerTable("weft-none").Key()))
	if err != nil || len(among) != 1 || among[0] != keys[1] {
		t.Fatalf("ours among: %v, %v", among, err)
	}
	remove(t, d, keys[1:]...)
	same(t, d, routerTable(ns))
	if out := inside(t, ns, "nft", "list", "table", "inet", "weft"); strings.Contains(out, "192.0.2.1") || strings.Contains(out, "2001:db8::1") {
		t.Errorf("left behind:\n%s", out)
	}
}

// TestNamespaces follows namespaces that are removed and made again with the same name.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	spaces := newSpaces(t)
	ns := spaces.add(true)
	d := newDriver(t, spaces)
	events := watched(t, d)
	apply(t, d, routerTable(ns), mapping(ns, "192.0.2.10", "10.0.0.5"))
	run(t, "ip", "netns", "del", ns)
	spaces.changes <- ns
	awaitGone(t, d, events, mapping(ns, "192.0.2.10", "").Key())
	if have := observe(t, d, routerTable(ns).Key()); have != nil {
		t.Fatalf("of a namespace that is gone: %+v", have)
	}
	if errs := d.Apply(context.Background(), []object.Change{{Op: object.Delete, Observed: mapping(ns, "192.0.2.10", "10.0.0.5")}}); errs[0] != nil {
		t.Errorf("delete what went with its namespace: %v", errs[0])
	}
	if errs := d.Apply(context.Background(), []object.Change{{Op: object.Create, Desired: routerTable(ns)}}); errs[0] == nil {
		t.Error("a table in a namespace that is gone was made")
	}
	// The next namespace with this name is a different one.
	run(t, "ip", "netns", "add", ns)
	apply(t, d, routerTable(ns), mapping(ns, "192.0.2.11", "10.0.0.6"))
	run(t, "ip", "netns", "del", ns)
	run(t, "ip", "netns", "add", ns)
	spaces.changes <- ns
	awaitGone(t, d, events, mapping(ns, "192.0.2.11", "").Key())
	if have := observe(t, d, routerTable(ns).Key()); have != nil {
		t.Fatalf("of the namespace before: %+v", have)
	}
	apply(t, d, routerTable(ns))
	nftStdin(t, ns, "delete table inet weft")
	awaitGone(t, d, events, routerTable(ns).Key())
}

// TestBadOnesAlone applies good, impossible and conflicting mappings together.
func TestBadOnesAlone(t *testing.T) {
	t.Parallel()
	spaces := newSpaces(t)
	ns := spaces.add(true)
	d := newDriver(t, spaces)
	good := mapping(ns, "192.0.2.10", "10.0.0.5")
	create := func(o object.Object) object.Change { return object.Change{Op: object.Create, Desired: o} }
	if errs := d.Apply(context.Background(), []object.Change{create(good)}); errs[0] == nil || !strings.Contains(errs[0].Error(), "no table") {
		t.Errorf("without a table: %v", errs[0])
	}
	apply(t, d, routerTable(ns))
	// Somebody else took the key. The driver does not watch, so it has not seen that.
	nftStdin(t, ns, "add element inet weft floating4 { 192.0.2.12 : 10.9.9.9 }")
	taken := mapping(ns, "192.0.2.12", "10.0.0.7")
	errs := d.Apply(context.Background(), []object.Change{create(good), create(mapping(ns, "192.0.2.11", "fd00::1")), create(taken)})
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("errors: %v", errs)
	}
	same(t, d, good, taken)
	// The same among many mappings: the one transaction of large requests is refused, then each mapping is applied alone.
	nftStdin(t, ns, "add element inet weft floating4 { 198.18.1.7 : 10.9.9.9 }")
	changes := many(ns, 600)
	for i, err := range d.Apply(context.Background(), changes) {
		if err != nil {
			t.Fatalf("%s: %v", changes[i].Key(), err)
		}
	}
	same(t, d, changes[0].Desired, changes[263].Desired)
	if _, err := tryRun("ip", "netns", "exec", ns, "nft", "get", "element", "inet", "weft", "floating4", "{ 192.0.2.12 }"); err != nil {
		t.Error("the taken address is not ours")
	}
}

// TestListedNames: nft(8) can read every name in its own listing of our tables. The kernel also accepts names that are words of
// nft's language. nft lists some expressions of the rules that it cannot read (1.0.6).
func TestListedNames(t *testing.T) {
	t.Parallel()
	spaces := newSpaces(t)
	ns, external, empty := spaces.add(true), spaces.add(true), spaces.add(true)
	outer := *routerTable(external)
	outer.Role = object.NATExternal
	apply(t, newDriver(t, spaces), &outer, routerTable(ns), mapping(ns, "192.0.2.10", "10.0.0.5"))
	rules := regexp.MustCompile(`(?m)^\t\t.*\n`)
	for _, from := range []string{ns, external} {
		listed := inside(t, from, "nft", "list", "table", "inet", "weft")
		chains := regexp.MustCompile(`(?m)^\tchain [^\n]* \{\n(?s:.*?)^\t\}\n`)
		if len(chains.FindAllString(listed, -1)) < 5 {
			t.Fatalf("few chains:\n%s", listed)
		}
		nftStdin(t, empty, chains.ReplaceAllStringFunc(listed, func(c string) string { return rules.ReplaceAllString(c, "") }))
		inside(t, empty, "nft", "delete", "table", "inet", "weft")
	}
}
