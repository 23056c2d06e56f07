package ra

import (
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/integration/limits"
)

// TestDoor: everything that accepted intent says of a network is advertised, in packets that the network carries.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			b, is := o.(*object.RABinding)
			if !is {
				continue
			}
			s, err := state(b)
			if err != nil {
				t.Fatalf("%s: %v", b.Key(), err)
			}
			if len(b.Prefixes) == 0 {
				continue
			}
			want := len(b.Prefixes) + len(b.DNS)
			if b.Router {
				want++
			}
			if b.Domain != "" {
				want++
			}
			if len(s.facts) != want {
				t.Fatalf("%s tells %d facts of %d", b.Key(), len(s.facts), want)
			}
			for _, f := range s.frames(b.MTU, nil) {
				if size := len(f) - 14; size > b.MTU {
					t.Fatalf("%s: a packet of %d bytes with an MTU of %d", b.Key(), size, b.MTU)
				}
				if _, err := packetsocket.ParseICMPv6(f); err != nil {
					t.Fatalf("%s: %v", b.Key(), err)
				}
			}
		}
	})
}
