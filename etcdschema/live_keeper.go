package etcdschema

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// KeepLive keeps live/<node> there with the value v under a lease of ttl until ctx ends, which returns nil. It
// survives every outage of etcd. The lease is left to expire at the end: a restarted node takes the key over in time,
// and nobody sees it gone.
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
	var wait spread
	for ctx.Err() == nil {
		err := c.keepOnce(ctx, conn, Live(node), ttl, value, wait.reset)
		if ctx.Err() != nil {
			return nil
		}
		c.log.Warn("liveness key lost, making it again", "key", c.FullKey(Live(node)), "error", err)
		wait.sleep(ctx)
	}
	return nil
}

// keepOnce puts the key under a new lease and keeps it alive until the lease is lost.
func (c *Client) keepOnce(ctx context.Context, conn *clientv3.Client, k Key, ttl time.Duration, value []byte, made func()) error {
	lease, err := func() (clientv3.LeaseID, error) {
		ctx, cancel := withDeadline(ctx)
		defer cancel()
		resp, err := conn.Grant(ctx, seconds(ttl))
		if err != nil {
			return 0, err
		}
		_, err = conn.Put(ctx, c.FullKey(k), string(value), clientv3.WithLease(resp.ID))
		return resp.ID, err
	}()
	if err != nil {
		return explain(err)
	}
	made()
	alive, err := conn.KeepAlive(ctx, lease)
	if err != nil {
		return explain(err)
	}
	for range alive {
	}
	return fmt.Errorf("lease %x ended", lease)
}
