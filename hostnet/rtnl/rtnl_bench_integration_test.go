//go:build integration

package rtnl

import (
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"

	"weft/hostnet/object"
)

// BenchmarkThousandPorts measures, beside a thousand guests' devices, reading the whole host again, writing the facts, and
// changing one device and reading it back.
func BenchmarkThousandPorts(b *testing.B) {
	for i := range 1000 {
		a := netlink.NewLinkAttrs()
		a.Name = fmt.Sprintf("tap%d", i)
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: a, PeerName: fmt.Sprintf("peer%d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	d, err := New(Config{Links: openLinks(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("sync", func(b *testing.B) {
		for b.Loop() {
			if err := d.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("facts", func(b *testing.B) {
		for b.Loop() {
			var f object.Facts
			d.Facts(&f)
		}
	})
	b.Run("mtu", func(b *testing.B) {
		want := &object.Link{Name: "tap500", MTU: 1400}
		for b.Loop() {
			want.MTU ^= 8
			if err := d.Apply(b.Context(), []object.Change{{Op: object.Update, Desired: want}})[0]; err != nil {
				b.Fatal(err)
			}
		}
	})
}
