package nft

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// watcher follows the namespaces while Watch runs.
type watcher struct {
	ctx    context.Context
	group  *errgroup.Group
	driver *Driver
	notify func(object.Event)
}

// Watch subscribes in every namespace, and follows namespaces as they come and go.
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
	case <-time.After(resubscribeDelay):
		return true
	}
}

// changed looks at a namespace that came or went. One that came is read and told of; its name may come before itself,
// then applying to it opens it.
func (w *watcher) changed(name string) {
	if name == "" {
		if err := w.driver.Sync(w.ctx); err != nil && w.ctx.Err() == nil {
			w.driver.config.Logger.Warn("network namespaces not read", "error", err)
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
		w.driver.config.Logger.Warn("network namespace not opened", "namespace", name, "error", err)
	case s != nil && s != old && old != nil:
		w.notify(object.Event{Keys: old.keys()})
	}
}

// reopenOurs is reopen for names of ours; nil for others.
func (d *Driver) reopenOurs(name string) (*space, error) {
	if len(name) < len(object.NamespacePrefix) || name[:len(object.NamespacePrefix)] != object.NamespacePrefix {
		return nil, nil
	}
	return d.reopen(name)
}

// follow starts the subscription in one namespace. The driver's lock is held.
func (w *watcher) follow(s *space) {
	ctx, stop := context.WithCancel(w.ctx)
	s.stop = stop
	w.group.Go(func() error {
		defer stop()
		for {
			err := w.subscribe(ctx, s)
			if ctx.Err() != nil || isGone(err) {
				return nil
			}
			w.driver.config.Logger.Warn("nf_tables subscription lost: subscribing again", "namespace", s.name, "error", err)
			if !pause(ctx) {
				return nil
			}
		}
	})
}

// subscribe runs one subscription until it fails or ctx ends.
func (w *watcher) subscribe(ctx context.Context, s *space) error {
	var socket *nl.NetlinkSocket
	err := w.driver.config.Namespaces.Inside(s.name, func() error {
		inode, err := currentInode()
		if err != nil {
			return err
		}
		if inode != s.inode {
			return fmt.Errorf("network namespace %s is another one now: %w", s.name, unix.ENOENT)
		}
		if socket, err = nl.Subscribe(unix.NETLINK_NETFILTER, groupNFTables); err != nil {
			return fmt.Errorf("subscribe to nf_tables: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { defer close(closed); socket.Close() })
	defer func() {
		if cancel() {
			socket.Close()
			return
		}
		<-closed
	}()
	if err := socket.SetReceiveBufferSize(socketBuffer, true); err != nil {
		w.driver.config.Logger.Warn("nf_tables subscription keeps the default buffer", "namespace", s.name, "error", err)
	}
	return w.receive(ctx, s, socket)
}

// receive brings notifications into the view, transaction by transaction.
func (w *watcher) receive(ctx context.Context, s *space, socket *nl.NetlinkSocket) error {
	defer s.setWatched(false)
	// What happened before this subscription is not in it.
	if err := w.reload(ctx, s, ""); err != nil {
		return err
	}
	s.setWatched(true)
	var changes []syscall.NetlinkMessage
	for {
		messages, from, err := socket.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			changes = nil
			if err := w.reload(ctx, s, ""); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from nf_tables: %w", err)
		}
		if from.Pid != nl.PidKernel {
			continue
		}
		for _, m := range messages {
			if messageOf(m) != unix.NFT_MSG_NEWGEN {
				changes = append(changes, m)
				continue
			}
			if err := w.absorb(ctx, s, changes, m); err != nil {
				return err
			}
			changes = nil
		}
	}
}

// reload dumps the table and tells what was different.
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

// absorb brings one transaction into the view, and tells what changed by it unless it was ours.
func (w *watcher) absorb(ctx context.Context, s *space, changes []syscall.NetlinkMessage, end syscall.NetlinkMessage) error {
	a, err := attributesOf(end)
	if err != nil {
		return err
	}
	generation := readNumber(a[unix.NFTA_GEN_ID])
	by := fmt.Sprintf("%s[%d]", readText(a[unix.NFTA_GEN_PROC_NAME]), readNumber(a[unix.NFTA_GEN_PROC_PID]))
	t, complete, err := s.absorb(changes, generation)
	if err != nil {
		return err
	}
	own := end.Header.Pid == s.ctl.port
	if !complete {
		fresh, err := s.load(ctx)
		if err != nil {
			return err
		}
		t = fresh
	}
	if !own {
		w.tell(s, t, by)
	}
	return nil
}
