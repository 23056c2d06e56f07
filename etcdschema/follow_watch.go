package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	errOtherHistory = errors.New("etcd may have been replaced or restored: reading everything again")
	errWatchEnded   = errors.New("the watch ended")
)

// barrierInterval is the interval at which progress is requested while events of one prefix wait for the other prefixes.
const barrierInterval = 20 * time.Millisecond

// arrival is one answer of one prefix's watch.
type arrival struct {
	lane int
	resp clientv3.WatchResponse
}

// watcher is one run of the watches of a follower.
type watcher struct {
	*Follower
	merger
	dials    int64 // connections made when the history was last checked
	arrivals chan arrival
	tick     *time.Timer
	asked    bool // progress was requested because events wait, and has not come
	ready    func()
	fn       func(Batch) error
}

// watch follows all prefixes from the last revision seen until it must stop. It begins with that revision, not with the one after
// it, and skips what was reported already. The reason: etcd answers no progress request before the start revision of a watch
// exists. A quiet etcd would look like an absent one.
func (f *Follower) watch(ctx context.Context, dials int64, fn func(Batch) error, ready func()) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	w := &watcher{Follower: f, merger: merger{known: make([]int64, len(f.config.Prefixes))}, dials: dials,
		arrivals: make(chan arrival), tick: time.NewTimer(0), ready: ready, fn: fn}
	defer w.tick.Stop()
	var lanes sync.WaitGroup
	defer lanes.Wait()
	defer cancel()
	for i, p := range f.config.Prefixes {
		w.merger.known[i] = f.seen.Revision
		ch := f.conn.Watch(ctx, f.client.FullPrefix(p), clientv3.WithPrefix(), clientv3.WithFragment(),
			clientv3.WithRev(f.seen.Revision))
		lanes.Go(func() { pump(ctx, i, ch, w.arrivals) })
	}
	for {
		if err := w.step(ctx); err != nil {
			return err
		}
	}
}

// step handles one answer, or requests progress when it is time.
func (w *watcher) step(ctx context.Context) error {
	select {
	case a := <-w.arrivals:
		if err := w.receive(ctx, a); err != nil {
			return err
		}
		if len(w.events) > 0 && !w.asked {
			w.tick.Reset(0)
		}
	case <-w.tick.C:
		if err := w.conn.RequestProgress(ctx); err != nil {
			return fmt.Errorf("request progress: %w", explain(err))
		}
		w.asked = len(w.events) > 0
		if len(w.events) > 0 {
			w.tick.Reset(barrierInterval)
		} else {
			w.tick.Reset(w.config.ProgressInterval)
		}
	case <-w.redialed:
		return w.check(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// pump passes on the answers of one watch until it ends. The last arrival reports the end.
func pump(ctx context.Context, lane int, ch clientv3.WatchChan, out chan<- arrival) {
	for {
		resp, ok := <-ch
		if !ok {
			resp.Canceled = true
		}
		select {
		case out <- arrival{lane, resp}:
		case <-ctx.Done():
			return
		}
		if !ok {
			return
		}
	}
}

// receive takes in one answer. It reports to the owner the events that are complete now.
func (w *watcher) receive(ctx context.Context, a arrival) error {
	if err := w.sound(ctx, a.resp); err != nil {
		return err
	}
	w.touch()
	w.ready()
	known := &w.merger.known[a.lane]
	if n := len(a.resp.Events); n > 0 {
		for _, e := range a.resp.Events {
			if e.Kv.ModRevision > w.seen.Revision {
				w.events = append(w.events, w.event(e))
			}
		}
		*known = max(*known, a.resp.Events[n-1].Kv.ModRevision)
	} else if a.resp.IsProgressNotify() {
		*known = max(*known, a.resp.Header.Revision)
		w.asked = false
	}
	if w.low() == w.seen.Revision {
		return nil
	}
	batch := Batch{Revision: w.low(), ClusterID: w.seen.ClusterID, Events: w.take()}
	for i := range batch.Events {
		e := &batch.Events[i]
		e.Refused = !e.Deleted && valueLimit(w.config.Limit).refuses(e.Item)
		w.remember(*e)
		if e.Refused {
			e.Value = nil
		}
	}
	w.seen.Revision = batch.Revision
	if err := w.fn(batch); err != nil {
		return &ownerError{err}
	}
	return nil
}

// sound says why an answer cannot be used: the watch ended, or the answer comes from another etcd.
func (w *watcher) sound(ctx context.Context, r clientv3.WatchResponse) error {
	if err := r.Err(); err != nil {
		err = watchError(err)
		w.relist = errors.Is(err, rpctypes.ErrCompacted)
		return explain(err)
	}
	if r.Canceled {
		return errWatchEnded
	}
	if r.Header.ClusterId != w.seen.ClusterID || r.Header.Revision < w.seen.Revision {
		// A member that lags behind also answers like this. sameHistory decides it, because it reads what the cluster has agreed
		// on.
		return fmt.Errorf("%w: cluster %x at revision %d, seen was %x at %d", errOtherHistory,
			r.Header.ClusterId, r.Header.Revision, w.seen.ClusterID, w.seen.Revision)
	}
	return w.check(ctx)
}

// check makes sure that a connection made since the last check leads to the same etcd. The watch alone may not show it: an etcd
// that went back sends nothing until it has reached the watched revision again.
func (w *watcher) check(ctx context.Context) error {
	dials := w.Follower.dials.Load()
	if dials == w.dials {
		return nil
	}
	if err := w.sameHistory(ctx); err != nil {
		return err
	}
	if w.relist {
		return errOtherHistory
	}
	w.dials = dials
	return nil
}

func (f *Follower) event(e *clientv3.Event) Event {
	if e.Type == clientv3.EventTypeDelete {
		return Event{Item: Item{Key: Key{strings.TrimPrefix(string(e.Kv.Key), f.client.root)}, ModRevision: e.Kv.ModRevision}, Deleted: true}
	}
	return Event{Item: f.client.item(e.Kv)}
}
