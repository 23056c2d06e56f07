package object

import "sync"

// RejectedCounts adds up what a switch or the kernel counts of rejected frames, for the guest that has a port now. The dataplane forgets a
// counter that has been idle, and a port may be given to another guest. Look and Of may be called from several goroutines.
type RejectedCounts[Port comparable] struct {
	mu     sync.Mutex
	guests map[Port]*rejectedGuest
	last   map[RejectedBy[Port]]uint64 // what was counted at the last look
}

// RejectedBy is what one counter of the dataplane counts.
type RejectedBy[Port comparable] struct {
	Port   Port
	Reason RejectReason
}

// rejectedGuest are the counts of one guest.
type rejectedGuest struct {
	uid    string
	frames map[RejectReason]uint64
}

// Look adds what has been counted since the last look, of all ports together. A counter that is lower than before is a new one. Ports that
// nobody has asked for are not counted.
func (r *RejectedCounts[Port]) Look(now map[RejectedBy[Port]]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	r.last = now
	for by, n := range now {
		g := r.guests[by.Port]
		if g == nil {
			continue
		}
		if before := last[by]; n >= before {
			n -= before
		}
		if n > 0 {
			g.frames[by.Reason] += n
		}
	}
}

// Of are the counts of the guest (its uid) at a port, in the order of the reasons. From the first question on they are kept for this guest.
func (r *RejectedCounts[Port]) Of(port Port, guest string) []Rejected {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.guests[port]
	if g == nil || g.uid != guest {
		g = &rejectedGuest{uid: guest, frames: map[RejectReason]uint64{}}
		if r.guests == nil {
			r.guests = map[Port]*rejectedGuest{}
		}
		r.guests[port] = g
	}
	var list []Rejected
	for _, reason := range RejectReasons() {
		if n := g.frames[reason]; n > 0 {
			list = append(list, Rejected{Reason: reason, Frames: n})
		}
	}
	return list
}
