package etcdschema

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// pageFirst is the number of keys that the first page of a list asks for, because the size of the values is not known yet.
	pageFirst = 1000
	// pageKeys and pageBytes bound the other pages. etcd walks the rest of the range for each page. Therefore few large pages of
	// small values cost much less than many small pages. Large values would block etcd and fill memory.
	pageKeys  = 20000
	pageBytes = 16 << 20
	// pageGrowth bounds how much larger than the last page a page may be, because the values of one prefix differ in size.
	pageGrowth = 5

	// pageTimeout and pagePatience are for the pages after the first one. They take long to make and to transfer. The small first
	// page has already found a member that answers.
	pageTimeout  = 20 * time.Second
	pagePatience = 4 * time.Second
)

// nextPage is the number of keys to ask for after a page of this size with these keys.
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
