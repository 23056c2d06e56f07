package metadata

import (
	"maps"
	"sync"
)

// Stats counts what the service did since it was made.
type Stats struct {
	Requests map[int]uint64    // answered, by HTTP status code
	Rejected map[Reason]uint64 // frames and connections
	Stacks   int               // that exist now
	Open     int               // connections that exist now, some of which may be over
}

type counts struct {
	mu       sync.Mutex
	requests map[int]uint64
	rejected map[Reason]uint64
}

func (c *counts) answer(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[int]uint64{}
	}
	c.requests[code]++
}

func (c *counts) reject(r Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rejected == nil {
		c.rejected = map[Reason]uint64{}
	}
	c.rejected[r]++
}

// Stats returns the present counts. Every reason is in it.
func (d *Driver) Stats() Stats {
	s := Stats{Rejected: map[Reason]uint64{}}
	d.counts.mu.Lock()
	s.Requests = maps.Clone(d.counts.requests)
	for _, r := range Reasons() {
		s.Rejected[r] = d.counts.rejected[r]
	}
	d.counts.mu.Unlock()
	d.pool.mu.Lock()
	defer d.pool.mu.Unlock()
	s.Rejected[RejectedConnections] += d.pool.rejected
	s.Stacks, s.Open = len(d.pool.stacks), len(d.pool.connections)
	return s
}
