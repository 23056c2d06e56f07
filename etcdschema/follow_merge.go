package etcdschema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	errNewConnection = errors.New("the connection was lost and made again")
	errOtherHistory  = errors.New("etcd is not the one it was, or went back")
	errWatchEnded    = errors.New("the watch ended")
)

// barrierInterval is how soon progress is asked for again while events of one prefix wait for the others.
const barrierInterval = 20 * time.Millisecond

// arrival is one answer of one prefix's watch.
type arrival struct {
	lane int
	resp clientv3.WatchResponse
}

// merger joins the watches of several prefixes: events wait until every lane is known to be complete up to their
// revision, so that whole revisions come out.
type merger struct {
	known  []int64 // by lane: everything up to here has arrived
	events []Event // not given out yet
}

// byRevision orders events, and those of one revision by key.
func byRevision(a, b Event) int {
	return cmp.Or(cmp.Compare(a.ModRevision, b.ModRevision), strings.Compare(a.Key.path, b.Key.path))
}

// low is the revision up to which all lanes are complete.
func (m *merger) low() int64 { return slices.Min(m.known) }

// take removes and returns the events up to low, in order.
func (m *merger) take() []Event {
	low := m.low()
	slices.SortFunc(m.events, byRevision)
	n, _ := slices.BinarySearchFunc(m.events, low+1, func(e Event, r int64) int { return cmp.Compare(e.ModRevision, r) })
	out := m.events[:n:n]
	m.events = m.events[n:]
	return out
}

// watch follows all prefixes from the revision seen until something is in the way.
func (f *Follower) watch(ctx context.Context, dials int64, fn func(Batch) error) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	arrivals := make(chan arrival)
	var lanes sync.WaitGroup
	defer lanes.Wait()
	defer cancel()
	m := &merger{known: make([]int64, len(f.config.Prefixes))}
	for i, p := range f.config.Prefixes {
		m.known[i] = f.seen.Revision
		ch := f.conn.Watch(ctx, f.client.FullPrefix(p), clientv3.WithPrefix(), clientv3.WithFragment(),
			clientv3.WithRev(f.seen.Revision+1))
		lanes.Go(func() { pump(ctx, i, ch, arrivals) })
	}
	tick := time.NewTimer(f.config.ProgressInterval)
	defer tick.Stop()
	for {
		select {
		case a := <-arrivals:
			if f.dials.Load() != dials {
				return errNewConnection
			}
			if err := f.receive(m, a, fn); err != nil {
				return err
			}
			if len(m.events) > 0 {
				tick.Reset(0)
			}
		case <-tick.C:
			if err := f.conn.RequestProgress(ctx); err != nil {
				return err
			}
			next := f.config.ProgressInterval
			if len(m.events) > 0 {
				next = barrierInterval
			}
			tick.Reset(next)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pump hands one watch's answers over until it ends; the last arrival carries the end.
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

// receive takes in one answer and gives out what has become whole.
func (f *Follower) receive(m *merger, a arrival, fn func(Batch) error) error {
	if err := a.resp.Err(); err != nil {
		return explain(rpctypes.Error(err))
	}
	if a.resp.Canceled {
		return errWatchEnded
	}
	h := a.resp.Header
	if h.ClusterId != f.seen.ClusterID || h.Revision < f.seen.Revision {
		return fmt.Errorf("%w: cluster %x at revision %d, seen was %x at %d", errOtherHistory,
			h.ClusterId, h.Revision, f.seen.ClusterID, f.seen.Revision)
	}
	f.touch()
	if n := len(a.resp.Events); n > 0 {
		for _, e := range a.resp.Events {
			m.events = append(m.events, f.event(e))
		}
		m.known[a.lane] = max(m.known[a.lane], a.resp.Events[n-1].Kv.ModRevision)
	} else if a.resp.IsProgressNotify() {
		m.known[a.lane] = max(m.known[a.lane], h.Revision)
	}
	if m.low() == f.seen.Revision {
		return nil
	}
	return f.give(m, fn)
}

func (f *Follower) give(m *merger, fn func(Batch) error) error {
	batch := Batch{Revision: m.low(), ClusterID: f.seen.ClusterID, Events: m.take()}
	for _, e := range batch.Events {
		if e.Deleted {
			delete(f.known, e.Key.path)
		} else {
			f.known[e.Key.path] = e.ModRevision
		}
	}
	f.seen.Revision = batch.Revision
	if err := fn(batch); err != nil {
		return &ownerError{err}
	}
	return nil
}

func (f *Follower) event(e *clientv3.Event) Event {
	if e.Type == clientv3.EventTypeDelete {
		return Event{Item: Item{Key: Key{strings.TrimPrefix(string(e.Kv.Key), f.client.root)}, ModRevision: e.Kv.ModRevision}, Deleted: true}
	}
	return Event{Item: f.client.item(e.Kv)}
}
