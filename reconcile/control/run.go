package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
)

// Run works until ctx ends. It then resigns, so that another replica takes over at once. It returns nil after a clean stop.
func (c *Controller) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.follow(ctx) })
	g.Go(func() error { return c.campaign(ctx) })
	g.Go(func() error { return c.writeStatuses(ctx) })
	g.Go(func() error { return newLoop(c).run(ctx) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("controller %s: %w", c.config.Name, err)
	}
	return nil
}

func (c *Controller) follow(ctx context.Context) error {
	return c.follower.Run(ctx, func(b etcdschema.Batch) error {
		select {
		case c.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// campaign makes this replica a candidate whenever it does not lead.
func (c *Controller) campaign(ctx context.Context) error {
	select {
	case <-c.ready: // a leader must have a complete cache
	case <-ctx.Done():
		return nil
	}
	for ctx.Err() == nil {
		lead, err := c.config.Client.Campaign(ctx, c.config.Election, c.config.Name, c.config.SessionTTL)
		if err != nil {
			if ctx.Err() == nil {
				c.log.Warn("standing for election failed, trying again", "error", err)
				pause(ctx, time.Second)
			}
			continue
		}
		c.lead(ctx, lead)
	}
	return nil
}

// lead gives the leadership to the loop and waits until it or ctx ends.
func (c *Controller) lead(ctx context.Context, lead *etcdschema.Leadership) {
	select {
	case c.leaders <- lead:
		select {
		case <-lead.Done():
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	resign, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := lead.Resign(resign); err != nil {
		c.log.Warn("giving up the leadership", "error", err)
	}
}
