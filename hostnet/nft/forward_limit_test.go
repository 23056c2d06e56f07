package nft

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/model"
)

// TestForwardsThatMayBeDeclaredFit: the port forwards that may be declared fit on a host. One more does not fit.
func TestForwardsThatMayBeDeclaredFit(t *testing.T) {
	t.Parallel()
	m := &object.NATMapping{Namespace: "weft-router-r", Floating: netip.MustParseAddr("203.0.113.50")}
	for first := 1024; len(m.Forwards)*model.MaxForwardedPorts < model.MaxForwardedTotal; first += model.MaxForwardedPorts {
		m.Forwards = append(m.Forwards, object.NATForward{Protocol: "tcp", First: uint16(first), Last: uint16(first + model.MaxForwardedPorts - 1),
			To: netip.MustParseAddr("10.0.0.11"), ToFirst: 1})
	}
	if ports, err := portsOf(m); err != nil || len(ports) != model.MaxForwardedTotal {
		t.Fatalf("%d ports: %v", len(ports), err)
	}
	m.Forwards = append(m.Forwards, object.NATForward{Protocol: "udp", First: 53, Last: 53, To: netip.MustParseAddr("10.0.0.11"), ToFirst: 53})
	if _, err := portsOf(m); err == nil {
		t.Error("one more than may be declared is taken: raise what may be declared, or lower what is taken")
	}
}
