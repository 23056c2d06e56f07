package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// stamp identifies the state of a key: its mod revision and a hash of its value. The hash is needed because two histories may have
// different values at the same revision.
type stamp struct {
	revision int64
	hash     uint64
}

func (f *Follower) stamp(modRevision int64, value []byte) stamp {
	return stamp{modRevision, maphash.Bytes(f.seed, value)}
}

// mark is a change at an exact revision. Two histories of etcd that both have it are the same up to it.
type mark struct {
	path string
	stamp
	deleted bool
}

// sameHistory asks etcd, after the connection was lost, whether it is the etcd that was followed so far. The cluster must be the
// same, the revision must not be lower, and the last change must still be there. If this is not so, or cannot be decided, a new
// list is needed, which decides it.
func (f *Follower) sameHistory(ctx context.Context) error {
	f.relist = true
	if f.last == (mark{}) {
		return nil
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	same, err := f.holds(ctx, f.last)
	switch err = rpctypes.Error(err); {
	case errors.Is(err, rpctypes.ErrCompacted), errors.Is(err, rpctypes.ErrFutureRev):
	case err != nil:
		f.relist = false // nothing is known yet
		return fmt.Errorf("get %s: %w", f.last.path, explain(err))
	default:
		f.relist = !same
	}
	return nil
}

// holds says whether this is the etcd that is followed, and its history has the change. A put that is still the newest of its key
// proves it even if its revision has been compacted.
func (f *Follower) holds(ctx context.Context, m mark) (bool, error) {
	at := []int64{0, m.revision} // 0 is now
	if m.deleted {
		at = []int64{m.revision, m.revision - 1}
	}
	for i, revision := range at {
		resp, err := f.conn.Get(ctx, f.client.root+m.path, clientv3.WithRev(revision))
		if err != nil {
			return false, err
		}
		there := len(resp.Kvs) == 1
		switch {
		case resp.Header.ClusterId != f.seen.ClusterID || resp.Header.Revision < f.seen.Revision:
			return false, nil
		case m.deleted && there != (i == 1): // deleted at its revision, present at the one before
			return false, nil
		case !m.deleted && there && f.stamp(resp.Kvs[0].ModRevision, resp.Kvs[0].Value) == m.stamp:
			return true, nil
		}
	}
	return m.deleted, nil
}

// remember records a change that is about to be reported to the owner.
func (f *Follower) remember(e Event) {
	s := f.stamp(e.ModRevision, e.Value)
	f.note(e, s)
	f.last = mark{e.Key.path, s, e.Deleted}
}

// noteAll records the events of a list.
func (f *Follower) noteAll(events []Event) {
	if len(f.known) == 0 {
		f.known = make(map[string]stamp, len(events))
	}
	for _, e := range events {
		f.note(e, f.stamp(e.ModRevision, e.Value))
	}
}

// note records one event. A refused key counts as absent.
func (f *Follower) note(e Event, s stamp) {
	if e.Deleted || e.Refused {
		delete(f.known, e.Key.path)
	} else {
		f.known[e.Key.path] = s
	}
}
