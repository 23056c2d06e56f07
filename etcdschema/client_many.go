package etcdschema

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

const (
	// manyAtOnce bounds the concurrent requests of one call of GetMany.
	manyAtOnce = 4
	// namesPage is how many keys one request of Names reads.
	namesPage = 1000
)

// GetMany reads many keys in few requests, MaxTxnOps keys in each. The map has the keys that exist. The keys of one request are
// read at one revision. Different requests may read at different revisions.
func (c *Client) GetMany(ctx context.Context, keys []Key) (map[Key]Item, error) {
	found := make(map[Key]Item, len(keys))
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manyAtOnce)
	for part := range slices.Chunk(keys, MaxTxnOps) {
		g.Go(func() error {
			items, err := c.getPart(ctx, part)
			mu.Lock()
			defer mu.Unlock()
			for _, it := range items {
				found[it.Key] = it
			}
			return err
		})
	}
	return found, g.Wait()
}

// getPart reads keys that fit into one transaction. If the answer is too large, it asks for two halves.
func (c *Client) getPart(ctx context.Context, keys []Key) ([]Item, error) {
	gets := make([]clientv3.Op, len(keys))
	for i, k := range keys {
		gets[i] = clientv3.OpGet(c.FullKey(k))
	}
	asking, cancel := withDeadline(ctx)
	defer cancel()
	asking, _ = repeatable(asking) // it only reads
	resp, err := c.etcd.Txn(asking).Then(gets...).Commit()
	if half := len(keys) / 2; err != nil && tooLarge(err) && half > 0 {
		first, err := c.getPart(ctx, keys[:half])
		if err != nil {
			return nil, err
		}
		second, err := c.getPart(ctx, keys[half:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, fmt.Errorf("get %s and %d more keys: %w", c.FullKey(keys[0]), len(keys)-1, explain(err))
	}
	var items []Item
	for _, r := range resp.Responses {
		for _, kv := range r.GetResponseRange().Kvs {
			items = append(items, c.item(kv))
		}
	}
	return items, nil
}

// Names lists the segments that follow the prefix in its keys, each once and in the order of the keys: the projects of intent/, the nodes
// of desired/. It reads keys only, and not all of them: after each page it continues behind the last name of the page. It ends after an
// error.
func (c *Client) Names(ctx context.Context, p Prefix) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		base := c.FullPrefix(p)
		from, end := base, clientv3.GetPrefixRangeEnd(base)
		known := map[string]bool{} // a key "a" comes before "a-b/", and "a/" after it
		for {
			asking, cancel := withDeadline(ctx)
			resp, err := c.etcd.Get(asking, from, clientv3.WithRange(end), clientv3.WithLimit(namesPage), clientv3.WithKeysOnly())
			cancel()
			if err != nil {
				yield("", fmt.Errorf("list the names below %s: %w", base, explain(err)))
				return
			}
			last, slash := "", false
			for _, kv := range resp.Kvs {
				last, _, slash = strings.Cut(strings.TrimPrefix(string(kv.Key), base), "/")
				if known[last] {
					continue
				}
				known[last] = true
				if !yield(last, nil) {
					return
				}
			}
			if !resp.More || len(resp.Kvs) == 0 {
				return
			}
			if from = base + last + "\x00"; slash {
				from = clientv3.GetPrefixRangeEnd(base + last + "/")
			}
		}
	}
}
