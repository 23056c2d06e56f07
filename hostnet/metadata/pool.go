package metadata

import (
	"slices"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/waiter"
)

// bounds are those for all ports of a host. README.md says what they cost in memory.
type bounds struct {
	stacks          int
	connections     int
	portConnections int
	relays          int           // connections to services of the host
	portRelays      int           // the same of one port
	ending          int           // stacks that are being destroyed
	idle            time.Duration // how long a stack without frames is kept
	// silent is how long a connection to a service of the host is silent before the guest is asked whether it still has it. It is less
	// than idle, so that a guest that answers keeps its stack.
	silent time.Duration
}

func defaultBounds() bounds {
	return bounds{stacks: 256, connections: 512, portConnections: 16, relays: 512, portRelays: 64, ending: 16, idle: 30 * time.Second, silent: 10 * time.Second}
}

// pool has the stacks and the connections of a host, and bounds them. A new one takes the place of the oldest one: what a guest holds open
// to no end is old, and what a guest needs takes milliseconds.
type pool struct {
	now    func() time.Time
	bounds bounds

	mu          sync.Mutex
	stacks      []*portStack  // in the order in which they were made
	connections []*connection // in the order in which they were accepted
	relays      int
	ending      []*portStack  // closed, and to be destroyed
	destroyed   int           // how many of them are being destroyed
	woken       chan struct{} // holds one token if there are stacks
	rejected    uint64        // connections that were ended for others
}

func newPool() *pool {
	return &pool{now: time.Now, bounds: defaultBounds(), woken: make(chan struct{}, 1)}
}

// add adds a stack that make makes. Of too many, one goes: one that nobody has used for some time, otherwise the oldest. It returns nil if
// so many are ending that there is no room.
func (p *pool) add(make func() *portStack) *portStack {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ending)+p.destroyed >= p.bounds.ending {
		return nil
	}
	if len(p.stacks) >= p.bounds.stacks {
		p.close(p.victim())
	}
	s := make()
	if s == nil {
		return nil
	}
	s.used.Store(p.now().UnixNano())
	p.stacks = append(p.stacks, s)
	p.wake()
	return s
}

// victim is the stack that goes first: the oldest without a connection, or the oldest. The lock is held, and there are stacks.
func (p *pool) victim() *portStack {
	for _, s := range p.stacks {
		s.connections = slices.DeleteFunc(s.connections, (*connection).over)
		if len(s.connections) == 0 && len(s.relays) == 0 {
			return s
		}
	}
	return p.stacks[0]
}

// wake makes the pool's goroutine look. The lock is held.
func (p *pool) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// close ends a stack's connections, and has it destroyed by whoever takes the ending ones. The lock is held.
func (p *pool) close(s *portStack) {
	if s.closed {
		return
	}
	s.closed = true
	s.guest.stack.CompareAndSwap(s, nil)
	p.stacks = slices.DeleteFunc(p.stacks, func(o *portStack) bool { return o == s })
	for _, c := range s.connections {
		c.endpoint.Abort()
	}
	p.connections = slices.DeleteFunc(p.connections, func(c *connection) bool { return c.of == s })
	s.connections = nil
	for _, r := range s.relays {
		r.end()
	}
	p.ending = append(p.ending, s)
	p.wake()
}

// admit makes a connection of an accepted endpoint, and ends the oldest ones if there are too many. Those that are over do not count.
func (p *pool) admit(s *portStack, endpoint tcpip.Endpoint, queue *waiter.Queue) *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := newConnection(s, endpoint, queue, p.now())
	if s.closed {
		endpoint.Abort()
		return c
	}
	s.connections = append(s.connections, c)
	p.connections = append(p.connections, c)
	if len(s.connections) > p.bounds.portConnections {
		s.connections = slices.DeleteFunc(s.connections, (*connection).over)
		if len(s.connections) > p.bounds.portConnections {
			p.reject(s.connections[0])
		}
	}
	if len(p.connections) > p.bounds.connections {
		p.connections = slices.DeleteFunc(p.connections, (*connection).over)
		if len(p.connections) > p.bounds.connections {
			p.reject(p.connections[0])
		}
	}
	return c
}

// reject ends a connection for newer ones. The lock is held.
func (p *pool) reject(c *connection) {
	c.endpoint.Abort()
	c.of.connections = slices.DeleteFunc(c.of.connections, func(o *connection) bool { return o == c })
	p.connections = slices.DeleteFunc(p.connections, func(o *connection) bool { return o == c })
	p.rejected++
}

// tidy closes the stacks that nobody uses any more, or all, and takes the ending ones out, to be destroyed by the caller, which then calls
// settle. next is when it must be called again; zero means not before the next token of woken.
func (p *pool) tidy(all bool) (ending []*portStack, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for _, s := range slices.Clone(p.stacks) {
		end := time.Unix(0, s.used.Load()).Add(p.bounds.idle)
		if all || !now.Before(end) {
			p.close(s)
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	ending = p.ending
	p.ending, p.destroyed = nil, p.destroyed+len(ending)
	return ending, next
}

// settle notes that stacks were destroyed.
func (p *pool) settle(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.destroyed -= n
}
