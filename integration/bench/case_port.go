package main

import (
	"context"
	"fmt"
	"time"

	"weft/hostnet/ovs/openflow"
	"weft/model"
)

// newPort measures (a): the time from the commit of a port's intent until the port is programmed, for a port whose OVS interface Weft
// creates. Each measurement is followed by one of the raw floor.
func (b *bench) newPort(ctx context.Context, n int) error {
	c := b.cloud
	var whole, resolve, host, raw, open series
	before, err := c.stages(ctx)
	if err != nil {
		return err
	}
	for i := range b.runs {
		w, r, err := c.onePort(ctx, fmt.Sprintf("new-%d-%d", n, i))
		if err != nil {
			return err
		}
		f, err := c.oneFloor(ctx)
		if err != nil {
			return err
		}
		o, err := c.openFloor(ctx)
		if err != nil {
			return err
		}
		whole, resolve, host = append(whole, w), append(resolve, r), append(host, w-r)
		raw, open = append(raw, f), append(open, o)
	}
	after, err := c.stages(ctx)
	if err != nil {
		return err
	}
	goal := "≤ floor + 20 ms"
	if n >= 1000 {
		goal = "≤ 1.2 × floor"
	}
	b.table.add(row{what: "(a) new port: commit → programmed", ports: n, p50: whole.p50(), p99: whole.p99(), goal: goal,
		versus: fmt.Sprintf("floor %s / %s: %.2f×, %+.1f ms", ms(raw.p50()), ms(raw.p99()), ratio(whole.p50(), raw.p50()),
			float64(whole.p50()-raw.p50())/float64(time.Millisecond))})
	b.table.add(row{what: "    floor, the bundle on an open connection", ports: n, p50: open.p50(), p99: open.p99()})
	b.table.add(row{what: "    etcd and controller", ports: n, p50: resolve.p50(), p99: resolve.p99()})
	b.table.add(row{what: "    host", ports: n, p50: host.p50(), p99: host.p99()})
	for _, s := range after.since(before) {
		b.table.add(row{what: "    host: " + s.stage, ports: n, value: "mean " + ms(s.mean) + fmt.Sprintf(" × %d", s.count)})
	}
	return nil
}

// onePort makes a device, commits the port, waits, and removes both again.
func (c *cloud) onePort(ctx context.Context, name string) (whole, resolve time.Duration, err error) {
	devices, err := c.devices(ctx, 1)
	if err != nil {
		return 0, 0, err
	}
	if err := c.settle(ctx); err != nil {
		return 0, 0, err
	}
	if _, err := c.put(ctx, port(name, measured, hostMain, devices[0])); err != nil {
		return 0, 0, err
	}
	committed := time.Now()
	resolved, programmed, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0)
	if err != nil {
		return 0, 0, err
	}
	revision, err := c.remove(ctx, model.ID{Project: project, Kind: model.KindPort, Name: name})
	if err != nil {
		return 0, 0, err
	}
	if err := c.journal.awaitGone(ctx, hostMain, project, name, revision); err != nil {
		return 0, 0, err
	}
	return programmed.Sub(committed), resolved.Sub(committed), c.unplug(ctx, devices[0])
}

