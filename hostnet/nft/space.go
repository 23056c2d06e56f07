package nft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// reachTimeout bounds how long we wait for the notifications of our own transaction. After it the table is dumped.
const reachTimeout = 5 * time.Second

// space is one namespace: a socket inside it, and the cache of its table.
type space struct {
	name  string
	inode uint64
	ctl   *control

	mu      sync.Mutex
	cache   *cache
	loaded  bool
	watched bool          // notifications arrive
	reached chan struct{} // closed when the cache reaches another generation
	cuts    []cut         // connections that still have to be cut
	stop    context.CancelFunc

	over    map[element]uint64 // the packets that limits have dropped, by element of an over set
	counted map[string]uint64  // the counters as last read; protected by the driver's lock
}

// openSpace opens a socket in the namespace. It reads nothing yet.
func openSpace(namespaces Namespaces, buffers *netlink.Buffers, name string) (*space, error) {
	s := &space{name: name, cache: newCache(), reached: make(chan struct{})}
	err := namespaces.Inside(name, func() (err error) {
		if s.inode, err = currentInode(); err != nil {
			return err
		}
		s.ctl, err = openControl(buffers)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return s, nil
}

// currentInode identifies the network namespace of the calling thread among the existing ones.
func currentInode() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0, fmt.Errorf("identify the network namespace: %w", err)
	}
	return st.Ino, nil
}

// load dumps the table into the cache and returns what differed.
func (s *space) load(ctx context.Context) (*touched, error) {
	fresh, err := s.ctl.readCache(ctx)
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", s.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded && int32(fresh.generation-s.cache.generation) < 0 {
		return newTouched(), nil // notifications have already brought the cache further
	}
	t := fresh.since(s.cache)
	s.replace(fresh)
	return t, nil
}

// replace is called with mu held.
func (s *space) replace(fresh *cache) {
	s.cache, s.loaded = fresh, true
	s.advance()
}

// advance tells those who wait that the cache has another generation. mu must be held.
func (s *space) advance() {
	close(s.reached)
	s.reached = make(chan struct{})
}

// current reads the cache under its lock.
func (s *space) current(read func(v *cache)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	read(s.cache)
}

// ensure loads the cache if it was never loaded.
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

// settle brings the cache to what the kernel holds now. It waits for notifications, or dumps the table if none arrive.
func (s *space) settle(ctx context.Context) error {
	generation, err := s.ctl.generation(ctx)
	if err != nil {
		return err
	}
	timeout := time.NewTimer(reachTimeout)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		done := s.loaded && int32(s.cache.generation-generation) >= 0
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

// close closes the sockets, because an open socket would keep a namespace that has no name.
func (s *space) close() {
	if s.stop != nil {
		s.stop()
	}
	s.ctl.close()
}

// keys are the keys of all objects in the cache.
func (s *space) keys() (keys []object.Key) {
	s.current(func(v *cache) {
		t := &touched{table: v.exists, mappings: v.floatings()}
		keys = t.keys(s.name)
	})
	return keys
}

// isGone says whether an error means that there is no such namespace.
func isGone(err error) bool { return errors.Is(err, os.ErrNotExist) }
