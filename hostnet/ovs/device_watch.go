package ovs

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// linkBuffer is the subscription's receive buffer in bytes: a thousand links that come at once fit. What does not is reported as
// ENOBUFS, after which all are read.
const linkBuffer = 8 << 20

// keepDevices follows the host's netdevs until ctx ends.
func (d *Driver) keepDevices(ctx context.Context) {
	var wait retryWait
	for ctx.Err() == nil {
		if err := d.watchDevices(ctx, &wait); ctx.Err() == nil {
			wait.complain(func() { d.cfg.Log.Warn("open vswitch: cannot follow netdevs, trying again", "error", err) })
			wait.pause(ctx)
		}
	}
}

// watchDevices runs one subscription.
func (d *Driver) watchDevices(ctx context.Context, wait *retryWait) error {
	var s *nl.NetlinkSocket
	err := d.devices.inside(func() (err error) {
		s, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribe to links: %w", err)
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
	if err := s.SetReceiveBufferSize(linkBuffer, true); err != nil {
		d.cfg.Log.Warn("open vswitch: the subscription to links keeps the default buffer", "error", err)
	}
	for lost := true; ; {
		if lost { // before the subscription, or because the buffer was full
			if err := d.devices.read(); err != nil {
				return err
			}
			d.events.put(true, nil)
			wait.begin()
		}
		lost, err = d.receiveDevices(s)
		if err != nil {
			return err
		}
	}
}

// receiveDevices takes in one datagram of the subscription; lost says that others did not fit.
func (d *Driver) receiveDevices(s *nl.NetlinkSocket) (lost bool, err error) {
	messages, from, err := s.Receive()
	if errors.Is(err, unix.ENOBUFS) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("receive links: %w", err)
	}
	if from.Pid != nl.PidKernel {
		return false, nil
	}
	for _, m := range messages {
		// Messages of the bridge family tell of a link's place in a bridge: their RTM_DELLINK does not mean that it is gone.
		if len(m.Data) < unix.SizeofIfInfomsg || m.Data[0] != unix.AF_UNSPEC {
			continue
		}
		header := unix.NlMsghdr(m.Header)
		l, err := netlink.LinkDeserialize(&header, m.Data)
		if err != nil {
			d.cfg.Log.Warn("open vswitch: a link's message is ignored", "error", err)
			continue
		}
		if d.devices.absorb(l, m.Header.Type == unix.RTM_DELLINK) {
			d.deviceChanged(l.Attrs().Name)
		}
	}
	return false, nil
}

// deviceChanged tells of the port on a device.
func (d *Driver) deviceChanged(name string) {
	if db := d.database(); db != nil {
		if _, plugged := db.read().port(name); plugged {
			d.events.put(false, portKeys(name))
		}
	}
}
