package scale

import (
	"context"
	"os"
	"time"
)

// Tally counts writes.
type Tally struct{ Keys, Bytes int64 }

func (t Tally) plus(o Tally) Tally  { return Tally{t.Keys + o.Keys, t.Bytes + o.Bytes} }
func (t Tally) minus(o Tally) Tally { return Tally{t.Keys - o.Keys, t.Bytes - o.Bytes} }

// Cost is what was used between two points in time.
type Cost struct {
	Wall time.Duration
	// Controller, Etcd and Own are processor time: of all controllers, of etcd, and of this process (the simulated hosts and the
	// measurement). From Controller and Etcd, what they use when nothing is done is subtracted.
	Controller, Etcd, Own time.Duration
	// Areas are the writes to each area of keys ("desired").
	Areas map[string]Tally
	// Revisions is the number of transactions that wrote them.
	Revisions int
	// Floor is the cost of the controllers' transactions, written raw, one after the other.
	Floor Floor
}

// Written is everything that the controllers wrote.
func (c Cost) Written() (t Tally) {
	for _, area := range controllerAreas() {
		t = t.plus(c.Areas[area])
	}
	return t
}

// controllerAreas are the areas that only controllers write.
func controllerAreas() []string { return []string{"accepted", "claim", "desired", "status"} }

// rate is processor time for each second in which nothing is done.
type rate struct{ controller, etcd float64 }

// usage is what was used up to a point in time.
type usage struct {
	at                    time.Time
	controller, etcd, own time.Duration
	areas                 map[string]Tally
	revisions             int
}

func (c *Cloud) usage() (u usage, err error) {
	u.at, u.areas = time.Now(), map[string]Tally{}
	if u.etcd, err = ProcessorTime(c.testbed.Etcd().Process.Pid()); err != nil {
		return u, err
	}
	if u.own, err = ProcessorTime(os.Getpid()); err != nil {
		return u, err
	}
	for _, p := range c.controllers {
		t, err := ProcessorTime(p.Pid())
		if err != nil {
			return u, err
		}
		u.controller += t
	}
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	for area, t := range c.watch.areas {
		u.areas[area] = t
	}
	u.revisions = c.watch.revisions
	return u, nil
}

// measure returns the cost of doing something, until the controllers have nothing to write any more, and its raw floor.
func (c *Cloud) measure(ctx context.Context, do func() error) (Cost, error) {
	before, err := c.usage()
	if err != nil {
		return Cost{}, err
	}
	script := c.watch.startRecord()
	err = do()
	if err == nil {
		err = c.settle(ctx)
	}
	c.watch.stopRecord()
	if err != nil {
		return Cost{}, err
	}
	after, err := c.usage()
	if err != nil {
		return Cost{}, err
	}
	cost := c.between(before, after)
	cost.Floor, err = c.replay(ctx, script, controllerAreas())
	return cost, err
}

// between subtracts what is used when nothing is done.
func (c *Cloud) between(a, b usage) Cost {
	wall := b.at.Sub(a.at)
	idle := func(perSecond float64) time.Duration { return time.Duration(perSecond * float64(wall)) }
	cost := Cost{Wall: wall, Controller: max(0, b.controller-a.controller-idle(c.idle.controller)),
		Etcd: max(0, b.etcd-a.etcd-idle(c.idle.etcd)), Own: b.own - a.own, Revisions: b.revisions - a.revisions, Areas: map[string]Tally{}}
	for area, t := range b.areas {
		if d := t.minus(a.areas[area]); d.Keys > 0 {
			cost.Areas[area] = d
		}
	}
	return cost
}

// Idle measures what controllers and etcd use while nothing is declared, in percent of one processor. It is subtracted from all later
// measurements.
func (c *Cloud) Idle(ctx context.Context) (controller, etcd float64, err error) {
	c.idle = rate{}
	before, err := c.usage()
	if err != nil {
		return 0, 0, err
	}
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	after, err := c.usage()
	if err != nil {
		return 0, 0, err
	}
	cost := c.between(before, after)
	c.idle = rate{cost.Controller.Seconds() / cost.Wall.Seconds(), cost.Etcd.Seconds() / cost.Wall.Seconds()}
	return 100 * c.idle.controller, 100 * c.idle.etcd, nil
}

const idleTime = 5 * time.Second
