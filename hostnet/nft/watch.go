package nft

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/nftables"
	"weft/hostnet/object"
)

// watchAgain is the pause before a failed watch of names starts again, so that it does not spin.
const watchAgain = 200 * time.Millisecond

// watcher follows the namespaces while Watch runs.
type watcher struct {
	ctx    context.Context
	group  *errgroup.Group
	driver *Driver
	notify func(object.Event)
}

// Watch subscribes in every namespace. It follows namespaces that are added and removed.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	group, ctx := errgroup.WithContext(ctx)
	w := &watcher{ctx, group, d, notify}
	d.mu.Lock()
	d.watch = w
	for _, s := range d.spaces {
		w.follow(s)
	}
	d.mu.Unlock()
	group.Go(func() error { return w.followNames() })
	<-ctx.Done()
	d.mu.Lock()
	d.watch = nil
	d.mu.Unlock()
	return group.Wait()
}

// followNames watches the names of the namespaces until ctx ends.
func (w *watcher) followNames() error {
	for {
		err := w.driver.config.Namespaces.Watch(w.ctx, func() { w.changed("") }, w.changed)
		if w.ctx.Err() != nil {
			return nil
		}
		w.driver.config.Logger.Warn("watch of network namespaces lost: watching again", "error", err)
		if !pause(w.ctx) {
			return nil
		}
	}
}

func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(watchAgain):
		return true
	}
}

// changed handles a namespace that was added or removed. An added one is opened, so it is read and reported. The name may appear
// before the namespace can be opened. Then the first Apply to it opens it.
func (w *watcher) changed(name string) {
	if name == "" {
		if err := w.driver.Sync(w.ctx); err != nil && w.ctx.Err() == nil {
			w.driver.config.Logger.Warn("cannot read network namespaces", "error", err)
		}
		w.notify(object.Event{Resync: true})
		return
	}
	old := w.driver.known(name)
	s, err := w.driver.reopenOurs(name)
	switch {
	case isGone(err) && old != nil:
		keys := old.keys()
		w.driver.forget(name)
		w.notify(object.Event{Keys: keys})
	case err != nil && !isGone(err):
		w.driver.config.Logger.Warn("cannot open a network namespace", "namespace", name, "error", err)
	case s != nil && s != old && old != nil:
		w.notify(object.Event{Keys: old.keys()})
	}
}

// reopenOurs is reopen for names of ours. For other names it returns nil.
func (d *Driver) reopenOurs(name string) (*space, error) {
	if len(name) < len(object.NamespacePrefix) || name[:len(object.NamespacePrefix)] != object.NamespacePrefix {
		return nil, nil
	}
	return d.reopen(name)
}

// follow starts the watch of one namespace. The driver's lock must be held.
func (w *watcher) follow(s *space) {
	ctx, stop := context.WithCancel(w.ctx)
	s.stop = stop
	w.group.Go(func() error {
		defer stop()
		defer s.setWatched(false)
		err := nftables.Watch(ctx, nftables.Watcher{
			Name: "namespace " + s.name, Logger: w.driver.config.Logger, All: true,
			Tables:    []nftables.Table{{Family: unix.NFPROTO_INET, Name: tableName}},
			Open:      func() (*netlink.Subscription, error) { return w.subscribe(s) },
			Lost:      func(ctx context.Context) error { return w.begin(ctx, s) },
			Committed: func(ctx context.Context, t nftables.Transaction) error { return w.absorb(ctx, s, t) },
		})
		if isGone(err) {
			return nil
		}
		return err
	})
}

// subscribe subscribes to nftables inside the namespace, if the name still belongs to the same namespace.
func (w *watcher) subscribe(s *space) (sub *netlink.Subscription, err error) {
	s.setWatched(false)
	err = w.driver.config.Namespaces.Inside(s.name, func() error {
		inode, err := currentInode()
		if err != nil {
			return err
		}
		if inode != s.inode {
			return fmt.Errorf("network namespace %s was removed and made again: %w", s.name, unix.ENOENT)
		}
		sub, err = nftables.Subscribe(w.driver.buffers)
		return err
	})
	return sub, err
}

// begin brings the cache to what the kernel holds now. No notification tells what happened before the subscription or what was
// lost.
func (w *watcher) begin(ctx context.Context, s *space) error {
	if err := w.reload(ctx, s, ""); err != nil {
		return err
	}
	s.setWatched(true)
	return nil
}

// reload dumps the table and reports what differed.
func (w *watcher) reload(ctx context.Context, s *space, by string) error {
	t, err := s.load(ctx)
	if err != nil {
		return err
	}
	w.tell(s, t, by)
	return nil
}

func (w *watcher) tell(s *space, t *touched, by string) {
	if !t.empty() {
		w.notify(object.Event{Keys: t.keys(s.name), By: by})
	}
}

// absorb applies one transaction to the cache. It reports what changed, unless the transaction was ours.
func (w *watcher) absorb(ctx context.Context, s *space, committed nftables.Transaction) error {
	t, complete, err := s.absorb(committed.Changes, committed.Generation)
	if err != nil {
		return err
	}
	if !complete {
		if t, err = s.load(ctx); err != nil {
			return err
		}
	}
	if committed.Port != s.ctl.port {
		w.tell(s, t, committed.By())
	}
	return nil
}
