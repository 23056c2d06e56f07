package ovs

import (
	"context"
	"regexp"
	"strconv"
	"sync"

	"weft/hostnet/object"
)

// rejections are the counters of all bridges: the switch's learned flows say the port that sent a frame, or would have received it.
type rejections struct {
	mu      sync.Mutex
	bridges map[string]*object.RejectedCounts[uint32]
}

// of are the counts of a bridge, by OpenFlow port.
func (r *rejections) of(bridge string) *object.RejectedCounts[uint32] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bridges == nil {
		r.bridges = map[string]*object.RejectedCounts[uint32]{}
	}
	if r.bridges[bridge] == nil {
		r.bridges[bridge] = &object.RejectedCounts[uint32]{}
	}
	return r.bridges[bridge]
}

// Rejected implements the engine's Rejecter. It says of a guest's flows how many frames were rejected, as of the last Sync.
func (d *Driver) Rejected(desired object.Object) []object.Rejected {
	set, ok := desired.(*object.FlowSet)
	if !ok || set.Guest == (object.MAC{}) {
		return nil
	}
	for _, f := range set.Flows {
		if f.Table == 0 && f.Match.InPort != 0 {
			return d.rejections.of(set.Bridge).Of(f.Match.InPort, set.OwnerUID)
		}
	}
	return nil
}

// readRejected reads the counters of a bridge: those of learned flows, and what the meters of broadcast have dropped.
func (d *Driver) readRejected(ctx context.Context, bridge string) error {
	text, err := d.flows.table(ctx, bridge, object.RejectedTable)
	if err != nil {
		return err
	}
	counts := parseRejected(text)
	stats, err := d.flows.meterStats(ctx, bridge)
	if err != nil {
		return err
	}
	for _, s := range stats {
		if ofport, is := object.BroadcastMeterOf(s.ID); is && s.Dropped > 0 {
			counts[object.RejectedBy[uint32]{Port: ofport, Reason: object.RejectBroadcastRate}] = s.Dropped
		}
	}
	d.rejections.of(bridge).Look(counts)
	return nil
}

var rejectedFlow = regexp.MustCompile(`cookie=(0x[0-9a-f]+),.* n_packets=(\d+),.*reg3=(0x[0-9a-f]+),reg[56]=(0x[0-9a-f]+) `)

// parseRejected reads the learned flows. The frame for which the switch learned a flow is not in the flow's counter, because a translation sees
// the tables as they were when it began (OVS: tables_version).
func parseRejected(text []byte) map[object.RejectedBy[uint32]]uint64 {
	counts := map[object.RejectedBy[uint32]]uint64{}
	eachMatch(text, rejectedFlow, func(m []string) {
		cookie, err := strconv.ParseUint(m[1], 0, 64)
		if err != nil || cookie&object.CookieMask != object.CookieOwner {
			return
		}
		var fields [2]uint64
		for i := range fields {
			if fields[i], err = strconv.ParseUint(m[3+i], 0, 32); err != nil {
				return
			}
		}
		if fields[0] > 255 {
			return
		}
		counts[object.RejectedBy[uint32]{Port: uint32(fields[1]), Reason: object.RejectReason(fields[0])}] += number(m[2]) + 1
	})
	return counts
}
