package ovsdb

import "sync"

// changes tells everybody who waits of each change of a row.
type changes struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change of a row
}

func newChanges() *changes { return &changes{changed: make(chan struct{})} }

func (c *changes) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// next returns a channel that is closed at the next change. The caller must take it before it looks at rows.
func (c *changes) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}
