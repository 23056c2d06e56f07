package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/model"
)

const (
	filteredPorts = 100 // on the host while members come
	tenRules      = "ten"
	pingGroup     = "ping"
	peersGroup    = "peers" // the group that a rule of serverGroup names
	serverGroup   = "server"
)

// members are the numbers of members of a remote group beside which one more is measured.
func members() []int { return []int{10, 1000, 5000} }

// filters measures (n): security groups, in a cloud of its own. First ports with ten rules, what two of them reach, and a cold start. Then one more
// member of a group that a rule names.
func (b *bench) filters(ctx context.Context, sizes []int) error {
	if !strings.Contains(b.only, "n") {
		return nil
	}
	var err error
	if b.cloud, err = newCloud(ctx, b.conf); err != nil {
		return err
	}
	err = b.filterGroups(ctx)
	most := sizes[len(sizes)-1]
	for _, n := range []int{sizes[0], most} {
		if err == nil {
			err = b.portsWithTenRules(ctx, n)
		}
	}
	if err == nil {
		err = b.filteredTraffic(ctx, most)
	}
	if err == nil {
		err = b.coldStartOf(ctx, most, "(n) cold start, ports with ten rules")
	}
	for _, n := range members() {
		if err == nil {
			err = b.newMember(ctx, n)
		}
	}
	return errors.Join(err, b.cloud.close())
}

// filterGroups declares the groups, and ports that members may reach.
func (b *bench) filterGroups(ctx context.Context) error {
	var ten []model.SecurityGroupRule
	for i := range 10 {
		ten = append(ten, model.SecurityGroupRule{Direction: model.DirectionIngress, Protocol: model.IPProtocolTCP, Port: model.PortRange{First: uint16(80 + i), Last: uint16(80 + i)}})
	}
	group := func(name string, rules ...model.SecurityGroupRule) model.Object {
		return declared(model.KindSecurityGroup, project, name, &model.SecurityGroupSpec{Rules: rules})
	}
	c := b.cloud
	devices, err := c.devices(ctx, filteredPorts)
	if err != nil {
		return err
	}
	var everything []model.SecurityGroupRule // of what guests send, and ICMP
	for _, f := range []model.Family{model.FamilyIPv4, model.FamilyIPv6} {
		everything = append(everything, model.SecurityGroupRule{Direction: model.DirectionEgress, Family: f})
	}
	everything = append(everything, model.SecurityGroupRule{Direction: model.DirectionIngress, Protocol: model.IPProtocolICMP})
	objects := []model.Object{group(tenRules, ten...), group(peersGroup), group(pingGroup, everything...),
		group(serverGroup, model.SecurityGroupRule{Direction: model.DirectionIngress, RemoteGroup: peersGroup})}
	for i, d := range devices {
		objects = append(objects, filtered(fmt.Sprintf("server-%d", i), d, serverGroup))
	}
	if _, err := c.put(ctx, objects...); err != nil {
		return err
	}
	for i := range devices {
		if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, fmt.Sprintf("server-%d", i), 0); err != nil {
			return err
		}
	}
	return nil
}

// filtered is a port of the measured network with security groups, on the main host if it has a device, and else on none.
func filtered(name, device string, groups ...string) model.Object {
	o := port(name, measured, hostMain, device)
	s := o.Spec.(*model.PortSpec)
	s.SecurityGroups = groups
	if device == "" {
		s.Host = ""
	}
	return o
}

// newMember brings the group to n members, and measures one more: from the commit of its intent until the switch has its first flow.
func (b *bench) newMember(ctx context.Context, n int) error {
	c := b.cloud
	var objects []model.Object
	for i := c.members; i < n; i++ {
		objects = append(objects, filtered(fmt.Sprintf("member-%d", i), "", peersGroup))
	}
	if _, err := c.put(ctx, objects...); err != nil {
		return err
	}
	c.members = n
	want := 4 * n // two families, two directions
	if _, err := c.awaitMembers(ctx, want); err != nil {
		return err
	}
	var times, look series
	for i := range b.runs {
		if err := c.settle(ctx); err != nil {
			return err
		}
		name := fmt.Sprintf("late-%d-%d", n, i)
		if _, err := c.put(ctx, filtered(name, "", peersGroup)); err != nil {
			return err
		}
		committed := time.Now()
		last, err := c.awaitMembers(ctx, want+4)
		if err != nil {
			return err
		}
		times, look = append(times, time.Since(committed)), append(look, last)
		if _, err := c.remove(ctx, model.ID{Project: project, Kind: model.KindPort, Name: name}); err != nil {
			return err
		}
		if _, err := c.awaitMembers(ctx, want); err != nil {
			return err
		}
	}
	b.table.add(row{what: fmt.Sprintf("(n) one more member beside %d", n), ports: filteredPorts, p50: times.p50(), p99: times.p99(),
		goal: "growth ≤ 1.5 from 10 to 5,000", versus: fmt.Sprintf("one look takes %s of it", ms(look.p50()))})
	return nil
}

// awaitMembers waits until the switch has so many flows of members. It returns how long the last look took.
func (c *cloud) awaitMembers(ctx context.Context, flows int) (look time.Duration, err error) {
	for {
		began := time.Now()
		out, err := c.floor.ofctl(ctx, "br-int", "", "dump-aggregate", "table=64")
		if err != nil {
			return 0, err
		}
		if strings.HasSuffix(strings.TrimSpace(out), fmt.Sprintf(" flow_count=%d", flows)) {
			return time.Since(began), nil
		}
		if err := rest(ctx, time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// portsWithTenRules brings the host to n ports with ten rules. Then it measures one more.
func (b *bench) portsWithTenRules(ctx context.Context, n int) error {
	c := b.cloud
	devices, err := c.devices(ctx, n-c.filled)
	if err != nil {
		return err
	}
	var objects []model.Object
	for i, d := range devices {
		objects = append(objects, filtered(fmt.Sprintf("ten-%d", c.filled+i), d, tenRules))
	}
	if _, err := c.put(ctx, objects...); err != nil {
		return err
	}
	c.filled = n
	for i := range n {
		if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, fmt.Sprintf("ten-%d", i), 0); err != nil {
			return err
		}
	}
	var added series
	for i := range b.runs {
		took, err := c.oneFiltered(ctx, fmt.Sprintf("late-ten-%d-%d", n, i))
		if err != nil {
			return err
		}
		added = append(added, took)
	}
	b.table.add(row{what: "(n) new port with ten rules", ports: n, p50: added.p50(), p99: added.p99()})
	return nil
}

// oneFiltered makes a device and commits a port with ten rules, waits until it is programmed, and removes both.
func (c *cloud) oneFiltered(ctx context.Context, name string) (time.Duration, error) {
	devices, err := c.devices(ctx, 1)
	if err != nil {
		return 0, err
	}
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	if _, err := c.put(ctx, filtered(name, devices[0], tenRules)); err != nil {
		return 0, err
	}
	committed := time.Now()
	_, programmed, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0)
	if err != nil {
		return 0, err
	}
	revision, err := c.remove(ctx, model.ID{Project: project, Kind: model.KindPort, Name: name})
	if err != nil {
		return 0, err
	}
	if err := c.journal.awaitGone(ctx, hostMain, project, name, revision); err != nil {
		return 0, err
	}
	return programmed.Sub(committed), c.unplug(ctx, devices[0])
}
