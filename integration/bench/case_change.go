package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"weft/model"
)

// addressFlows and portFlows are the numbers of flow modifications for another address, and for a port with two addresses.
const (
	addressFlows = 6
	portFlows    = 16
)

// changes measures (b) for changes that create no OVS port: another address of a port, and another lease option of a
// network. The network holds one port on the host, whatever else the host holds.
func (b *bench) changes(ctx context.Context, n int) error {
	c := b.cloud
	name := fmt.Sprintf("changing-%d", n)
	devices, err := c.devices(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := c.put(ctx, port(name, measured, hostMain, devices[0])); err != nil {
		return err
	}
	if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0); err != nil {
		return err
	}
	var address, option, floor series
	for i := range b.runs {
		took, err := c.changeAddress(ctx, name, devices[0], i)
		if err != nil {
			return err
		}
		address = append(address, took)
		if took, err = c.changeOption(ctx, i); err != nil {
			return err
		}
		option = append(option, took)
		if took, err = c.oneBundle(ctx, addressFlows); err != nil {
			return err
		}
		floor = append(floor, took)
	}
	b.table.add(row{what: "(b) another address", ports: n, p50: address.p50(), p99: address.p99(), goal: "p50 ≤ 40 ms"})
	b.table.add(row{what: fmt.Sprintf("    floor: a bundle of %d flows", addressFlows), ports: n, p50: floor.p50(), p99: floor.p99()})
	b.table.add(row{what: "(b) another lease option", ports: n, p50: option.p50(), p99: option.p99(), goal: "p50 ≤ 40 ms"})
	revision, err := c.remove(ctx, model.ID{Project: project, Kind: model.KindPort, Name: name})
	if err != nil {
		return err
	}
	if err := c.journal.awaitGone(ctx, hostMain, project, name, revision); err != nil {
		return err
	}
	return c.unplug(ctx, devices[0])
}

// changeAddress gives the port another address, a new one each time.
func (c *cloud) changeAddress(ctx context.Context, name, device string, i int) (time.Duration, error) {
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	have, before := c.journal.port(hostMain, project, name)
	o := port(name, measured, hostMain, device)
	spec := o.Spec.(*model.PortSpec)
	for _, a := range have.Addresses {
		if a.Is6() {
			spec.Addresses = append(spec.Addresses, a)
		}
	}
	spec.Addresses = append(spec.Addresses, model.Address{Addr: netip.AddrFrom4([4]byte{10, 200, 200, byte(1 + i)})})
	if _, err := c.put(ctx, o); err != nil {
		return 0, err
	}
	committed := time.Now()
	_, programmed, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, before)
	return programmed.Sub(committed), err
}

// changeOption gives the measured network another lease time.
func (c *cloud) changeOption(ctx context.Context, i int) (time.Duration, error) {
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	o := network(measured, 200)
	o.Spec.(*model.NetworkSpec).DHCP.LeaseTime = model.Duration{Duration: time.Hour + time.Duration(i)*time.Second}
	revision, err := c.put(ctx, o)
	if err != nil {
		return 0, err
	}
	committed := time.Now()
	err = c.journal.await(ctx, "the lease option to be programmed", func() bool {
		return c.journal.report[hostMain].ProcessedRevision > revision
	})
	return time.Since(committed), err
}

// keys measures (f): the keys written for one new port, by area, and the nodes that they concern.
func (b *bench) keys(ctx context.Context, n int) error {
	c := b.cloud
	name := fmt.Sprintf("keys-%d", n)
	devices, err := c.devices(ctx, 1)
	if err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	mark := c.journal.mark()
	if _, err := c.put(ctx, port(name, measured, hostMain, devices[0])); err != nil {
		return err
	}
	if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0); err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	areas, nodes := map[string]int{}, map[string]bool{}
	for _, k := range c.journal.since(mark) {
		parts := strings.Split(k, "/")
		areas[parts[0]]++
		if parts[0] == "desired" {
			nodes[parts[1]] = true
		}
	}
	var cells []string
	for a, count := range areas {
		cells = append(cells, fmt.Sprintf("%s %d", a, count))
	}
	slices.Sort(cells)
	b.table.add(row{what: "(f) keys written for a new port", ports: n, value: strings.Join(cells, ", "),
		versus: fmt.Sprintf("%d node(s) concerned", len(nodes))})
	revision, err := c.remove(ctx, model.ID{Project: project, Kind: model.KindPort, Name: name})
	if err != nil {
		return err
	}
	if err := c.journal.awaitGone(ctx, hostMain, project, name, revision); err != nil {
		return err
	}
	return c.unplug(ctx, devices[0])
}
