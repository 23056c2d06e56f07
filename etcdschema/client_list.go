package etcdschema

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

// listAtOnce bounds the concurrent requests of one list. etcd reads for them at the same time.
const listAtOnce = 2

// listing is one list of a prefix.
type listing struct {
	client    *Client
	etcd      *link
	prefix    Prefix
	limit     valueLimit
	prepare   func(Item) any
	preparing sync.WaitGroup
}

// span is a range of keys that is still to be read, and the size of its next page.
type span struct {
	from, end string
	size      int64
}

// list reads the prefix at the revision, or at the newest one when it is 0. head has the revision that was read. Values larger than
// the limit are dropped page by page, so that they are never all in memory. Each page is prepared while the next one is read.
func (c *Client) list(ctx context.Context, etcd *link, p Prefix, revision int64, limit valueLimit, prepare func(Item) any) ([]Item, header, error) {
	l := &listing{client: c, etcd: etcd, prefix: p, limit: limit, prepare: prepare}
	defer l.preparing.Wait()
	base := c.FullPrefix(p)
	s := span{base, clientv3.GetPrefixRangeEnd(base), pageFirst}
	page, head, more, err := l.page(ctx, &s, revision, true)
	pages := [][]Item{page}
	if err == nil && more {
		var rest [][]Item
		rest, err = l.rest(ctx, l.cut(s), head.revision)
		pages = append(pages, rest...)
	}
	if err != nil {
		return nil, header{}, err
	}
	l.preparing.Wait()
	return slices.Concat(pages...), head, nil
}

// cut divides what is left of a list of everything at the areas. They are read at the same time, and etcd, which counts the rest of a
// range for each page, has less to count.
func (l *listing) cut(s span) (parts []span) {
	if l.prefix != AllPrefix() {
		return []span{s}
	}
	areas := []Prefix{ActualPrefix(), ClaimPrefix(), DesiredPrefix(), ElectionPrefix(), IntentPrefix(), StatusPrefix()}
	for _, area := range areas {
		if at := l.client.FullPrefix(area); at > s.from {
			parts = append(parts, span{s.from, at, s.size})
			s.from = at
		}
	}
	return append(parts, s)
}

// rest reads all pages of the parts, in order.
func (l *listing) rest(ctx context.Context, parts []span, revision int64) ([][]Item, error) {
	read := make([][][]Item, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listAtOnce)
	for i, s := range parts {
		g.Go(func() error {
			for more := true; more; {
				page, _, further, err := l.page(ctx, &s, revision, false)
				if err != nil {
					return err
				}
				read[i], more = append(read[i], page), further
			}
			return nil
		})
	}
	err := g.Wait()
	return slices.Concat(read...), err
}

// page reads one page and moves the span behind it.
func (l *listing) page(ctx context.Context, s *span, revision int64, first bool) (page []Item, head header, more bool, err error) {
	resp, err := l.client.page(ctx, l.etcd, s.from, s.end, revision, s.size, first)
	for err != nil && tooLarge(err) && s.size > 1 {
		s.size = max(1, s.size/4)
		resp, err = l.client.page(ctx, l.etcd, s.from, s.end, revision, s.size, first)
	}
	if err != nil {
		return nil, header{}, false, fmt.Errorf("list %s: %w", l.client.FullPrefix(l.prefix), explain(err))
	}
	head = header{resp.Header.ClusterId, revision}
	if revision == 0 {
		head.revision = resp.Header.Revision
	}
	page = l.items(resp.Kvs)
	if l.prepare != nil {
		l.preparing.Go(func() { l.prepareAll(page) })
	}
	if more = resp.More && len(resp.Kvs) > 0; more {
		s.from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
		s.size = nextPage(s.size, resp.Kvs)
	}
	return page, head, more, nil
}

// items are the keys of one page.
func (l *listing) items(kvs []*mvccpb.KeyValue) []Item {
	page := make([]Item, len(kvs))
	for i, kv := range kvs {
		page[i] = l.client.item(kv)
		if page[i].refused = l.limit.refuses(page[i]); page[i].refused {
			page[i].Value = nil
		}
	}
	return page
}

func (l *listing) prepareAll(page []Item) {
	for i := range page {
		if !page[i].refused {
			page[i].prepared = l.prepare(page[i])
		}
	}
}
