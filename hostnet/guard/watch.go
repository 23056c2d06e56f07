package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// Watch listens to nftables' notifications. After a transaction of somebody else that touched our table, the table is read and
// what changed is reported, with who did it.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	for {
		err := d.subscribe(ctx, notify)
		if ctx.Err() != nil {
			return nil
		}
		d.config.Logger.Warn("nftables subscription lost: subscribing again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribeDelay):
		}
	}
}

func (d *Driver) subscribe(ctx context.Context, notify func(object.Event)) error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return fmt.Errorf("subscribe to nftables: %w", err)
	}
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		d.config.Logger.Warn("nftables subscription keeps the default buffer", "error", err)
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(closed); conn.Close() })
	defer func() {
		if stop() {
			conn.Close()
			return
		}
		<-closed
	}()
	// What happened before this subscription is not in it.
	notify(object.Event{Resync: true})
	touched := false
	for {
		messages, err := conn.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			notify(object.Event{Resync: true})
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from nftables: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
				touched = touched || touchesOurs(m)
				continue
			}
			if touched {
				d.foreign(m, notify)
			}
			touched = false
		}
	}
}

// touchesOurs says whether a notification is about a table of ours: the first attribute of each kind of message is the table's name.
func touchesOurs(m netlink.Message) bool {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < 4 ||
		m.Data[0] != byte(nftables.TableFamilyBridge) && m.Data[0] != byte(nftables.TableFamilyNetdev) {
		return false
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return false
	}
	for ad.Next() {
		if ad.Type() == unix.NFTA_TABLE_NAME {
			return ad.String() == tableName
		}
	}
	return false
}

// foreign looks what a transaction changed, unless it was one of ours.
func (d *Driver) foreign(generation netlink.Message, notify func(object.Event)) {
	pid, name := author(generation)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ours(pid) {
		return
	}
	changed, err := d.refresh()
	if err != nil {
		d.config.Logger.Warn("table bridge weft not read after a change", "error", err)
		notify(object.Event{Resync: true})
		return
	}
	if len(changed) > 0 {
		notify(object.Event{Keys: changed, By: fmt.Sprintf("%s[%d]", name, pid)})
	}
}

// ours says whether a thread is one of this process, or a process that loaded rules for it. The caller holds the lock.
func (d *Driver) ours(thread uint32) bool {
	if d.children[thread] {
		delete(d.children, thread)
		return true
	}
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
	return err == nil
}

// author reads who committed a generation. The kernel gives the thread's id and name.
func author(m netlink.Message) (pid uint32, name string) {
	if len(m.Data) < 4 {
		return 0, ""
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return 0, ""
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_GEN_PROC_PID:
			for _, b := range ad.Bytes() {
				pid = pid<<8 | uint32(b)
			}
		case unix.NFTA_GEN_PROC_NAME:
			name = strings.TrimRight(ad.String(), "\x00")
		}
	}
	return pid, name
}
