package portsecurity

import (
	"testing"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every element of accepted intent fits its set and is read back unchanged. Every uplink has its chain.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			switch o := o.(type) {
			case *object.PortSecurityElements:
				for _, m := range o.Elements {
					e, err := encode(o.Name, m)
					if err != nil {
						t.Fatalf("%s: %v", o.Key(), err)
					}
					m.Rate, m.Burst = 0, 0 // they are read with the limit
					if back, err := decode(m.Set, e); err != nil || back != m {
						t.Fatalf("%s: %s is read back as %s: %v", o.Key(), m, back, err)
					}
				}
			case *object.PortSecurityUplink:
				if wordless(o.Device) {
					t.Fatalf("%s: nft has no words for it", o.Key())
				}
			}
		}
	})
}
