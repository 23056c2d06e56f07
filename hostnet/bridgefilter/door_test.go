package bridgefilter

import (
	"testing"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: accepted intent fits the sets and chains. Names of chains and sets are within the kernel's bound, and each says whose it is.
func TestDoor(t *testing.T) {
	t.Parallel()
	const maxName = 255 // NFT_NAME_MAXLEN without its NUL (linux/netfilter/nf_tables.h)
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			switch o := o.(type) {
			case *object.FilterPort:
				for _, set := range portSets() {
					if _, err := portElement(set, o.Device); err != nil {
						t.Fatalf("%s: %v", o.Key(), err)
					}
				}
				for _, set := range []string{setEgress, setIngress} {
					if _, device, ok := deviceOf(portChain(set, o.Device)); !ok || device != o.Device {
						t.Fatalf("%s: its chain is read back as that of %q", o.Key(), device)
					}
				}
			case *object.FilterGroup:
				for _, c := range chainsOf(o) {
					if number, _, ok := groupOf(c.name); !ok || number != o.Number || len(c.name) > maxName {
						t.Fatalf("%s: chain %s is read back as that of %x", o.Key(), c.name, number)
					}
				}
			case *object.FilterMembers:
				for _, m := range o.Members {
					e, err := scopeOf(o).element(m, []uint16{o.Shard})
					if err != nil {
						t.Fatalf("%s: %v", o.Key(), err)
					}
					if scope, back, ok := scopeOf(o).set(m).decodeMember(e); !ok || back != m || scope != scopeOf(o) {
						t.Fatalf("%s: %s is read back as %s", o.Key(), m, back)
					}
				}
			}
		}
	})
}
