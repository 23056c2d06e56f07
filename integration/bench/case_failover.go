package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/model"
)

// The hosts of the cloud of (j). hostMain and hostPeer are gateway hosts. The guest and the outside are on other hosts.
const (
	hostGuest    = "h3"
	hostOutside  = "h4"
	failoverRuns = 5
	probeSpacing = 5 * time.Millisecond
)

// failovers measures (j), in a cloud of its own.
func (b *bench) failovers(ctx context.Context) error {
	if !strings.Contains(b.only, "j") {
		return nil
	}
	progress("building the cloud of the gateway hosts")
	var err error
	if b.cloud, err = newCloud(ctx, b.conf); err != nil {
		return err
	}
	return errors.Join(b.failover(ctx), b.cloud.close())
}

// failover kills the switch of the active gateway host under a stream from outside to a floating address, and measures how long no answer
// comes. Then the host comes back and takes over again, which is measured too.
func (b *bench) failover(ctx context.Context) error {
	c := b.cloud
	if err := c.buildFailover(ctx); err != nil {
		return err
	}
	from, err := c.testbed.Guest(far)
	if err != nil {
		return err
	}
	to, err := c.testbed.Guest(inner)
	if err != nil {
		return err
	}
	var away, back series
	twice := 0
	for range failoverRuns {
		for _, dies := range []bool{true, false} {
			stream, err := testbed.StartStreamTo(from, testbed.StreamOptions{To: []*testbed.Guest{to}, At: []string{innerAddr},
				Via: floatingAddress(0).String(), Interval: probeSpacing})
			if err != nil {
				return err
			}
			err = c.turn(ctx, dies)
			r := stream.Stop()
			if err != nil {
				return err
			}
			twice += r.Twice
			if dies {
				away = append(away, r.Longest)
			} else {
				back = append(back, r.Longest)
			}
		}
	}
	b.table.add(row{what: "(j) active gateway host dies → answered again", p50: away.p50(), p99: away.p99(), goal: "below 1 s",
		versus: fmt.Sprintf("%d answers twice", twice)})
	b.table.add(row{what: "(j) it comes back and takes over", p50: back.p50(), p99: back.p99()})
	return nil
}

// turn kills the switch of the first gateway host, and waits until the other host is active. Or it starts the switch again, and waits
// until the first host is active.
func (c *cloud) turn(ctx context.Context, dies bool) error {
	first, second := c.order[0], c.order[1]
	p, err := c.testbed.Process("vswitchd " + first)
	if err != nil {
		return err
	}
	if dies {
		p.Kill()
		return c.awaitGateway(ctx, second, etcdschema.GatewayActive)
	}
	if err := p.Start(); err != nil {
		return err
	}
	if err := c.awaitGateway(ctx, second, etcdschema.GatewayStandby); err != nil {
		return err
	}
	return c.awaitGateway(ctx, first, etcdschema.GatewayActive)
}

// awaitGateway waits until the router's status says so of the host.
func (c *cloud) awaitGateway(ctx context.Context, host string, want etcdschema.GatewayState) error {
	return c.journal.await(ctx, fmt.Sprintf("%s to be %s", host, want), func() bool { return c.journal.gateways[host] == want })
}

func (c *cloud) buildFailover(ctx context.Context) error {
	var objects []model.Object
	for _, h := range []string{hostMain, hostPeer, hostGuest, hostOutside} {
		s := &model.HostSpec{PhysicalNetworks: []model.HostPhysicalNetwork{{Name: physicalNetwork, Interface: "eth1"}}}
		if h == hostMain || h == hostPeer {
			s.Roles = []model.HostRole{model.RoleGateway}
		}
		objects = append(objects, declared(model.KindHost, "", h, s))
	}
	objects = append(objects, outsideNetwork(), network(insideNet, 200),
		declared(model.KindRouter, project, router, &model.RouterSpec{Networks: []string{insideNet}, ExternalNetwork: outsideNet,
			Gateway: model.GatewayCentralized}),
		placed(inner, insideNet, hostGuest, innerMAC, innerAddr), placed(far, outsideNet, hostOutside, farMAC, farAddr),
		floating("front", 0, inner, address(innerAddr)))
	if _, err := c.put(ctx, objects...); err != nil {
		return err
	}
	for _, h := range []string{hostGuest, hostOutside} {
		if _, err := c.testbed.AddHost(h, testbed.HostOptions{}); err != nil {
			return err
		}
	}
	if err := c.addGuest(ctx, inner, hostGuest, innerMAC, innerAddr+"/16", innerGate); err != nil {
		return err
	}
	if err := c.addGuest(ctx, far, hostOutside, farMAC, farAddr+"/15", ""); err != nil {
		return err
	}
	err := c.journal.await(ctx, "a gateway host to be active", func() bool {
		return len(c.journal.order) == 2 && c.journal.gateways[c.journal.order[0]] == etcdschema.GatewayActive
	})
	c.order = c.journal.gatewayOrder()
	return err
}
