package packetsocket

import (
	"container/heap"
	"time"
)

// schedule has the ports that have unsolicited frames to send, the next one first. So an advertisement costs the same however many other
// ports there are. The driver's lock protects it. The zero value is empty.
type schedule struct{ order portHeap }

// set says when a port is due.
func (s *schedule) set(p *port, at time.Time) {
	s.clear(p)
	p.next = at
	heap.Push(&s.order, p)
}

// clear says that a port is never due.
func (s *schedule) clear(p *port) {
	if !p.next.IsZero() {
		heap.Remove(&s.order, p.slot)
	}
}

// due takes out the ports that are due, and says when the next one is. A zero time means never.
func (s *schedule) due(now time.Time) (due []*port, next time.Time) {
	for len(s.order) > 0 {
		if first := s.order[0]; first.next.After(now) {
			return due, first.next
		}
		due = append(due, heap.Pop(&s.order).(*port))
	}
	return due, time.Time{}
}

// portHeap implements heap.Interface. A port in it knows its place; one outside has no next time.
type portHeap []*port

func (h portHeap) Len() int           { return len(h) }
func (h portHeap) Less(a, b int) bool { return h[a].next.Before(h[b].next) }
func (h portHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].slot, h[b].slot = a, b
}

// Push implements heap.Interface.
func (h *portHeap) Push(x any) {
	p := x.(*port)
	p.slot = len(*h)
	*h = append(*h, p)
}

// Pop implements heap.Interface.
func (h *portHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	p.next = time.Time{}
	return p
}
