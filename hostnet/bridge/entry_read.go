package bridge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// readEntries reads the static entries of all forwarding tables. Older notifications are absorbed before it, and those that
// arrived meanwhile after it.
func (d *Driver) readEntries(ctx context.Context) (err error) {
	d.feed.Locked(func(bool) {
		fresh := entries{}
		var failure error
		err = d.conn.Dump(ctx, "forwarding tables", func() *own.Request {
			header := make([]byte, own.NeighborHeader)
			header[0] = unix.AF_BRIDGE
			return own.NewRequest(unix.RTM_GETNEIGH, own.FlagsDump, header)
		}, func() { clear(fresh); failure = nil }, func(m own.Message) {
			e, ok, err := parseEntry(m.Data)
			failure = errors.Join(failure, err)
			if ok {
				fresh.set(e, true)
			}
		})
		if err = errors.Join(err, failure); err == nil {
			d.entries = fresh
		}
	})
	d.feed.Locked(func(bool) {})
	return err
}

// parseEntry reads the body of a neighbour message. ok is true only for an entry that somebody added to a bridge's forwarding
// table (NUD_NOARP: it was not learned and is not a port's own).
func parseEntry(data []byte) (e entry, ok bool, err error) {
	if len(data) < own.NeighborHeader {
		return e, false, fmt.Errorf("neighbour message: %w", own.ErrShort)
	}
	state := binary.NativeEndian.Uint16(data[8:])
	if data[0] != unix.AF_BRIDGE || state&unix.NUD_NOARP == 0 || state&unix.NUD_PERMANENT != 0 {
		return e, false, nil
	}
	e.index = own.Index(data)
	inBridge := false
	err = own.EachAttribute(data, own.NeighborHeader, func(kind uint16, value []byte) {
		switch kind {
		case unix.NDA_LLADDR:
			if len(value) == len(e.mac) {
				e.mac, ok = object.MAC(value), true
			}
		case unix.NDA_MASTER:
			inBridge = true
		}
	})
	if err != nil {
		return e, false, fmt.Errorf("neighbour message: %w", err)
	}
	return e, ok && inBridge, nil
}
