package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"weft/integration/testbed"
	"weft/model"
)

// The cloud for the measurements of gateways. It has a guest behind a router on the main host. Outside, on the external network, it has
// one guest on the other host and one on the main host. It also has ports that the other floating addresses lead to.
const (
	insideNet  = "inside"
	outsideNet = "outside"
	router     = "way"
	inner      = "inner"                // the guest behind the router, on hostMain
	far        = "far"                  // outside, on hostPeer
	near       = "near"                 // outside, on hostMain
	perPort    = model.MaxPortAddresses // addresses of each port that the other floating addresses lead to
	unplugged  = "off"                  // prefix of the device names of those ports; their guests are off
	innerAddr  = "10.200.0.5"
	innerGate  = "10.200.0.1"
	farAddr    = "198.19.0.5"
	nearAddr   = "198.19.0.6"
	upstream   = "198.19.0.1" // the external network's gateway; nobody has this address
	innerMAC   = "fa:16:3e:0b:00:05"
	farMAC     = "fa:16:3e:0b:01:05"
	nearMAC    = "fa:16:3e:0b:01:06"
	floatingOf = "198.18.0.0" // the first of all floating addresses
)

// gateways measures what routers and floating addresses cost, in a cloud of its own.
func (b *bench) gateways(ctx context.Context, others []int) error {
	if !strings.ContainsAny(b.only, "hik") {
		return nil
	}
	progress("building the cloud of the gateways")
	var err error
	if b.cloud, err = newCloud(ctx, b.conf); err != nil {
		return err
	}
	b.cloud.pool = (others[len(others)-1] + perPort - 1) / perPort
	err = b.cloud.buildGateway(ctx)
	if err == nil {
		err = b.each(ctx, 0, measure{"k", b.routed})
	}
	for _, n := range others {
		if err == nil && strings.ContainsAny(b.only, "hi") {
			progress("filling the host to %d floating addresses", n)
			err = b.cloud.fillFloating(ctx, n)
		}
		if err == nil {
			err = b.each(ctx, n, measure{"h", b.associate})
		}
	}
	if err == nil {
		err = b.each(ctx, others[len(others)-1], measure{"i", b.reload})
	}
	if err == nil {
		b.table.growth(others)
	}
	return errors.Join(err, b.cloud.close())
}

func (c *cloud) buildGateway(ctx context.Context) error {
	objects := []model.Object{outsideNetwork(), network(insideNet, 200),
		declared(model.KindRouter, project, router, &model.RouterSpec{Networks: []string{insideNet}, ExternalNetwork: outsideNet}),
		placed(inner, insideNet, hostMain, innerMAC, innerAddr),
		placed(far, outsideNet, hostPeer, farMAC, farAddr), placed(near, outsideNet, hostMain, nearMAC, nearAddr)}
	for i := range c.pool {
		o := port(poolName(i), insideNet, hostMain, fmt.Sprint(unplugged, i))
		for k := range perPort {
			o.Spec.(*model.PortSpec).Addresses = append(o.Spec.(*model.PortSpec).Addresses, poolAddress(i, k))
		}
		objects = append(objects, o)
	}
	revision, err := c.put(ctx, objects...)
	if err != nil {
		return err
	}
	for _, g := range []struct{ name, host, mac, address, via string }{
		{inner, hostMain, innerMAC, innerAddr + "/16", innerGate}, {far, hostPeer, farMAC, farAddr + "/15", ""},
		{near, hostMain, nearMAC, nearAddr + "/15", ""},
	} {
		if err := c.addGuest(ctx, g.name, g.host, g.mac, g.address, g.via); err != nil {
			return err
		}
	}
	return c.journal.await(ctx, "the gateway to be programmed", func() bool {
		m, p := c.journal.report[hostMain], c.journal.report[hostPeer]
		return m.Ports >= 2 && m.Exceptions == c.pool && m.EtcdRevision > revision && p.Ports >= 1 && p.Exceptions == 0
	})
}

// outsideNetwork is the external network.
func outsideNetwork() model.Object {
	o := network(outsideNet, 0)
	s := o.Spec.(*model.NetworkSpec)
	s.External = &model.External{}
	s.Subnets = []model.Subnet{{CIDR: prefix("198.18.0.0/15"), Gateway: address(upstream)}}
	return o
}

// addGuest plugs a guest under the device name that placed gave its port.
func (c *cloud) addGuest(ctx context.Context, name, host, mac, address, via string) error {
	g, err := c.testbed.AddGuest(name, testbed.GuestOptions{Host: host, Device: "g-" + name, MAC: mac})
	if err != nil {
		return err
	}
	if err := g.IP(ctx, "addr", "add", address, "dev", "eth0"); err != nil {
		return err
	}
	if via == "" {
		return nil
	}
	return g.IP(ctx, "route", "add", "default", "via", via)
}

// placed is a port with a given MAC and address.
func placed(name, net, host, mac, at string) model.Object {
	o := port(name, net, host, "g-"+name)
	s := o.Spec.(*model.PortSpec)
	s.MAC, _ = model.ParseMAC(mac)
	s.Addresses = []model.Address{address(at)}
	return o
}

func poolName(i int) string { return fmt.Sprintf("pool-%d", i) }

// poolAddress is the k-th address of the i-th pool port.
func poolAddress(i, k int) model.Address {
	return model.Address{Addr: netip.AddrFrom4([4]byte{10, 200, byte(1 + i/perPort), byte(i%perPort*perPort + k)})}
}

// floatingAddress is the n-th of all.
func floatingAddress(n int) model.Address {
	a := netip.MustParseAddr(floatingOf).As4()
	return model.Address{Addr: netip.AddrFrom4([4]byte{a[0], a[1], byte(n>>8) + 1, byte(n)})}
}

func address(s string) model.Address { return model.Address{Addr: netip.MustParseAddr(s)} }
func prefix(s string) model.Prefix   { return model.Prefix{Prefix: netip.MustParsePrefix(s)} }

// fillFloating brings the main host to n floating addresses, spread over the pool's ports and their addresses.
func (c *cloud) fillFloating(ctx context.Context, n int) error {
	var objects []model.Object
	for ; c.floating < n; c.floating++ {
		i := c.floating
		objects = append(objects, floating(fmt.Sprintf("other-%d", i), i, poolName(i/perPort), poolAddress(i/perPort, i%perPort)))
	}
	revision, err := c.put(ctx, objects...)
	if err != nil {
		return err
	}
	err = c.journal.await(ctx, "the floating addresses to be programmed", func() bool {
		r := c.journal.report[hostMain]
		return c.journal.floating[hostMain] >= n && r.Exceptions == c.pool && r.EtcdRevision > revision &&
			r.ProcessedRevision >= c.journal.newest[hostMain]
	})
	if err != nil {
		return fmt.Errorf("%w; the host reports %+v", err, c.journal.nodeReport(hostMain))
	}
	return c.settle(ctx)
}

// floating is the n-th floating address, associated with a port's fixed address; "" leaves it free.
func floating(name string, n int, port string, fixed model.Address) model.Object {
	s := &model.FloatingIPSpec{Network: outsideNet, Address: floatingAddress(n), Port: port}
	if port != "" {
		s.FixedAddress = fixed
	}
	return declared(model.KindFloatingIP, project, name, s)
}
