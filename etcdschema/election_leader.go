package etcdschema

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// Leadership is an election won. Whoever got it must Resign it in the end, also after it was lost.
type Leadership struct {
	key            Key
	createRevision int64
	conn           *clientv3.Client
	session        *concurrency.Session
}

// Done is closed when the leadership is lost or resigned. It may be closed a little after another has been elected:
// what only a leader may write is fenced (Txn.Fence).
func (l *Leadership) Done() <-chan struct{} { return l.session.Done() }

// Key is the leader's key in etcd, and Revision its create revision.
func (l *Leadership) Key() Key        { return l.key }
func (l *Leadership) Revision() int64 { return l.createRevision }

// Resign gives the leadership up at once, so that the next candidate need not wait for the ttl, and closes its
// connection. When etcd does not answer the leadership ends with the ttl, and the error says so.
func (l *Leadership) Resign(ctx context.Context) error {
	defer l.conn.Close()
	l.session.Orphan()
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	if _, err := l.conn.Revoke(ctx, l.session.Lease()); err != nil {
		return fmt.Errorf("resign %s: %w", l.key, explain(err))
	}
	return nil
}

// Campaign waits until this candidate leads the election, or ctx ends. The leadership outlives ctx: it ends by Resign,
// or about ttl after etcd was last reached. name is the election's; ttl is rounded up to whole seconds.
func (c *Client) Campaign(ctx context.Context, name string, ttl time.Duration) (*Leadership, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("campaign %s: %w", name, err)
	}
	session, err := concurrency.NewSession(conn, concurrency.WithTTL(int(seconds(ttl))))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("campaign %s: %w", name, explain(err))
	}
	prefix := c.root + "election/" + name
	e := concurrency.NewElection(session, prefix)
	if err := e.Campaign(ctx, name); err != nil {
		conn.Close()
		return nil, fmt.Errorf("campaign %s: %w", name, explain(err))
	}
	return &Leadership{ParseKey(e.Key()[len(c.root):]), e.Rev(), conn, session}, nil
}
