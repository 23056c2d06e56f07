package packetsocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/netns"
)

// linkWatch reports devices that are removed from a network namespace, by rtnetlink. A packet socket that is bound to no device
// is not told.
type linkWatch struct {
	space   *netns.Space
	buffers netlink.Buffers
	feed    *netlink.Feed
	tell    func(index int)
	// gone are the indexes of removed devices that were not told yet. The feed's lock protects it.
	gone []int
}

// openLinkWatch watches the calling thread's network namespace. tell is called for each device that is removed, and with 0 if
// notifications were lost, because then any device may have been removed. The device may also still exist, for example if it left a
// bridge.
func openLinkWatch(log *slog.Logger, tell func(index int)) (*linkWatch, error) {
	space, err := netns.Here()
	if err != nil {
		return nil, err
	}
	w := &linkWatch{space: space, tell: tell}
	first, err := w.subscribe()
	if err != nil {
		return nil, errors.Join(err, space.Close())
	}
	w.feed = netlink.NewFeed(netlink.FeedConfig{
		Name: "removed devices", Logger: log, First: first, Open: w.subscribe, Absorb: w.absorb, Changed: w.changed,
	})
	return w, nil
}

// run reports removed devices until ctx ends. Then it releases everything.
func (w *linkWatch) run(ctx context.Context) error {
	return errors.Join(w.feed.Run(ctx), w.space.Close())
}

// subscribe subscribes only to removals, because a thousand devices that come up send many thousand notifications.
func (w *linkWatch) subscribe() (*netlink.Subscription, error) {
	s, err := netlink.Subscribe(w.space, &w.buffers, unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return nil, err
	}
	if err := s.Only(unix.RTM_DELLINK); err != nil {
		return nil, errors.Join(fmt.Errorf("filter the notifications of removed devices: %w", err), s.Close())
	}
	return s, nil
}

func (w *linkWatch) absorb(m netlink.Message) {
	if m.Header.Type == unix.RTM_DELLINK {
		w.gone = append(w.gone, netlink.Index(m.Data))
	}
}

func (w *linkWatch) changed(_ context.Context, lost bool) error {
	var gone []int
	w.feed.Locked(func(bool) { gone, w.gone = w.gone, nil })
	if lost {
		gone = []int{0}
	}
	for _, index := range gone {
		w.tell(index)
	}
	return nil
}