// oneFloor adds one port and its flows to the same bridge, raw, and removes them again.
func (c *cloud) oneFloor(ctx context.Context) (time.Duration, error) {
	flows, from, err := c.referenceFlows(ctx)
	if err != nil {
		return 0, err
	}
	devices, err := c.devices(ctx, 1)
	if err != nil {
		return 0, err
	}
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := c.floor.addPorts(ctx, model.DefaultBridge, devices, nil); err != nil {
		return 0, err
	}
	numbers, err := c.floor.ofports(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.floor.bundle(ctx, model.DefaultBridge, transplant(flows, from, numbers[devices[0]])); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if err := c.floor.vsctl(ctx, "del-port", model.DefaultBridge, devices[0]); err != nil {
		return 0, err
	}
	if _, err := c.floor.ofctl(ctx, model.DefaultBridge, "", "del-flows", "cookie=0x1/-1"); err != nil {
		return 0, err
	}
	return took, c.unplug(ctx, devices[0])
}

// openFloor is oneFloor with the bundle on an OpenFlow connection that is open already.
func (c *cloud) openFloor(ctx context.Context) (time.Duration, error) {
	devices, err := c.devices(ctx, 1)
	if err != nil {
		return 0, err
	}
	s, err := openSwitch(ctx, c.host.OVS.Dir, model.DefaultBridge)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := c.floor.addPorts(ctx, model.DefaultBridge, devices, nil); err != nil {
		return 0, err
	}
	if err := s.bundle(rawFlows(portFlows, openflow.Add)); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if err := s.bundle(rawFlows(portFlows, openflow.DeleteStrict)); err != nil {
		return 0, err
	}
	if err := c.floor.vsctl(ctx, "del-port", model.DefaultBridge, devices[0]); err != nil {
		return 0, err
	}
	return took, c.unplug(ctx, devices[0])
}

// referenceFlows are the flows Weft has in place for the first port that filled the host, and its port number.
func (c *cloud) referenceFlows(ctx context.Context) (flows []string, ofport int, err error) {
	p, _ := c.journal.port(hostMain, project, "port-0")
	numbers, err := c.floor.ofports(ctx)
	if err != nil {
		return nil, 0, err
	}
	ofport = numbers[p.Device]
	all, err := c.floor.flows(ctx, model.DefaultBridge, fmt.Sprintf("table=0,in_port=%d", ofport))
	if err != nil {
		return nil, 0, err
	}
	if len(all) == 0 {
		return nil, 0, fmt.Errorf("port %d (%s) has no classification flow", ofport, p.Device)
	}
	flows, err = c.floor.flows(ctx, model.DefaultBridge, cookieWord.FindString(all[0])+"/-1")
	return flows, ofport, err
}

// latePlug measures (b) for a port that a hypervisor plugged before its intent came.
func (b *bench) latePlug(ctx context.Context, n int) error {
	c := b.cloud
	var took, floor series
	for i := range b.runs {
		name := fmt.Sprintf("late-%d-%d", n, i)
		devices, err := c.devices(ctx, 1)
		if err != nil {
			return err
		}
		if err := c.host.IP(ctx, "link", "set", devices[0], "up"); err != nil {
			return err
		}
		if err := c.host.OVS.PlugInterface(ctx, model.DefaultBridge, devices[0], name, ""); err != nil {
			return err
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
		o := port(name, measured, hostMain, devices[0])
		o.Spec.(*model.PortSpec).InterfaceID = name
		if _, err := c.put(ctx, o); err != nil {
			return err
		}
		committed := time.Now()
		_, programmed, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0)
		if err != nil {
			return err
		}
		took = append(took, programmed.Sub(committed))
		revision, err := c.remove(ctx, o.ID())
		if err != nil {
			return err
		}
		if err := c.journal.awaitGone(ctx, hostMain, project, name, revision); err != nil {
			return err
		}
		if err := c.floor.vsctl(ctx, "del-port", model.DefaultBridge, devices[0]); err != nil {
			return err
		}
		if err := c.unplug(ctx, devices[0]); err != nil {
			return err
		}
		raw, err := c.oneBundle(ctx, portFlows)
		if err != nil {
			return err
		}
		floor = append(floor, raw)
	}
	b.table.add(row{what: "(b) plugged before its intent", ports: n, p50: took.p50(), p99: took.p99(), goal: "p50 ≤ 40 ms"})
	b.table.add(row{what: fmt.Sprintf("    floor: a bundle of %d flows", portFlows), ports: n, p50: floor.p50(), p99: floor.p99()})
	return nil
}

// settle waits until the main host has nothing left to do, so that a measurement does not contain work of the one before.
func (c *cloud) settle(ctx context.Context) error { return settled(ctx, c.host) }
