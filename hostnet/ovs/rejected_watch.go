package ovs

import (
	"context"
	"regexp"
	"strconv"
	"sync"

	"weft/hostnet/object"
)

// rejections counts the frames of each guest that were rejected, by reason. The switch forgets a counter that has been idle, and a port
// number may be given to another guest. Therefore the counters are added up here, for the guest that has the port number now.
type rejections struct {
	mu     sync.Mutex
	counts map[string]map[uint32]*portRejections // by bridge and OpenFlow port number
	last   map[string]map[rejectedKey]uint64     // what the switch counted when it was read last, by bridge
}

// portRejections are the counts of one guest.
type portRejections struct {
	guest  string // uid
	frames map[object.RejectReason]uint64
}

// rejectedKey is what a learned flow matches: the reason, and the OpenFlow port of the guest that sent the frame or would have received it.
type rejectedKey struct {
	reason object.RejectReason
	port   uint32
}

func newRejections() *rejections {
	return &rejections{counts: map[string]map[uint32]*portRejections{}, last: map[string]map[rejectedKey]uint64{}}
}

// look adds what the switch has counted since the last look. A counter that is lower than before is a new one.
func (r *rejections) look(bridge string, now map[rejectedKey]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last[bridge]
	r.last[bridge] = now
	for k, n := range now {
		p := r.counts[bridge][k.port]
		if p == nil {
			continue
		}
		if before := last[k]; n >= before {
			n -= before
		}
		if n > 0 {
			p.frames[k.reason] += n
		}
	}
}

// of are the counts of the guest at a port. From the first question on they are kept for this guest.
func (r *rejections) of(bridge string, port uint32, guest string) []object.Rejected {
	r.mu.Lock()
	defer r.mu.Unlock()
	ports := r.counts[bridge]
	if ports == nil {
		ports = map[uint32]*portRejections{}
		r.counts[bridge] = ports
	}
	p := ports[port]
	if p == nil || p.guest != guest {
		p = &portRejections{guest: guest, frames: map[object.RejectReason]uint64{}}
		ports[port] = p
	}
	var list []object.Rejected
	for _, reason := range object.RejectReasons() {
		if n := p.frames[reason]; n > 0 {
			list = append(list, object.Rejected{Reason: reason, Frames: n})
		}
	}
	return list
}

// Rejected implements the engine's Rejecter. It says of a guest's flows how many frames were rejected, as of the last Sync.
func (d *Driver) Rejected(desired object.Object) []object.Rejected {
	set, ok := desired.(*object.FlowSet)
	if !ok || set.Guest == (object.MAC{}) {
		return nil
	}
	for _, f := range set.Flows {
		if f.Table == 0 && f.Match.InPort != 0 {
			return d.rejections.of(set.Bridge, f.Match.InPort, set.OwnerUID)
		}
	}
	return nil
}

// readRejected reads the counters of a bridge.
func (d *Driver) readRejected(ctx context.Context, bridge string) error {
	text, err := d.flows.table(ctx, bridge, object.RejectedTable)
	if err != nil {
		return err
	}
	d.rejections.look(bridge, parseRejected(text))
	return nil
}

var rejectedFlow = regexp.MustCompile(`cookie=(0x[0-9a-f]+),.* n_packets=(\d+),.*reg3=(0x[0-9a-f]+),reg[56]=(0x[0-9a-f]+) `)

// parseRejected reads the learned flows. The frame for which the switch learned a flow is not in the flow's counter, because a translation sees
// the tables as they were when it began (OVS: tables_version).
func parseRejected(text []byte) map[rejectedKey]uint64 {
	counts := map[rejectedKey]uint64{}
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
		counts[rejectedKey{object.RejectReason(fields[0]), uint32(fields[1])}] += number(m[2]) + 1
	})
	return counts
}
