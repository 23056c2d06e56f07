//go:build integration

package nft

import (
	"context"
	"net/netip"
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
		t.Log(inside(t, ns, "nft", "list", "ruleset"))
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
