package rtnl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// subscriptionBuffer is the socket's receive buffer in bytes: a thousand links that come up at once fit. The kernel
// reports what does not fit as ENOBUFS, which becomes a Resync.
const subscriptionBuffer = 8 << 20

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// Watch subscribes to links, addresses, routes and traffic control on one socket, so that their order is the kernel's.
// It keeps the view and reports every change of it; it resubscribes by itself.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	for {
		err := d.subscribe(ctx, notify)
		if ctx.Err() != nil {
			return nil
		}
		d.config.Logger.Warn("netlink subscription lost: subscribing again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribeDelay):
		}
	}
}

// subscribe runs one subscription until it fails or ctx ends.
func (d *Driver) subscribe(ctx context.Context, notify func(object.Event)) error {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_TC,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
	if err != nil {
		return fmt.Errorf("subscribe to netlink route groups: %w", err)
	}
	if err := s.SetReceiveBufferSize(subscriptionBuffer, true); err != nil {
		d.config.Logger.Warn("netlink subscription keeps the default buffer", "error", err)
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(closed); s.Close() })
	defer func() {
		if stop() {
			s.Close()
			return
		}
		<-closed
	}()
	// What happened before this subscription is not in it.
	notify(object.Event{Resync: true})
	for {
		messages, from, err := s.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			notify(object.Event{Resync: true})
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from netlink: %w", err)
		}
		if from.Pid != nl.PidKernel {
			continue
		}
		if names := d.absorb(ctx, messages); len(names) > 0 {
			notify(eventFor(names))
		}
	}
}

// absorb brings the messages of one datagram into the view and returns the devices that changed by them.
func (d *Driver) absorb(ctx context.Context, messages []syscall.NetlinkMessage) []string {
	var names []string
	moved := false // whether a road may have
	for _, m := range messages {
		changed, road, err := d.absorbOne(m)
		if err != nil {
			d.config.Logger.Warn("netlink message ignored", "type", m.Header.Type, "error", err)
			continue
		}
		names = append(names, changed...)
		moved = moved || road
	}
	if moved {
		r, err := d.readRoads(ctx)
		if err != nil {
			d.config.Logger.Warn("roads not read: what was known stands", "error", err)
		} else {
			names = append(names, d.view.setRoads(r)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// absorbOne brings one message into the view. road says that a default route or the road to etcd may have moved: the
// kernel removes IPv4 routes of a link that goes down, or of an address that is removed, without a word about them.
func (d *Driver) absorbOne(m syscall.NetlinkMessage) (changed []string, road bool, err error) {
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return d.absorbLink(m)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		k, err := parseAddress(m)
		if err != nil {
			return nil, false, err
		}
		if !d.view.setAddress(k, m.Header.Type == unix.RTM_NEWADDR) {
			return nil, false, nil
		}
		// Of disable_ipv6 the kernel tells nobody; the address that a link gets by itself says that it was switched on.
		if k.prefix.Addr().IsLinkLocalUnicast() {
			if k.prefix.Addr().Is6() && m.Header.Type == unix.RTM_NEWADDR {
				return d.named(k.index), false, nil
			}
			return nil, false, nil
		}
		return d.named(k.index), true, nil
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return nil, routeMatters(m), nil
	case unix.RTM_NEWQDISC, unix.RTM_DELQDISC:
		q, ok, err := parseQdisc(m)
		if err != nil || !ok {
			return nil, false, err
		}
		kind := q.kind
		if m.Header.Type == unix.RTM_DELQDISC || q.handle == 0 {
			kind = ""
		}
		if !d.view.setQdisc(q.index, q.hook, kind) {
			return nil, false, nil
		}
		return d.named(q.index), false, nil
	}
	return nil, false, nil
}

// absorbLink brings a link message into the view. Messages of the bridge family tell of a link's place in a bridge
// only: a RTM_DELLINK there does not mean that the link is gone.
func (d *Driver) absorbLink(m syscall.NetlinkMessage) (changed []string, road bool, err error) {
	if len(m.Data) > 0 && m.Data[0] != unix.AF_UNSPEC {
		return nil, false, nil
	}
	l, err := parseLink(m)
	if err != nil {
		return nil, false, err
	}
	carried := d.view.carriesRoad(l.index)
	if m.Header.Type == unix.RTM_DELLINK {
		changed = d.view.deleteLink(l.index)
	} else {
		changed = d.view.setLink(l)
	}
	return changed, carried && len(changed) > 0, nil
}

func (d *Driver) named(index int) []string {
	if n := d.view.name(index); n != "" {
		return []string{n}
	}
	return nil
}

// eventFor names the objects and the devices.
func eventFor(names []string) object.Event {
	e := object.Event{Devices: names, Keys: make([]object.Key, 0, 2*len(names))}
	for _, n := range names {
		e.Keys = append(e.Keys, object.Key{Kind: object.KindLink, Name: n}, object.Key{Kind: object.KindQdisc, Name: n})
	}
	return e
}
