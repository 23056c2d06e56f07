package rtnl

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// heard is what the subscription to routes and traffic control has reported since the last look.
type heard struct {
	links   []int // links whose qdiscs changed
	filters []int // links whose filters may have changed
	moved   bool  // whether a default route or a route to etcd may have changed
}

// newFeed makes the subscription to qdiscs and routes. It receives nothing before Watch.
func (d *Driver) newFeed() *own.Feed {
	return own.NewFeed(own.FeedConfig{
		Name: "routes and traffic control", Logger: d.config.Logger, Absorb: d.absorb, Changed: d.fed,
		Open: func() (*own.Subscription, error) {
			return own.Subscribe(d.config.Links.Space(), new(own.Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_TC, unix.RTNLGRP_IPV4_ROUTE,
				unix.RTNLGRP_IPV6_ROUTE)
		},
	})
}

// Watch follows the cache of links, and subscribes to routes and traffic control. It reports every change of what the driver
// knows, and subscribes again by itself.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	d.notify = notify
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		d.listener.Follow(ctx, func(changes []own.Change, lost bool) { d.linksChanged(ctx, changes, lost) })
		return nil
	})
	group.Go(func() error { return d.feed.Run(ctx) })
	return group.Wait()
}

// linksChanged reports links. The kernel does not report the IPv4 routes that it removes when a link goes down or an address is
// removed.
func (d *Driver) linksChanged(ctx context.Context, changes []own.Change, lost bool) {
	if lost {
		d.notify(object.Event{Resync: true})
	}
	var names []string
	moved := false
	for _, c := range changes {
		// The kernel does not report disable_ipv6. But the link-local address that a link then gets by itself shows that IPv6 was
		// switched on.
		names = append(names, c.Name)
		moved = moved || c.Address || c.Link && d.cache.carriesRoute(c.Index)
	}
	d.config.Links.View(func(links own.Cache) {
		for _, c := range changes {
			if _, there := links.Link(c.Index); !there {
				d.cache.forget(c.Index)
			}
		}
	})
	d.tell(ctx, names, moved)
}

// absorb applies a message about a route or a qdisc. The feed's lock is held.
func (d *Driver) absorb(m own.Message) {
	switch m.Header.Type {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		d.heard.moved = d.heard.moved || routeMatters(m)
	case unix.RTM_NEWQDISC, unix.RTM_DELQDISC:
		q, ok, err := parseQdisc(m)
		if err != nil {
			d.config.Logger.Warn("netlink message ignored", "type", m.Header.Type, "error", err)
		}
		if err != nil || !ok {
			return
		}
		if m.Header.Type == unix.RTM_DELQDISC || q.handle == 0 {
			q.kind, q.shaper = "", object.Shaper{}
		}
		if d.cache.setQdisc(q) {
			d.heard.links = append(d.heard.links, q.index)
		}
	case unix.RTM_NEWTFILTER, unix.RTM_DELTFILTER:
		if index := own.Index(m.Data); !slices.Contains(d.heard.filters, index) {
			d.heard.filters = append(d.heard.filters, index)
		}
	}
}

// fed reports what was absorbed. A link is in the cache before anything is on it.
func (d *Driver) fed(ctx context.Context, lost bool) error {
	if lost {
		d.notify(object.Event{Resync: true})
	}
	var h heard
	d.feed.Locked(func(bool) {
		h, d.heard = d.heard, heard{}
		for _, index := range h.filters {
			f, err := d.readFilters(ctx, index)
			if err != nil && ctx.Err() == nil {
				d.config.Logger.Warn("cannot read the filters of a link: what is known of them is kept", "index", index, "error", err)
			} else if err == nil && d.cache.setFilters(index, f) {
				h.links = append(h.links, index)
			}
		}
	})
	if len(h.links) > 0 || h.moved {
		d.tell(ctx, d.named(h.links), h.moved)
	}
	return nil
}

// named are the names of the existing links. What was on other links is forgotten.
func (d *Driver) named(indexes []int) (names []string) {
	d.config.Links.View(func(links own.Cache) {
		for _, index := range indexes {
			if l, there := links.Link(index); there {
				names = append(names, l.Name)
			} else {
				d.cache.forget(index)
			}
		}
	})
	return names
}

// tell reports the links. If routes may have changed, it also reports the links whose routes changed.
func (d *Driver) tell(ctx context.Context, names []string, moved bool) {
	if moved {
		links, err := d.refreshRoutes(ctx)
		if err != nil && ctx.Err() == nil {
			d.config.Logger.Warn("cannot read routes: the cache is kept until they can be read", "error", err)
		}
		names = append(names, d.named(links)...)
	}
	if len(names) > 0 {
		slices.Sort(names)
		d.notify(eventFor(slices.Compact(names)))
	}
}

// eventFor is the event with the objects and the devices.
func eventFor(names []string) object.Event {
	e := object.Event{Devices: names, Keys: make([]object.Key, 0, 2*len(names))}
	for _, n := range names {
		e.Keys = append(e.Keys, object.Key{Kind: object.KindLink, Name: n}, object.Key{Kind: object.KindQdisc, Name: n})
	}
	return e
}
