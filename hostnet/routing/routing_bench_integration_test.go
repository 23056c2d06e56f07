//go:build integration

package routing

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"weft/hostnet/object"
)

// The size of the measured host.
const (
	benchRouters    = 50
	benchInterfaces = 4
	benchNeighbors  = 2000 // of one network
)

// benchHost is the content of a host with many routers.
func benchHost() (want []object.Object) {
	for r := range benchRouters {
		namespace := fmt.Sprintf("weft-router-%d", r)
		want = append(want, &object.Namespace{OwnerUID: "r", Name: namespace})
		for l := range benchInterfaces {
			gateway := netip.AddrFrom4([4]byte{10, byte(l), 0, 1})
			want = append(want, routerInterface(namespace, fmt.Sprintf("wl%d-%d", r, l), fmt.Sprintf("n%d", l), netip.PrefixFrom(gateway, 16))...)
		}
	}
	for n := range benchNeighbors {
		want = append(want, benchNeighbor(n, macA))
	}
	return want
}

func benchNeighbor(n int, mac object.MAC) *object.Neighbor {
	a := [4]byte{10, 0}
	binary.BigEndian.PutUint16(a[2:], uint16(n+2))
	return &object.Neighbor{Namespace: "weft-router-0", Device: "n0", Address: netip.AddrFrom4(a), MAC: mac,
		After: []object.Key{{Kind: object.KindVeth, Name: "weft-router-0/n0"}}}
}

// BenchmarkHost measures a host with 50 routers of 4 interfaces and 2,000 neighbours: making all of it, reading it again, and
// changing one neighbour.
func BenchmarkHost(b *testing.B) {
	h := newHost(b)
	h.start()
	want := benchHost()
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			h.converge(want...)
			b.StopTimer()
			h.converge()
			b.StartTimer()
		}
	})
	h.converge(want...)
	b.Run("sync", func(b *testing.B) {
		for b.Loop() {
			must(b, h.Sync(b.Context()))
		}
	})
	b.Run("neighbor", func(b *testing.B) {
		macs := []object.MAC{macB, macA}
		for i := 0; b.Loop(); i++ {
			change := object.Change{Op: object.Update, Desired: benchNeighbor(7, macs[i%2])}
			must(b, h.Apply(b.Context(), []object.Change{change})[0])
		}
	})
}
