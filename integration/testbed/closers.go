package testbed

import (
	"errors"
	"io"
	"net"
	"sync"
)

// closers are what a server has open and closes with itself. The zero value is ready. Any goroutine may call its methods.
type closers struct {
	mu     sync.Mutex
	open   map[io.Closer]bool
	closed bool
}

// hold records c, which closeAll closes. If closeAll was called already, hold closes it and returns false.
func (s *closers) hold(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	if s.open == nil {
		s.open = map[io.Closer]bool{}
	}
	s.open[c] = true
	return true
}

// drop closes c and forgets it.
func (s *closers) drop(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	c.Close()
}

// closeAll closes all that is open, and all that hold gets from then on. What the other side has ended just now is no error.
func (s *closers) closeAll() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		if e := c.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
