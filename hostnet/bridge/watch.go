package bridge

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// subscriptionBuffer is the socket's receive buffer in bytes; what does not fit becomes a Resync.
const subscriptionBuffer = 8 << 20

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// Watch subscribes to links and forwarding tables. It keeps the view and reports every change of it; it resubscribes by itself.
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
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH)
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
		if keys := d.absorb(messages); len(keys) > 0 {
			notify(object.Event{Keys: keys})
		}
	}
}

// absorb brings the messages of one datagram into the view and returns the keys of what is or was ours and changed by them.
func (d *Driver) absorb(messages []syscall.NetlinkMessage) []object.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	var keys []object.Key
	for _, m := range messages {
		names, err := d.absorbOne(m)
		if err != nil {
			d.config.Logger.Warn("netlink message ignored", "type", m.Header.Type, "error", err)
			continue
		}
		for _, n := range names {
			keys = append(keys, keysOf(n)...)
		}
	}
	return keys
}

// absorbOne brings one message into the view. Link messages of family AF_BRIDGE are about a port's settings, which somebody who
// changes nothing else is told of by nothing else.
func (d *Driver) absorbOne(m syscall.NetlinkMessage) (changed []string, err error) {
	if isLink(m) {
		if len(m.Data) > 0 && m.Data[0] == unix.AF_BRIDGE {
			if m.Header.Type == unix.RTM_DELLINK { // it left its bridge: its own message says so
				return nil, nil
			}
			return d.view.setPort(m.Data)
		}
		if len(m.Data) > 0 && m.Data[0] != unix.AF_UNSPEC {
			return nil, nil
		}
		l, err := parseLink(m.Data)
		if err != nil {
			return nil, err
		}
		if m.Header.Type == unix.RTM_DELLINK {
			return d.view.deleteLink(l.index), nil
		}
		return d.view.setLink(l), nil
	}
	if m.Header.Type != unix.RTM_NEWNEIGH && m.Header.Type != unix.RTM_DELNEIGH {
		return nil, nil
	}
	if len(m.Data) == 0 || m.Data[0] != unix.AF_BRIDGE {
		return nil, nil
	}
	e, ok, err := parseEntry(m.Data)
	if err != nil || !ok {
		return nil, err
	}
	return d.view.setEntry(e, m.Header.Type == unix.RTM_NEWNEIGH), nil
}
