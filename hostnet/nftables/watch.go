package nftables

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// Table names a table: its family (NFPROTO_INET …) and its name.
type Table struct {
	Family byte
	Name   string
}

// Transaction is what one author committed.
type Transaction struct {
	// Changes are the notifications about the watched tables, in order.
	Changes []netlink.Message
	// Generation is the number of the namespace's tables since this transaction.
	Generation uint32
	// Port is the netlink socket that sent it.
	Port uint32
	// Thread and Program identify its author.
	Thread  uint32
	Program string
}

// By names the author as "program[thread]".
func (t Transaction) By() string { return fmt.Sprintf("%s[%d]", t.Program, t.Thread) }

// Watcher is what a watch needs to know and whom it calls.
type Watcher struct {
	// Name says in the log what is watched.
	Name   string
	Logger *slog.Logger
	// Open subscribes. If nil, Subscribe is used. An error that wraps fs.ErrNotExist ends the watch, because the namespace does
	// not exist any more.
	Open   func() (*netlink.Subscription, error)
	Tables []Table
	// Committed is called for each transaction that touched one of the tables. With All it is called for every transaction.
	Committed func(context.Context, Transaction) error
	All       bool
	// Lost is called when notifications may have been missed, and once at the beginning.
	Lost func(context.Context) error

	changes []netlink.Message // of the current transaction
	done    []Transaction     // not passed on yet
}

// Subscribe subscribes to nftables in the calling thread's network namespace.
func Subscribe(buffers *netlink.Buffers) (*netlink.Subscription, error) {
	return netlink.SubscribeHere(buffers, unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES)
}

// Watch reports transactions until ctx ends. Then it returns nil. It subscribes again by itself, also after an error of Committed
// or Lost.
func Watch(ctx context.Context, w Watcher) error {
	if w.Open == nil {
		w.Open = func() (*netlink.Subscription, error) { return Subscribe(new(netlink.Buffers)) }
	}
	feed := netlink.NewFeed(netlink.FeedConfig{Name: "nftables: " + w.Name, Logger: w.Logger, Open: w.Open, Absorb: w.absorb, Changed: w.changed})
	return feed.Run(ctx)
}

// changed passes on what was received. Nobody else brings this feed up to date, so nothing is absorbed meanwhile.
func (w *Watcher) changed(ctx context.Context, lost bool) error {
	done := w.done
	w.done = nil
	if lost { // parts of any transaction may be missing
		w.changes = nil
		return w.Lost(ctx)
	}
	for _, t := range done {
		if err := w.Committed(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// absorb applies one notification. The last one of a transaction is about the new generation.
func (w *Watcher) absorb(m netlink.Message) {
	if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
		if w.touches(m) {
			m.Data = slices.Clone(m.Data)
			w.changes = append(w.changes, m)
		}
		return
	}
	if w.All || len(w.changes) > 0 {
		t := committed(m)
		t.Changes = w.changes
		w.done = append(w.done, t)
	}
	w.changes = nil
}

// touches says whether a notification is about one of the tables. The first attribute of each kind of message is the table's
// name.
func (w *Watcher) touches(m netlink.Message) (yes bool) {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < netlink.NetfilterHeader {
		return false
	}
	_ = netlink.EachAttribute(m.Data, netlink.NetfilterHeader, func(kind uint16, value []byte) {
		yes = yes || kind == unix.NFTA_TABLE_NAME && slices.Contains(w.Tables, Table{m.Data[0], netlink.Text(value)})
	})
	return yes
}

// committed reads a notification about a generation: its number, and the id and name of the author's thread.
func committed(m netlink.Message) (t Transaction) {
	t.Port = m.Header.Pid
	_ = netlink.EachAttribute(m.Data, netlink.NetfilterHeader, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_GEN_ID:
			t.Generation = netlink.NetworkNumber(value)
		case unix.NFTA_GEN_PROC_PID:
			t.Thread = netlink.NetworkNumber(value)
		case unix.NFTA_GEN_PROC_NAME:
			t.Program = netlink.Text(value)
		}
	})
	return t
}
