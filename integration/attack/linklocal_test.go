//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"weft/integration/timescale"
)

// A guest may hold a limited number of link-local addresses of its own choice, and nobody else may use those.
func TestLinkLocalAddressesAreBounded(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	from := func(g, to *guest, n int) []byte {
		src := netip.MustParseAddr(fmt.Sprintf("fe80::1:%x", n))
		return eth(g.mac, to.mac, 0x86dd, ipv6(src, to.v6, 17, udp(7, 7, []byte{byte(n)})))
	}
	for n := 1; n <= 8; n++ {
		st.try(t, attempt{"address within the bound", nil, from(st.a, st.b, n), atPeer})
	}
	for n := 9; n <= 12; n++ {
		st.try(t, attempt{"address beyond the bound", from(st.a, st.b, n), from(st.a, st.b, n-8), atPeer})
	}
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	end := closing(st.b)
	for _, f := range [][]byte{from(st.b, st.a, 3), from(st.b, st.a, 13), end} {
		st.b.send(t, f)
	}
	got, err := st.a.until(ctx, end)
	if err != nil {
		t.Fatal(err)
	}
	if holds(got, from(st.b, st.a, 3)) || !holds(got, from(st.b, st.a, 13)) {
		t.Error("an address held by another passed, or a free one did not")
	}
}

// A guest's claimed addresses survive drift and its repair. They are removed when its interface gets another port number.
func TestLearnedAddressesGoWithTheInterface(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	own := eth(st.a.mac, st.b.mac, 0x86dd, ipv6(netip.MustParseAddr("fe80::1:1"), st.b.v6, 17, udp(7, 7, nil)))
	st.try(t, attempt{"an address of the guest's choice", nil, own, atPeer})
	st.ofctl(t, "del-flows", "table=10")
	st.converge(t)
	if learned := st.ofctl(t, "dump-flows", "table=12"); !strings.Contains(learned, "fe80::1:1") {
		t.Errorf("repairing other flows made the switch forget: %s", learned)
	}
	old := st.facts.Interfaces["tapa"].OFPort
	st.vsctl(t, "del-port", "tapa")
	st.converge(t)
	// Open vSwitch does not reuse a port number at once.
	if now := st.facts.Interfaces["tapa"].OFPort; now == old {
		t.Fatalf("tapa got port number %d again", now)
	}
	st.try(t, attempt{"the same address after plugging anew", nil, own, atPeer})
}
