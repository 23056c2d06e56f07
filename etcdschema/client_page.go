package etcdschema

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// pageFirst is how many keys the first page of a list asks for, when nothing is known of their size.
	pageFirst = 1000
	// pageKeys and pageBytes bound the others. etcd walks the rest of the range for each page, so that few large pages of
	// small values cost much less than many small ones; large values would block etcd, and fill memory.
	pageKeys  = 20000
	pageBytes = 16 << 20
	// pageGrowth bounds how much larger than the last one a page may be: values of one prefix differ.
	pageGrowth = 5

	// pageTimeout and pagePatience are for pages after the first, which are slow to make and to carry. The first one, which
	// is small, has found a member that answers.
	pageTimeout  = 20 * time.Second
	pagePatience = 4 * time.Second
)

// nextPage is how many keys to ask for after a page of so many, with these answers.
func nextPage(size int64, kvs []*mvccpb.KeyValue) int64 {
	bytes := int64(1)
	for _, kv := range kvs {
		bytes += int64(len(kv.Key) + len(kv.Value))
	}
	fit := pageBytes * int64(len(kvs)) / bytes
	return max(1, min(fit, pageGrowth*size, pageKeys))
}

// page reads up to size keys.
func (c *Client) page(ctx context.Context, etcd *link, from, end string, revision, size int64, first bool) (*clientv3.GetResponse, error) {
	timeout := RequestTimeout
	if !first {
		timeout, ctx = pageTimeout, patient(ctx, pagePatience)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return etcd.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(size), clientv3.WithRev(revision))
}
