package tagfilter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// indexAt is where ifinfomsg and tcmsg have the link's index, and how long both are at least with it.
const (
	indexAt  = 4
	indexEnd = 8
)

// Watch subscribes to links and traffic control. What happens to a link that has a filter of ours makes the driver read anew; it
// resubscribes by itself.
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

func (d *Driver) subscribe(ctx context.Context, notify func(object.Event)) error {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_TC)
	if err != nil {
		return fmt.Errorf("subscribe to netlink route groups: %w", err)
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
		for _, m := range messages {
			if len(m.Data) >= indexEnd && d.concerns(int(binary.NativeEndian.Uint32(m.Data[indexAt:]))) {
				d.look(notify)
				break
			}
		}
	}
}

// concerns says whether a link has a filter of ours.
func (d *Driver) concerns(index int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.view {
		if f.index == index {
			return true
		}
	}
	return false
}

// look reads anew and reports what differs.
func (d *Driver) look(notify func(object.Event)) {
	d.mu.Lock()
	changed, err := d.refresh()
	d.mu.Unlock()
	switch {
	case err != nil:
		d.config.Logger.Warn("filters of uplinks not read after a change", "error", err)
		notify(object.Event{Resync: true})
	case len(changed) > 0:
		notify(object.Event{Keys: changed})
	}
}
