package scale

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"weft/etcdschema"
)

// Transcript is the list of transactions in a period, without their values.
type Transcript struct{ txns []transaction }

type transaction struct {
	revision int64
	writes   []write
}

type write struct {
	area, key string
	size      int
	deleted   bool
}

func (t *Transcript) note(area string, e etcdschema.Event) {
	if n := len(t.txns); n == 0 || t.txns[n-1].revision != e.ModRevision {
		t.txns = append(t.txns, transaction{revision: e.ModRevision})
	}
	last := &t.txns[len(t.txns)-1]
	last.writes = append(last.writes, write{area, e.Key.String(), len(e.Value), e.Deleted})
}

func (o *observer) startRecord() *Transcript {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.record = &Transcript{}
	return o.record
}

func (o *observer) stopRecord() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.record = nil
}

// Floor is what etcd alone needs for transactions.
type Floor struct {
	Wall         time.Duration
	Etcd         time.Duration // processor time
	Transactions int
}

// floorRoot is where raw transactions write, on the same etcd.
const floorRoot = "/floor/"

// replay writes transactions of the same number and size raw. It writes the same keys at another root, with a compare for each, one
// transaction after the other.
func (c *Cloud) replay(ctx context.Context, t *Transcript, areas []string) (f Floor, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	etcd := c.testbed.Etcd().Process.Pid()
	before, err := ProcessorTime(etcd)
	if err != nil {
		return f, err
	}
	filler := string(bytes.Repeat([]byte{'x'}, etcdschema.MaxTxnBytes))
	start := time.Now()
	for _, txn := range t.txns {
		var compares []clientv3.Cmp
		var ops []clientv3.Op
		for _, w := range txn.writes {
			if !slices.Contains(areas, w.area) {
				continue
			}
			key := floorRoot + w.key
			compares = append(compares, clientv3.Compare(clientv3.ModRevision(key), ">", -1))
			if w.deleted {
				ops = append(ops, clientv3.OpDelete(key))
			} else {
				ops = append(ops, clientv3.OpPut(key, filler[:w.size]))
			}
		}
		if len(ops) == 0 {
			continue
		}
		f.Transactions++
		if err := c.raw(ctx, compares, ops); err != nil {
			return f, err
		}
	}
	f.Wall = time.Since(start)
	after, err := ProcessorTime(etcd)
	f.Etcd = max(0, after-before-time.Duration(c.idle.etcd*float64(f.Wall)))
	return f, err
}

// rawRetry is the time after which a raw transaction without an answer from etcd is tried again, unchanged.
const rawRetry = 100 * time.Millisecond

func (c *Cloud) raw(ctx context.Context, compares []clientv3.Cmp, ops []clientv3.Op) error {
	for {
		_, err := c.client.Etcd().Txn(ctx).If(compares...).Then(ops...).Commit()
		if err == nil {
			return nil
		}
		if status.Code(err) != codes.Unavailable {
			return fmt.Errorf("raw transaction: %w", err)
		}
		select {
		case <-time.After(rawRetry):
		case <-ctx.Done():
			return fmt.Errorf("raw transaction: %w", errors.Join(err, ctx.Err()))
		}
	}
}

// forgetBatch bounds the keys that one request deletes, because etcd does nothing else during the request.
const forgetBatch = 5000

// Forget removes what floors wrote, and etcd's history, as its compaction does each hour elsewhere.
func (c *Cloud) Forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	etcd, end := c.client.Etcd(), clientv3.GetPrefixRangeEnd(floorRoot)
	for {
		keys, err := etcd.Get(ctx, floorRoot, clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithLimit(forgetBatch))
		if err != nil {
			return fmt.Errorf("remove raw keys: %w", err)
		}
		if len(keys.Kvs) == 0 {
			// Compact physically, so that etcd is not busy with it afterwards.
			_, err := etcd.Compact(ctx, keys.Header.Revision, clientv3.WithCompactPhysical())
			if err != nil && !errors.Is(err, rpctypes.ErrCompacted) { // nothing was written since the last time
				return fmt.Errorf("compact etcd: %w", err)
			}
			return nil
		}
		last := string(keys.Kvs[len(keys.Kvs)-1].Key) + "\x00"
		if _, err := etcd.Delete(ctx, floorRoot, clientv3.WithRange(last)); err != nil {
			return fmt.Errorf("remove raw keys: %w", err)
		}
	}
}
