package tagfilter

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// Watch follows the cache of links and subscribes to traffic control. If something happens to a link with a filter of ours, the
// driver reads again. It subscribes again by itself.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		d.listener.Follow(ctx, func(changes []own.Change, lost bool) {
			var touched []int
			for _, c := range changes {
				touched = append(touched, c.Index)
			}
			d.look(ctx, touched, lost, notify)
		})
		return nil
	})
	var touched []int // of the feed's lock
	var feed *own.Feed
	feed = own.NewFeed(own.FeedConfig{
		Name: "traffic control", Logger: d.config.Logger,
		Open: func() (*own.Subscription, error) {
			return own.Subscribe(d.config.Links.Space(), new(own.Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_TC)
		},
		Absorb: func(m own.Message) { touched = append(touched, own.Index(m.Data)) },
		Changed: func(ctx context.Context, lost bool) error {
			var links []int
			feed.Locked(func(bool) { links, touched = touched, nil })
			d.look(ctx, links, lost, notify)
			return nil
		},
	})
	group.Go(func() error { return feed.Run(ctx) })
	return group.Wait()
}

// look reads again if one of the links has a filter of ours, and reports what differs.
func (d *Driver) look(ctx context.Context, links []int, lost bool, notify func(object.Event)) {
	if lost {
		notify(object.Event{Resync: true})
	}
	d.mu.Lock()
	var changed []object.Key
	var err error
	if d.concerned(links) {
		changed, err = d.refresh(ctx)
	}
	d.mu.Unlock()
	switch {
	case err != nil:
		d.config.Logger.Warn("cannot read the filters of uplinks after a change", "error", err)
		notify(object.Event{Resync: true})
	case len(changed) > 0:
		notify(object.Event{Keys: changed})
	}
}

// concerned says whether one of the links has a filter of ours. The lock is held.
func (d *Driver) concerned(links []int) bool {
	for _, f := range d.cache {
		if slices.Contains(links, f.index) {
			return true
		}
	}
	return false
}
