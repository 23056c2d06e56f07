package bridge

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// newFeed makes the subscription to forwarding tables. It receives nothing before Watch.
func (d *Driver) newFeed() *own.Feed {
	return own.NewFeed(own.FeedConfig{
		Name: "forwarding tables", Logger: d.config.Logger, Absorb: d.absorb, Changed: d.fed,
		Open: func() (*own.Subscription, error) {
			return own.Subscribe(d.config.Links.Space(), new(own.Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_NEIGH)
		},
	})
}

// Watch follows the cache of links and subscribes to forwarding tables. It reports every change, and subscribes again by itself.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	d.notify = notify
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		d.listener.Follow(ctx, d.linksChanged)
		return nil
	})
	group.Go(func() error { return d.feed.Run(ctx) })
	return group.Wait()
}

func (d *Driver) linksChanged(changes []own.Change, lost bool) {
	var names []string
	for _, c := range changes {
		if c.Link {
			names = append(names, c.Name)
		}
	}
	d.tell(names, lost)
}

// absorb applies one message about a forwarding table. The feed's lock is held.
func (d *Driver) absorb(m own.Message) {
	if m.Header.Type != unix.RTM_NEWNEIGH && m.Header.Type != unix.RTM_DELNEIGH || len(m.Data) == 0 || m.Data[0] != unix.AF_BRIDGE {
		return
	}
	e, ok, err := parseEntry(m.Data)
	if err != nil {
		d.config.Logger.Warn("netlink message ignored", "type", m.Header.Type, "error", err)
	}
	if ok && d.entries.set(e, m.Header.Type == unix.RTM_NEWNEIGH) && (d.mine == nil || *d.mine != e) {
		d.heard = append(d.heard, e.index)
	}
}

// fed reports what was absorbed. A port is in the cache before it has entries.
func (d *Driver) fed(_ context.Context, lost bool) error {
	var names []string
	d.look(func(v cache) {
		for _, index := range d.heard {
			if name := v.name(index); name != "" {
				names = append(names, name)
			}
		}
		d.heard = nil
	})
	d.tell(names, lost)
	return nil
}

// tell reports the objects that devices with these names may be.
func (d *Driver) tell(names []string, lost bool) {
	slices.Sort(names)
	e := object.Event{Resync: lost}
	for _, n := range slices.Compact(names) {
		e.Keys = append(e.Keys, keysOf(n)...)
	}
	if lost || len(e.Keys) > 0 {
		d.notify(e)
	}
}
