package portsecurity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"weft/hostnet/object"
)

var (
	portMAC  = object.MAC{0xfa, 0x16, 0x3e, 0, 1, 0xa}
	otherMAC = object.MAC{2, 0, 0, 0, 0, 1}
	tap1     = &object.PortSecurityElements{Name: "tap1", Elements: []object.PortSecurityElement{
		{Set: object.PortSecurityGuests, Interface: "tap1"}, {Set: object.PortSecurityMACs, Interface: "tap1", MAC: portMAC}}}
)

// ownElement is a guest's element of set macs. It has a counter unless frames is negative.
func ownElement(t *testing.T, device string, frames int) nftables.SetElement {
	t.Helper()
	e, err := encode(device, object.PortSecurityElement{Set: object.PortSecurityMACs, Interface: device, MAC: portMAC})
	if err != nil {
		t.Fatal(err)
	}
	if frames >= 0 {
		e.Counter = &expr.Counter{Packets: uint64(frames)}
	}
	return e
}

func foreignElement(device string, frames uint64) nftables.SetElement {
	key := make([]byte, nameSize)
	copy(key, device)
	return nftables.SetElement{Key: key, Val: otherMAC[:], Counter: &expr.Counter{Packets: frames}}
}

func TestGuestThatIsHeardFromAnotherMACAlone(t *testing.T) {
	t.Parallel()
	var seen told
	for i, look := range []struct {
		foreign   uint64
		own       int // negative: not counted
		uncounted bool
		warns     bool
	}{
		{5, -1, true, false},
		{10, -1, true, false}, // could not be counted
		{15, -1, true, false},
		{20, 0, false, false},
		{25, 0, false, true},
		{25, 1, false, false}, // heard
		{30, 2, false, false}, // both are counted
		{35, 3, false, false},
		{40, 3, false, false},
		{45, 3, false, true},
		{50, -1, true, false}, // its element was added again
	} {
		own := map[string]nftables.SetElement{"tap1": ownElement(t, "tap1", look.own), "tap2": ownElement(t, "tap2", -1)}
		uncounted := seen.look([]nftables.SetElement{foreignElement("tap1", look.foreign), foreignElement("gone", 99)}, nil, own)
		if len(uncounted) == 1 != look.uncounted {
			t.Errorf("look %d: %d elements are to be counted", i, len(uncounted))
		}
		w := seen.warnings(tap1)
		if len(w) == 1 != look.warns {
			t.Errorf("look %d: %+v", i, w)
		}
		if look.warns && (w[0].Reason != object.WarnForeignSource || !strings.Contains(w[0].Message, portMAC.String()) || !strings.Contains(w[0].Message, otherMAC.String())) {
			t.Errorf("look %d: %+v", i, w)
		}
	}
}

func TestGuestThatClaimedAsManyAddressesAsItMay(t *testing.T) {
	t.Parallel()
	var seen told
	seen.look(nil, []nftables.SetElement{foreignElement("tap1", 0)}, nil)
	w := seen.warnings(tap1)
	if len(w) != 1 || w[0].Reason != object.WarnLinkLocalLimit || !strings.Contains(w[0].Message, "used 8 link-local addresses within 1h0m0s") ||
		!strings.Contains(w[0].Message, "for up to 7m30s") {
		t.Errorf("%+v", w)
	}
	for name, other := range map[string]*object.PortSecurityElements{
		"another guest": {Name: "tap2", Elements: []object.PortSecurityElement{{Set: object.PortSecurityGuests, Interface: "tap2"}}},
		"no guest":      {Name: "tap1", Elements: []object.PortSecurityElement{{Set: object.PortSecurityGatewayPorts, Interface: "tap1"}}},
	} {
		if w := seen.warnings(other); len(w) > 0 {
			t.Errorf("%s: %+v", name, w)
		}
	}
	seen.forget(map[string]string{"tap1": ""})
	if w := seen.warnings(tap1); len(w) > 0 {
		t.Errorf("after its device was no guest's: %+v", w)
	}
	if limit := fmt.Sprintf("limit rate over %d/hour burst %d packets", linkLocalBurst, linkLocalBurst); !strings.Contains(ruleset(), limit) {
		t.Errorf("what is told of is not what the rules allow: no %q", limit)
	}
}

// TestCountedElementsFit: the elements of one message fit into one attribute, also with the longest names. The rest is left for
// later.
func TestCountedElementsFit(t *testing.T) {
	t.Parallel()
	var elements []nftables.SetElement
	for i := range maxCounted {
		elements = append(elements, ownElement(t, fmt.Sprintf("fifteen-by-%04d", i), -1))
	}
	messages, err := countMessages(elements)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if len(m.Data) > 65535 {
			t.Errorf("a message has %d bytes", len(m.Data))
		}
	}
}
