package etcdschema

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// KeepLive keeps the key live/<node> with the value v under a lease of ttl. It returns nil when ctx ends. It survives every outage
// of etcd. If somebody deletes the key, it is put back within ttl. At the end the lease is left to expire, so that a restarted node
// can take the key over before anybody sees it gone.
func (c *Client) KeepLive(ctx context.Context, node string, ttl time.Duration, v any) error {
	value, err := Encode(v)
	if err != nil {
		return fmt.Errorf("%s: %w", Live(node), err)
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", Live(node), err)
	}
	defer conn.Close()
	k := &liveKeeper{conn: conn, key: c.FullKey(Live(node)), value: string(value), ttl: ttl}
	c.keepOn(ctx, k.key, k.keep)
	return nil
}

// keepOn calls keep again and again until ctx ends; keep returns when the key is lost. An outage may be long, so only its beginning
// and its end are logged.
func (c *Client) keepOn(ctx context.Context, key string, keep func(ctx context.Context, made func()) error) {
	var wait spread
	for down := false; ctx.Err() == nil; down = true {
		err := keep(ctx, func() {
			if down {
				c.log.Info("liveness key is there again", "key", key)
			}
			down = false
			wait.reset()
		})
		if ctx.Err() != nil {
			return
		}
		if !down {
			c.log.Warn("cannot keep the liveness key, trying again", "key", key, "error", err)
		}
		wait.sleep(ctx)
	}
}

// liveKeeper keeps one key on a connection of its own.
type liveKeeper struct {
	conn       *link
	key, value string
	ttl        time.Duration
	lease      clientv3.LeaseID
}

// keep puts the key under a new lease. It keeps key and lease until the lease is lost.
func (k *liveKeeper) keep(ctx context.Context, made func()) error {
	resp, err := call(ctx, func(ctx context.Context) (*clientv3.LeaseGrantResponse, error) {
		return k.conn.Grant(ctx, seconds(k.ttl))
	})
	if err != nil {
		return explain(err)
	}
	k.lease = resp.ID
	if err := k.ensure(ctx); err != nil {
		return err
	}
	made()
	kctx, cancel := context.WithCancel(ctx) // ends the keepalives of a lease that is abandoned
	defer cancel()
	alive, err := k.conn.KeepAlive(kctx, k.lease)
	if err != nil {
		return explain(err)
	}
	check := time.NewTicker(k.ttl)
	defer check.Stop()
	for {
		select {
		case _, ok := <-alive:
			if !ok {
				return fmt.Errorf("lease %x ended", k.lease)
			}
		case <-check.C:
			if err := k.ensure(ctx); err != nil {
				return err
			}
		}
	}
}

// ensure puts the key unless it exists with this lease.
func (k *liveKeeper) ensure(ctx context.Context) error {
	ctx, _ = repeatable(ctx) // nobody else uses this lease
	_, err := call(ctx, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return k.conn.Txn(ctx).If(clientv3.Compare(clientv3.LeaseValue(k.key), "=", k.lease)).
			Else(clientv3.OpPut(k.key, k.value, clientv3.WithLease(k.lease))).Commit()
	})
	return explain(err)
}
