package routing

import (
	"context"
	"sync"
	"time"

	"weft/hostnet/object"
)

// watchAgain is the pause before a failed watch starts again, so that it does not spin.
const watchAgain = 200 * time.Millisecond

// follower is a running Watch. It has one goroutine for each namespace.
type follower struct {
	ctx    context.Context
	notify func(object.Event)
	group  sync.WaitGroup
}

// follow starts to follow a namespace.
func (f *follower) follow(s *space) {
	f.group.Go(func() {
		s.follow(f.ctx, func(keys []object.Key) { f.notify(object.Event{Keys: keys}) },
			func() { f.notify(object.Event{Resync: true}) })
	})
}

// Watch follows every known namespace and the directory of names. After a failure it starts again by itself.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	f := &follower{ctx: ctx, notify: notify}
	d.mu.Lock()
	d.watch = f
	for _, s := range d.spaces {
		f.follow(s)
	}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.watch = nil
		d.mu.Unlock()
		f.group.Wait()
	}()
	for {
		// Changes before this moment were not reported.
		err := d.dir.Watch(ctx, func() { notify(object.Event{Resync: true}) }, func(name string) { d.nameChanged(name, notify) })
		if ctx.Err() != nil {
			return nil
		}
		d.log.Warn("watch of the names of network namespaces lost: watching again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchAgain):
		}
	}
}

// nameChanged closes a namespace that lost its name, so that it ends, and reports it.
func (d *Driver) nameChanged(name string, notify func(object.Event)) {
	if name == "" {
		notify(object.Event{Resync: true})
		return
	}
	s := d.space(name)
	if s == nil || !d.replaced(s) {
		return
	}
	s.mu.Lock()
	keys := s.appendOurs(nil)
	s.mu.Unlock()
	d.drop(s)
	notify(object.Event{Keys: keys})
}

// tellRest reports what Apply saw besides its own changes.
func (d *Driver) tellRest(own map[object.Key]bool) {
	d.mu.Lock()
	f := d.watch
	d.mu.Unlock()
	for _, s := range d.all() {
		s.mu.Lock()
		keys, lost := s.takeChanged(own), s.lost
		s.lost = false
		s.mu.Unlock()
		if f != nil && (lost || len(keys) > 0) {
			f.notify(object.Event{Keys: keys, Resync: lost})
		}
	}
}
