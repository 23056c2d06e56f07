package metadata

import (
	"maps"
	"sync"
)

// Stats counts what the service did since it was made.
type Stats struct {
	Requests map[int]uint64          // answered, by HTTP status code
	Rejected map[Reason]uint64       // frames and connections
	Services map[string]ServiceStats // of the host, by name
	Stacks   int                     // that exist now
	Open     int                     // connections to the metadata service that exist now, some of which may be over
	Relays   int                     // connections to services of the host that exist now
}

// ServiceStats counts what guests did with a service of the host.
type ServiceStats struct {
	Connections uint64 // that were passed on
	Refused     uint64 // connections for which there was no room
	Failed      uint64 // connections that the service did not accept
	ToGuests    uint64 // bytes
	FromGuests  uint64 // bytes
}

type counts struct {
	mu       sync.Mutex
	requests map[int]uint64
	rejected map[Reason]uint64
	services map[string]*ServiceStats
}

// service changes the counts of a service of the host.
func (c *counts) service(name string, change func(*ServiceStats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[name]
	if s == nil {
		if c.services == nil {
			c.services = map[string]*ServiceStats{}
		}
		s = &ServiceStats{}
		c.services[name] = s
	}
	change(s)
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
	s := Stats{Rejected: map[Reason]uint64{}, Services: map[string]ServiceStats{}}
	d.counts.mu.Lock()
	s.Requests = maps.Clone(d.counts.requests)
	for _, r := range Reasons() {
		s.Rejected[r] = d.counts.rejected[r]
	}
	for name, c := range d.counts.services {
		s.Services[name] = *c
	}
	d.counts.mu.Unlock()
	d.pool.mu.Lock()
	defer d.pool.mu.Unlock()
	s.Rejected[RejectedConnections] += d.pool.rejected
	s.Stacks, s.Open = len(d.pool.stacks), len(d.pool.connections)
	s.Relays = d.pool.relays
	return s
}
