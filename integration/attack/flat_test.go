//go:build integration

package attack

import (
	"context"
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/model"
)

// machine is a machine on the physical network that Weft does not look after.
var machine = guest{mac: object.MAC{2, 0, 0, 0, 0, 0x99}, v4: netip.MustParseAddr("10.1.0.200"), v6: netip.MustParseAddr("fd00:1::200")}

// flat makes network red flat. Network blue stays in its VLAN on the same NIC.
func (st *stage) flat(t *testing.T) *stage {
	t.Helper()
	red := st.config.Network(netRed)
	red.Type, red.SegmentationID = model.NetworkTypeFlat, 0
	st.converge(t)
	return st
}

// flatSegment is the untagged segment of the NIC, with guest c in the VLAN beside it.
func (st *stage) flatSegment() segment {
	closingOf := func(from *tap) ([]byte, map[*tap][]byte) {
		switch from {
		case st.uplink:
			f := closing(&machine)
			return f, map[*tap][]byte{st.a.tap: f, st.b.tap: f}
		case st.c.tap:
			f := closing(st.c)
			return f, map[*tap][]byte{st.uplink: onBlue(f)}
		}
		f := closing(st.a)
		return f, map[*tap][]byte{st.b.tap: f, st.uplink: f}
	}
	return segment{taps: []*tap{st.a.tap, st.b.tap, st.c.tap, st.uplink}, closing: closingOf, answers: func(t *testing.T, ctx context.Context) []string {
		a := st.a
		ask := arp(machine.mac, 1, machine.mac, machine.v4, a.v4)
		tell := eth(a.mac, machine.mac, 0x0806, arp(a.mac, 2, a.mac, a.v4, machine.v4)[14:])
		faults := answered(t, ctx, question{"guest a", st.uplink, a.tap, ask, tell, ask, tell})
		if _, err := st.b.until(ctx, ask); err != nil {
			faults = append(faults, err.Error())
		}
		return faults
	}}
}

// tags are the ways to tag a frame by which it might get into a flat network, out of it, or into the VLAN beside it.
func tags() map[string]func([]byte) []byte {
	tag := func(tags ...uint16) func([]byte) []byte { // pairs of type and content, the innermost first
		return func(f []byte) []byte {
			for i := 0; i < len(tags); i += 2 {
				f = tagged(f, tags[i], tags[i+1])
			}
			return f
		}
	}
	return map[string]func([]byte) []byte{
		"priority tag":                                   tag(0x8100, 0),
		"priority tag with a priority":                   tag(0x8100, 0xa000),
		"priority tag with the drop eligible bit":        tag(0x8100, 0x1000),
		"priority tag of 802.1ad":                        tag(0x88a8, 0),
		"VLAN that nobody has":                           tag(0x8100, 103),
		"VLAN that the network had":                      tag(0x8100, vidRed),
		"VLAN 4095":                                      tag(0x8100, 4095),
		"VLAN of 802.1ad":                                tag(0x88a8, 103),
		"the VLAN beside it, of 802.1ad":                 tag(0x88a8, vidBlue),
		"two priority tags":                              tag(0x8100, 0, 0x8100, 0),
		"priority tag behind a VLAN that nobody has":     tag(0x8100, 0, 0x8100, 103),
		"priority tag before the VLAN beside it":         tag(0x8100, vidBlue, 0x8100, 0),
		"802.1ad priority tag before the VLAN beside it": tag(0x8100, vidBlue, 0x88a8, 0),
		"802.1ad before the VLAN beside it":              tag(0x8100, vidBlue, 0x88a8, vidBlue),
		"priority tag in the VLAN beside it":             tag(0x8100, 0, 0x8100, vidBlue),
		"the VLAN beside it, twice":                      tag(0x8100, vidBlue, 0x8100, vidBlue),
	}
}

// flatCrossings: a frame with a tag of any kind is not of the flat network, from the wire or from a guest. Each is sent to one and to all.
func (st *stage) flatCrossings() (list []crossing) {
	a := st.a
	one := func(n byte) []byte {
		return eth(machine.mac, a.mac, 0x0800, ipv4(machine.v4, a.v4, 17, udp(5000, 5001, []byte{n})))
	}
	all := func(n byte) []byte {
		return eth(machine.mac, broadcast, 0x0800, ipv4(machine.v4, all4, 17, udp(5000, 5001, []byte{n})))
	}
	said := func(n byte) []byte { return arp(a.mac, 1, a.mac, a.v4, netip.AddrFrom4([4]byte{10, 1, 0, n})) }
	told := func(n byte) []byte {
		return eth(a.mac, st.b.mac, 0x0800, ipv4(a.v4, st.b.v4, 17, udp(5000, 5001, []byte{n})))
	}
	n := byte(100) // a last byte that nobody has
	for name, tag := range tags() {
		n++
		toOne, toAll := one(n), all(n)
		list = append(list,
			crossing{"from the wire to one: " + name, st.uplink, tag(toOne), toOne, map[*tap][]byte{a.tap: toOne}},
			crossing{"from the wire to all: " + name, st.uplink, tag(toAll), toAll, map[*tap][]byte{a.tap: toAll, st.b.tap: toAll}},
			crossing{"from a guest to all: " + name, a.tap, tag(said(n)), said(n), map[*tap][]byte{st.b.tap: said(n), st.uplink: said(n)}},
			crossing{"from a guest to another: " + name, a.tap, tag(told(n)), told(n), map[*tap][]byte{st.b.tap: told(n)}},
		)
	}
	blue := arp(st.c.mac, 1, st.c.mac, st.c.v4, netip.AddrFrom4([4]byte{10, 2, 0, 99}))
	wire := eth(stranger.mac, broadcast, 0x0800, ipv4(stranger.v4, all4, 17, udp(5000, 5001, nil)))
	return append(list,
		crossing{"the VLAN beside it stays there", st.c.tap, nil, blue, map[*tap][]byte{st.uplink: onBlue(blue)}},
		crossing{"the VLAN beside it from the wire", st.uplink, nil, onBlue(wire), map[*tap][]byte{st.c.tap: wire}},
		crossing{"a guest's own MAC from the wire", st.uplink, eth(st.b.mac, broadcast, 0x0806, said(200)[14:]), all(250), map[*tap][]byte{a.tap: all(250), st.b.tap: all(250)}},
	)
}

// TestFlatNetworkTakesNoTags: what a hostile guest or machine tags reaches nobody. Without a flat network, untagged frames reach nobody
// either: TestHostileNetwork.
func TestFlatNetworkTakesNoTags(t *testing.T) {
	t.Parallel()
	st := newStage(t).flat(t)
	st.flatSegment().judge(t, st.flatCrossings())
	st.nobodyElseHeard(t)
}
