package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// Leadership is an election that this candidate has won. Its owner must call Resign in the end, also after the leadership was lost.
type Leadership struct {
	key            Key
	createRevision int64
	conn           *link
	session        *concurrency.Session
}

// Done is closed when the leadership is lost or resigned. It may be closed a little after another candidate was elected. Therefore
// writes that only a leader may do are fenced (Txn.Fence).
func (l *Leadership) Done() <-chan struct{} { return l.session.Done() }

// Key is the leader's key in etcd.
func (l *Leadership) Key() Key { return l.key }

// Revision is the create revision of Key. Every later leader has a higher one.
func (l *Leadership) Revision() int64 { return l.createRevision }

// Resign ends the leadership at once and closes its connection. The next candidate need not wait for the TTL. When etcd does not
// answer, the leadership ends with the TTL, and the error says so.
func (l *Leadership) Resign(ctx context.Context) error {
	defer l.conn.Close()
	l.session.Orphan()
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	_, err := l.conn.Revoke(ctx, l.session.Lease())
	if err != nil && !errors.Is(rpctypes.Error(err), rpctypes.ErrLeaseNotFound) { // not found: it was lost before
		return fmt.Errorf("resign %s: it ends by itself with its ttl: %w", l.key, explain(err))
	}
	return nil
}

// Campaign waits until this candidate leads the election. It survives every outage of etcd; its only error is the end of ctx. The
// leadership outlives ctx: it ends with Resign, or about one TTL after etcd was last reached. All candidates of one election use
// the same election name. candidate is for people to read. ttl is rounded up to whole seconds.
func (c *Client) Campaign(ctx context.Context, election, candidate string, ttl time.Duration) (*Leadership, error) {
	var wait spread
	for told := false; ; told = true { // an outage may be long: only its beginning is logged
		l, err := c.campaignOnce(ctx, election, candidate, ttl)
		if err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("campaign %s: %w", election, ctx.Err())
		}
		if !told {
			c.log.Warn("the election was interrupted, trying again", "election", election, "error", err)
		}
		wait.sleep(ctx)
	}
}

var errSessionLost = errors.New("the session ended while waiting")

// campaignOnce campaigns with one session on a connection of its own, so that keepalives wait behind nothing else.
func (c *Client) campaignOnce(ctx context.Context, election, candidate string, ttl time.Duration) (*Leadership, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	l, err := c.elect(ctx, conn, election, candidate, ttl)
	if err != nil {
		conn.Close()
		return nil, explain(err)
	}
	return l, nil
}

func (c *Client) elect(ctx context.Context, conn *link, election, candidate string, ttl time.Duration) (*Leadership, error) {
	gctx, cancel := withDeadline(ctx)
	lease, err := conn.Grant(gctx, seconds(ttl))
	cancel()
	if err != nil {
		return nil, err
	}
	session, err := concurrency.NewSession(conn.Client, concurrency.WithLease(lease.ID), concurrency.WithTTL(int(seconds(ttl))))
	if err != nil {
		return nil, err
	}
	l := &Leadership{conn: conn, session: session}
	if err := l.wait(ctx, strings.TrimSuffix(c.FullPrefix(Election(election)), "/"), candidate); err != nil {
		abandon(ctx, conn, session)
		return nil, err
	}
	l.key = ParseKey(strings.TrimPrefix(string(l.key.path), c.root))
	return l, nil
}

// wait campaigns until elected, ctx ends or the session is lost. It fills in the key as etcd stores it.
func (l *Leadership) wait(ctx context.Context, prefix, candidate string) error {
	ctx, _ = repeatable(ctx) // the candidate's key contains the lease's number and is only created
	cctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	// A lost session deletes the candidate's key. Without this, waiting would end with an election that nobody holds.
	defer context.AfterFunc(l.session.Ctx(), cancel)()
	// When its context ends, Election.Campaign cleans up without a deadline. Closing the connection ends that too.
	defer context.AfterFunc(cctx, func() {
		time.AfterFunc(RequestTimeout, func() { l.conn.Close() })
	})()
	e := concurrency.NewElection(l.session, prefix)
	if err := e.Campaign(cctx, candidate); err != nil {
		return err
	}
	l.key, l.createRevision = Key{e.Key()}, e.Rev()
	resp, err := l.conn.Get(cctx, e.Key())
	switch {
	case err != nil:
		return err
	case len(resp.Kvs) == 0 || resp.Kvs[0].CreateRevision != e.Rev():
		return errSessionLost
	}
	return nil
}

// abandon removes a candidate, if etcd can be reached, because its key must not block the others.
func abandon(ctx context.Context, conn *link, session *concurrency.Session) {
	session.Orphan()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	conn.Revoke(ctx, session.Lease()) // if it fails, the lease expires
}
