package nft

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// Rejected implements the engine's Rejecter: what the last Sync has read of the packets that the limits of a router or of a floating
// address dropped.
func (d *Driver) Rejected(desired object.Object) (counts []object.Rejected) {
	var namespace, of, key string
	switch o := desired.(type) {
	case *object.NATTable:
		namespace, key = o.Namespace, outsideElement(o.Outside).key
	case *object.NATMapping:
		namespace, of, key = o.Namespace, setsOf(o.Floating).number(), addressBytes(o.Floating)
	}
	s := d.known(namespace)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range []struct {
		direction
		reason object.RejectReason
	}{{egress, object.RejectEgressRate}, {ingress, object.RejectIngressRate}} {
		if n := s.over[element{set: one.overSet(of), key: key}]; n > 0 {
			counts = append(counts, object.Rejected{Reason: one.reason, Frames: n})
		}
	}
	return counts
}

// readOver reads how many packets each limit has dropped. It asks nothing where there is no limit.
func (s *space) readOver(ctx context.Context) error {
	limited := false
	s.current(func(v *cache) {
		limited = len(v.rates) > 0
		for e := range v.small {
			limited = limited || isOver(e.set)
		}
	})
	over := map[element]uint64{}
	for _, set := range rateSets() {
		if !limited || !isOver(set.name) {
			continue
		}
		if err := s.ctl.readPackets(ctx, set.name, over); err != nil {
			return fmt.Errorf("network namespace %s: read counters of set %s: %w", s.name, set.name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = over
	return nil
}

// readPackets reads the counters of the elements of a set.
func (c *control) readPackets(ctx context.Context, set string, into map[element]uint64) error {
	r := newRequest(unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP).Text(unix.NFTA_SET_ELEM_LIST_TABLE, tableName).
		Text(unix.NFTA_SET_ELEM_LIST_SET, set)
	return c.dump(ctx, r, func(m netlink.Message) error {
		a, err := attributesOf(m)
		if err != nil {
			return err
		}
		return netlink.EachAttribute(a[unix.NFTA_SET_ELEM_LIST_ELEMENTS], 0, func(_ uint16, b []byte) {
			e := element{set: set}
			if e.read(b) == nil {
				into[e] = packetsOf(b)
			}
		})
	})
}

// packetsOf is the packets of an element's counter; 0 if it has none.
func packetsOf(element []byte) (packets uint64) {
	within := func(b []byte, wanted uint16, fn func(data []byte)) {
		_ = netlink.EachAttribute(b, 0, func(kind uint16, data []byte) { // what is cut off has no counter
			if kind == wanted {
				fn(data)
			}
		})
	}
	within(element, unix.NFTA_SET_ELEM_EXPR, func(expression []byte) {
		within(expression, unix.NFTA_EXPR_DATA, func(data []byte) {
			within(data, counterPackets, func(number []byte) {
				if len(number) == 8 {
					packets = binary.BigEndian.Uint64(number)
				}
			})
		})
	})
	return packets
}
