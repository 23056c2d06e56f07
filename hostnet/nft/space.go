package nft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// reachTimeout bounds the wait for the notifications of a transaction of our own; after it the table is dumped.
const reachTimeout = 5 * time.Second

// space is one namespace: a socket inside, and the view of its table.
type space struct {
	name  string
	inode uint64
	ctl   *control

	mu      sync.Mutex
	view    *view
	loaded  bool
	watched bool          // notifications are coming in
	reached chan struct{} // closed when the view has changed its generation
	cuts    []cut         // connections still to be cut
	stop    context.CancelFunc

	counted map[string]uint64 // the counters as last read; of the driver's lock
}

// openSpace opens a socket in the namespace and reads nothing yet.
func openSpace(namespaces Namespaces, name string) (*space, error) {
	s := &space{name: name, view: newView(), reached: make(chan struct{})}
	err := namespaces.Inside(name, func() (err error) {
		if s.inode, err = currentInode(); err != nil {
			return err
		}
		s.ctl, err = openControl()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return s, nil
}

// currentInode identifies the calling thread's network namespace among those that exist.
func currentInode() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0, fmt.Errorf("identify the network namespace: %w", err)
	}
	return st.Ino, nil
}

// load dumps the table into the view and returns what was different.
func (s *space) load(ctx context.Context) (*touched, error) {
	fresh, err := s.ctl.readView(ctx)
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", s.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded && int32(fresh.generation-s.view.generation) < 0 {
		return newTouched(), nil // notifications have brought the view further meanwhile
	}
	t := fresh.since(s.view)
	s.replace(fresh)
	return t, nil
}

// replace is called with mu held.
func (s *space) replace(fresh *view) {
	s.view, s.loaded = fresh, true
	s.advance()
}

// advance tells who waits that the view is of another generation; it is called with mu held.
func (s *space) advance() {
	close(s.reached)
	s.reached = make(chan struct{})
}

// current reads the view under its lock.
func (s *space) current(read func(v *view)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	read(s.view)
}

// ensure loads the view if nothing has yet.
func (s *space) ensure(ctx context.Context) error {
	s.mu.Lock()
	loaded := s.loaded
	s.mu.Unlock()
	if loaded {
		return nil
	}
	_, err := s.load(ctx)
	return err
}

// settle brings the view to what the kernel holds now: by the notifications under way, or by a dump when none come.
func (s *space) settle(ctx context.Context) error {
	generation, err := s.ctl.generation(ctx)
	if err != nil {
		return err
	}
	timeout := time.NewTimer(reachTimeout)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		done := s.loaded && int32(s.view.generation-generation) >= 0
		watched, reached := s.watched, s.reached
		s.mu.Unlock()
		if done {
			return nil
		}
		if watched {
			select {
			case <-reached:
				continue
			case <-ctx.Done():
				return ctx.Err()
			case <-timeout.C:
			}
		}
		_, err := s.load(ctx)
		return err
	}
}

// close ends the sockets, so that a namespace without a name may end.
func (s *space) close() {
	if s.stop != nil {
		s.stop()
	}
	s.ctl.close()
}

// keys are the keys of all objects in the view.
func (s *space) keys() (keys []object.Key) {
	s.current(func(v *view) {
		t := &touched{table: v.exists, mappings: v.floatings()}
		keys = t.keys(s.name)
	})
	return keys
}

// isGone says whether an error means that there is no such namespace.
func isGone(err error) bool { return errors.Is(err, os.ErrNotExist) }
