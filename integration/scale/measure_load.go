package scale

import (
	"context"
	"fmt"
	"time"

	"weft/model"
)

// Loaded says how long many ports took, from the first write of their intent.
type Loaded struct {
	Declared, Placed, Programmed time.Duration
	Cost                         Cost
}

// Load declares n ports with their networks and floating addresses, all at once, and waits until all of them are programmed.
func (c *Cloud) Load(ctx context.Context, n int) (l Loaded, err error) {
	if err := c.put(ctx, tenants(n)); err != nil {
		return l, err
	}
	if err := c.settle(ctx); err != nil {
		return l, err
	}
	ports, floatings := c.guests(n)
	l.Cost, err = c.measure(ctx, func() error {
		start := time.Now()
		if err := c.put(ctx, ports); err != nil {
			return err
		}
		if err := c.put(ctx, floatings); err != nil {
			return err
		}
		l.Declared = time.Since(start)
		if err := c.awaitPlaced(ctx, n); err != nil {
			return err
		}
		l.Placed = time.Since(start)
		if err := c.awaitProgrammed(ctx, n); err != nil {
			return err
		}
		l.Programmed = time.Since(start)
		return nil
	})
	return l, err
}

// awaitPlaced waits until this many ports have a status that names a node and addresses.
func (c *Cloud) awaitPlaced(ctx context.Context, n int) error {
	return c.watch.await(ctx, fmt.Sprintf("%d ports to be placed", n), func() bool { return c.watch.placed >= n })
}

// awaitProgrammed waits until this many ports are programmed.
func (c *Cloud) awaitProgrammed(ctx context.Context, n int) error {
	return c.watch.await(ctx, fmt.Sprintf("%d ports to be programmed", n), func() bool { return c.watch.programmed >= n })
}

// Peers adds ports to the routed network until it has n, spread over all hosts.
func (c *Cloud) Peers(ctx context.Context, n int) error {
	var ports []model.Object
	for ; c.peers < n; c.peers++ {
		ports = append(ports, port(routedProject, fmt.Sprintf("peer-%05d", c.peers), routedNetwork, c.spread(c.peers)))
	}
	_, _, programmed, _ := c.watch.counts()
	if err := c.put(ctx, ports); err != nil {
		return err
	}
	if err := c.awaitProgrammed(ctx, programmed+len(ports)); err != nil {
		return err
	}
	return c.settleFor(ctx, 4*quiet)
}

// ControllerMemory is the leader's resident memory in KiB: now, and the peak since the last call.
func (c *Cloud) ControllerMemory() (resident, peak int, err error) {
	pid := c.controllers[0].Pid()
	if resident, peak, err = Memory(pid); err != nil {
		return 0, 0, err
	}
	return resident, peak, ForgetPeak(pid)
}
