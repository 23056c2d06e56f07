// Package nftables hears who changes nftables' tables, for drivers that have one of their own.
//
// Invariants: nothing is read or written but notifications; the calling thread's network namespace is the only one.
package nftables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Table names a table: its family (NFPROTO_INET …) and its name.
type Table struct {
	Family byte
	Name   string
}

// receiveBuffer holds the notifications of a large transaction, in bytes. What does not fit is lost, and told.
const receiveBuffer = 8 << 20

// Watcher is what a Follow needs to know and whom it tells.
type Watcher struct {
	Tables []Table
	// Ours says whether a transaction of this thread or process is to be passed over.
	Ours func(pid uint32) bool
	// Changed is called after a transaction of somebody else that touched one of the tables; by is "program[pid]".
	Changed func(by string)
	// Lost is called when notifications may have been missed, and once at the beginning.
	Lost func()
}

// Follow listens until ctx ends or the subscription is lost, which it returns.
func Follow(ctx context.Context, w Watcher) error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return fmt.Errorf("subscribe to nftables: %w", err)
	}
	_ = conn.SetReadBuffer(receiveBuffer) // a smaller one loses notifications sooner, which is told
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(closed); conn.Close() })
	defer func() {
		if stop() {
			conn.Close()
			return
		}
		<-closed
	}()
	w.Lost()
	touched := false
	for {
		messages, err := conn.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			w.Lost()
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from nftables: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
				touched = touched || w.touches(m)
				continue
			}
			if pid, name := author(m); touched && !w.Ours(pid) {
				w.Changed(fmt.Sprintf("%s[%d]", name, pid))
			}
			touched = false
		}
	}
}

// touches says whether a notification is about one of the tables: the first attribute of each kind of message is the table's name.
func (w Watcher) touches(m netlink.Message) bool {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < 4 {
		return false
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return false
	}
	for ad.Next() {
		if ad.Type() == unix.NFTA_TABLE_NAME {
			return slices.Contains(w.Tables, Table{m.Data[0], ad.String()})
		}
	}
	return false
}

// author reads who committed a generation: the kernel gives the thread's id and name.
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

// OwnThread says whether a thread is one of this process.
func OwnThread(pid uint32) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", pid))
	return err == nil
}
