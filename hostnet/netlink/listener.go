package netlink

import "context"

// Listener is one driver's access to the cache of links. It collects what changed for the driver until it is reported. What the
// driver reads back itself is not reported to it.
type Listener struct {
	links   *Links
	differs func(was, is Link) bool
	wake    chan struct{}

	// Protected by the cache's lock.
	changed map[changeKey]Change
	lost    bool
}

// changeKey distinguishes a link from another one that had the same name.
type changeKey struct {
	index int
	name  string
}

// note must be called with the cache's lock held.
func (s *Listener) note(c Change) {
	k := changeKey{c.Index, c.Name}
	old := s.changed[k]
	c.Link, c.Address, c.LinkLocal = c.Link || old.Link, c.Address || old.Address, c.LinkLocal || old.LinkLocal
	s.changed[k] = c
	s.stir()
}

// stir wakes the follower. It never waits.
func (s *Listener) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Follow calls tell with what changed, until ctx ends. lost says that more changed than is reported, so the links must be read.
func (s *Listener) Follow(ctx context.Context, tell func(changes []Change, lost bool)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if changes, lost := s.take(); lost || len(changes) > 0 {
			tell(changes, lost)
		}
	}
}

func (s *Listener) take() (changes []Change, lost bool) {
	s.links.feed.Locked(func(bool) {
		for _, c := range s.changed {
			changes = append(changes, c)
		}
		clear(s.changed)
		lost, s.lost = s.lost, false
	})
	return changes, lost
}

// Close ends the listening.
func (s *Listener) Close() {
	s.links.feed.Locked(func(bool) { delete(s.links.state.listeners, s) })
}

// Read reads all links and addresses again. What differs is reported to all other listeners.
func (s *Listener) Read(ctx context.Context) error { return s.links.read(ctx, s) }

// ReadLink reads the link of that name again. What differs is reported to all other listeners. A missing link is no error.
func (s *Listener) ReadLink(name string) error { return s.links.readLink(name, s) }

// knows removes the noted change of a link that the driver has just read. Changes of addresses stay, because they were not read.
// The lock is held.
func (s *Listener) knows(name string) {
	for k, c := range s.changed {
		if k.name != name {
			continue
		}
		if c.Link = false; c.Address || c.LinkLocal {
			s.changed[k] = c
		} else {
			delete(s.changed, k)
		}
	}
}

// passOver runs read. The changes of read are not reported to this listener. The lock is held.
func (s *Listener) passOver(read func()) {
	before := s.changed
	s.changed = map[changeKey]Change{}
	read()
	s.changed = before
}
