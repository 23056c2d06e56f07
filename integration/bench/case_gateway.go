package main

import (
	"context"
	"fmt"

	"weft/integration/testbed"
)

// The plain router that (k) is compared with: two guests on a NORMAL bridge of the same switch process, in two of its VLANs, and a
// namespace between them that only forwards.
const (
	plainRouter  = "plain-router"
	plainInside  = "10.251.0.5"
	plainOutside = "10.252.0.5"
	// routedRuns are many, because a hash decides which processor handles a connection.
	routedRuns = 9
)

// routed measures (k): TCP from the guest behind the router to somebody outside on the same host, translated twice, in turn
// with the same between two guests of a plain kernel router.
func (b *bench) routed(ctx context.Context, n int) error {
	c := b.cloud
	if err := c.plainRouted(ctx); err != nil {
		return err
	}
	var weft, plain []float64
	for range routedRuns {
		w, err := c.iperfTo(ctx, inner, near, nearAddr, iperfPort)
		if err != nil {
			return err
		}
		p, err := c.iperfTo(ctx, plainDevice+"-in", plainDevice+"-out", plainOutside, iperfPort)
		if err != nil {
			return err
		}
		weft, plain = append(weft, w), append(plain, p)
	}
	w, p := middle(weft), middle(plain)
	b.table.add(row{what: "(k) TCP through gateway and NAT", ports: n, value: fmt.Sprintf("%.2f Gbit/s", w/1e9), goal: "≥ 0.9",
		versus: fmt.Sprintf("plain kernel router %.2f Gbit/s: %.2f×", p/1e9, w/p)})
	return nil
}

// plainRouted builds the plain bridge, the two guests and the router between them.
func (c *cloud) plainRouted(ctx context.Context) error {
	if err := c.floor.vsctl(ctx, "add-br", plainBridge, "--", "set", "bridge", plainBridge, "datapath_type=netdev"); err != nil {
		return err
	}
	for i, g := range []struct{ name, address, via string }{
		{plainDevice + "-in", plainInside, "10.251.0.1"}, {plainDevice + "-out", plainOutside, "10.252.0.1"},
	} {
		guest, err := c.testbed.AddGuest(g.name, testbed.GuestOptions{Host: hostMain, Device: fmt.Sprintf("%s%d", plainDevice, i),
			MAC: fmt.Sprintf("02:00:00:00:01:%02x", i+1), Plug: testbed.PlugInterface, Bridge: plainBridge, InterfaceID: g.name})
		if err != nil {
			return err
		}
		for _, args := range [][]string{{"addr", "add", g.address + "/24", "dev", "eth0"}, {"route", "add", "default", "via", g.via}} {
			if err := guest.IP(ctx, args...); err != nil {
				return err
			}
		}
		if err := c.floor.vsctl(ctx, "set", "port", fmt.Sprintf("%s%d", plainDevice, i), fmt.Sprintf("tag=%d", 10+i)); err != nil {
			return err
		}
	}
	return c.plainRouter(ctx)
}

// plainRouter is a guest with a second interface that forwards.
func (c *cloud) plainRouter(ctx context.Context) error {
	r, err := c.testbed.AddGuest(plainRouter, testbed.GuestOptions{Host: hostMain, Device: plainDevice + "-r0", MAC: "02:00:00:00:01:10",
		Plug: testbed.PlugInterface, Bridge: plainBridge, InterfaceID: plainRouter})
	if err != nil {
		return err
	}
	second := plainDevice + "-r1"
	if err := c.host.IP(ctx, "link", "add", second, "type", "veth", "peer", "name", "eth1", "netns", r.Namespace.Name); err != nil {
		return err
	}
	if err := c.host.IP(ctx, "link", "set", second, "up"); err != nil {
		return err
	}
	if _, err := r.Run(ctx, "ethtool", "-K", "eth1", "tx", "off"); err != nil {
		return err
	}
	for _, args := range [][]string{{"addr", "add", "10.251.0.1/24", "dev", "eth0"}, {"addr", "add", "10.252.0.1/24", "dev", "eth1"},
		{"link", "set", "eth1", "up"}} {
		if err := r.IP(ctx, args...); err != nil {
			return err
		}
	}
	if err := r.Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		return err
	}
	return c.floor.vsctl(ctx, "add-port", plainBridge, second, "tag=11", "--", "set", "port", plainDevice+"-r0", "tag=10")
}
