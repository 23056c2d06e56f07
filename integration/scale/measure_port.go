package scale

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/model"
)

// Ports are single ports, each with how long it took from etcd's answer to the transaction that writes its intent.
type Ports struct {
	Placed, Programmed []time.Duration
	// Cost is the cost of all ports together.
	Cost Cost
}

// OnePort declares single ports on a network without a router, one after the other, with nothing to do in between.
func (c *Cloud) OnePort(ctx context.Context, runs int) (Ports, error) {
	return c.single(ctx, projectName(0), networkName(routedNetworks), runs)
}

// OneRoutedPort declares single ports on the network for which all hosts are gateways.
func (c *Cloud) OneRoutedPort(ctx context.Context, runs int) (Ports, error) {
	return c.single(ctx, routedProject, routedNetwork, runs)
}

func (c *Cloud) single(ctx context.Context, project, network string, runs int) (p Ports, err error) {
	if err := c.settle(ctx); err != nil {
		return p, err
	}
	p.Cost, err = c.measure(ctx, func() error {
		for range runs {
			if err := c.settle(ctx); err != nil {
				return err
			}
			o := c.another(project, network)
			if err := c.put(ctx, []model.Object{o}); err != nil {
				return err
			}
			committed := time.Now()
			state, err := c.watch.awaitPort(ctx, o.Metadata.Project+"/"+o.Metadata.Name)
			if err != nil {
				return err
			}
			p.note(committed, state)
		}
		return nil
	})
	return p, err
}

// note records one port's times. The observer may see a port before etcd's answer is read.
func (p *Ports) note(committed time.Time, s portState) {
	p.Placed = append(p.Placed, max(0, s.placed.Sub(committed)))
	p.Programmed = append(p.Programmed, max(0, s.programmed.Sub(committed)))
}

// another is a new port.
func (c *Cloud) another(project, network string) model.Object {
	c.more++
	return port(project, fmt.Sprintf("more-%05d", c.more), network, c.spread(c.more))
}

const (
	// StormRate is the number of ports that a storm declares each second.
	StormRate = 200
	// stormWriters bounds the transactions in flight, so that an etcd that answers late is not overloaded.
	stormWriters = 64
)

// Storm declares n ports at StormRate, each in a transaction, on the tenants' networks without a router.
func (c *Cloud) Storm(ctx context.Context, n int) (p Ports, err error) {
	if err := c.settle(ctx); err != nil {
		return p, err
	}
	objects := make([]model.Object, n)
	for i := range objects {
		objects[i] = c.another(projectName(0), networkName(routedNetworks))
	}
	_, _, programmed, _ := c.watch.counts()
	var committed map[string]time.Time
	p.Cost, err = c.measure(ctx, func() error {
		var err error
		if committed, err = c.storm(ctx, objects); err != nil {
			return err
		}
		return c.awaitProgrammed(ctx, programmed+n)
	})
	for name, at := range committed {
		p.note(at, c.watch.state(name))
	}
	return p, err
}

// storm writes the objects at StormRate and returns when each was committed, by project/name.
func (c *Cloud) storm(ctx context.Context, objects []model.Object) (map[string]time.Time, error) {
	var mu sync.Mutex
	committed := map[string]time.Time{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(stormWriters)
	tick := time.NewTicker(time.Second / StormRate)
	defer tick.Stop()
	for _, o := range objects {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, g.Wait()
		}
		g.Go(func() error {
			t := etcdschema.NewTxn()
			t.Put(etcdschema.Intent(o.ID()), o)
			if err := c.commit(ctx, t); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			committed[o.Metadata.Project+"/"+o.Metadata.Name] = time.Now()
			return nil
		})
	}
	return committed, g.Wait()
}
