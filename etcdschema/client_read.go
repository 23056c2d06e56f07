package etcdschema

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Item is one key with its value as etcd stores it. Lease is 0 for a key without a lease.
type Item struct {
	Key                                  Key
	Value                                []byte
	CreateRevision, ModRevision, Version int64
	Lease                                int64

	refused  bool // its value was left out: see valueLimit
	prepared any
}

// Prepared is what FollowerConfig.Prepare has made of the item; nil when it was not asked.
func (it Item) Prepared() any { return it.prepared }

// valueLimit is FollowerConfig.Limit.
type valueLimit func(Key) int

// refuses says that the value is larger than the limit, or that the key is not wanted at all.
func (l valueLimit) refuses(it Item) bool {
	if l == nil {
		return false
	}
	most := l(it.Key)
	return most < 0 || len(it.Value) > most
}

func (c *Client) item(kv *mvccpb.KeyValue) Item {
	return Item{
		Key:            Key{strings.TrimPrefix(string(kv.Key), c.root)},
		Value:          kv.Value,
		CreateRevision: kv.CreateRevision,
		ModRevision:    kv.ModRevision,
		Version:        kv.Version,
		Lease:          kv.Lease,
	}
}

// Get reads one key. ok is false when it does not exist.
func (c *Client) Get(ctx context.Context, k Key) (item Item, ok bool, err error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	resp, err := c.etcd.Get(ctx, c.FullKey(k))
	if err != nil {
		return Item{}, false, fmt.Errorf("get %s: %w", c.FullKey(k), explain(err))
	}
	if len(resp.Kvs) == 0 {
		return Item{}, false, nil
	}
	return c.item(resp.Kvs[0]), true, nil
}

// List reads all keys under the prefix in key order, in pages, all at the one revision it returns.
func (c *Client) List(ctx context.Context, p Prefix) (items []Item, revision int64, err error) {
	items, head, err := c.list(ctx, c.etcd, p, 0, nil, nil)
	return items, head.revision, err
}

// Count is the number of keys under the prefix.
func (c *Client) Count(ctx context.Context, p Prefix) (int, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	resp, err := c.etcd.Get(ctx, c.FullPrefix(p), clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", c.FullPrefix(p), explain(err))
	}
	return int(resp.Count), nil
}

// header is the origin of an answer: etcd's cluster and revision.
type header struct {
	clusterID uint64
	revision  int64
}

// Grant makes a lease of at least ttl, rounded up to whole seconds. Keys that are put with it are deleted when it ends. Nobody
// keeps it alive.
func (c *Client) Grant(ctx context.Context, ttl time.Duration) (lease int64, err error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	resp, err := c.etcd.Grant(ctx, seconds(ttl))
	if err != nil {
		return 0, fmt.Errorf("grant a lease of %s: %w", ttl, explain(err))
	}
	return int64(resp.ID), nil
}

// seconds rounds up, because etcd counts leases in whole seconds.
func seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }
