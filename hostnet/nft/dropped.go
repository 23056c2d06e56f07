package nft

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// The attribute of a counter (linux/netfilter/nf_tables.h): NFTA_COUNTER_PACKETS, eight bytes.
const counterPackets = 2

// Dropped says how many packets the borders of all namespaces have dropped since the driver started, by reason. When a namespace
// is removed, the packets since its last reading are lost. A namespace that cannot be read is left out until the next call.
func (d *Driver) Dropped(ctx context.Context) map[string]uint64 {
	for _, name := range d.open() {
		s := d.known(name)
		if s == nil {
			continue
		}
		now, err := s.ctl.readCounters(ctx)
		if err != nil {
			if !isGone(err) && ctx.Err() == nil {
				d.config.Logger.Debug("cannot read the counters of a network namespace", "namespace", name, "error", err)
			}
			continue
		}
		d.mu.Lock()
		for reason, n := range now {
			d.dropped[reason] += since(s.counted[reason], n)
		}
		s.counted = now
		d.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]uint64{}
	for _, reason := range Reasons() {
		all[reason] = d.dropped[reason]
	}
	return all
}

// since is how much a counter has grown. A counter that is lower than before was made again with its table and started at zero.
func since(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// readCounters reads the packets of each counter of the table. The result is empty if there is no table.
func (c *control) readCounters(ctx context.Context) (map[string]uint64, error) {
	counts := map[string]uint64{}
	r := newRequest(unix.NFT_MSG_GETOBJ, unix.NLM_F_DUMP).Text(unix.NFTA_OBJ_TABLE, tableName).
		NetworkUint32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER)
	err := c.dump(ctx, r, func(m netlink.Message) error {
		a, err := attributesOf(m)
		if err != nil || !ofOurTable(m, a[unix.NFTA_OBJ_TABLE]) {
			return err
		}
		return netlink.EachAttribute(a[unix.NFTA_OBJ_DATA], 0, func(kind uint16, b []byte) {
			if kind == counterPackets && len(b) == 8 {
				counts[netlink.Text(a[unix.NFTA_OBJ_NAME])] = binary.BigEndian.Uint64(b)
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return counts, nil
}
