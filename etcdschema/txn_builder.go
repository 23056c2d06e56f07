package etcdschema

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// MaxTxnOps is the largest number of operations, and of compares, in one transaction (etcd's own limit is 128).
	MaxTxnOps = 100
	// MaxTxnBytes is the largest size of a transaction's keys and values (etcd's own limit is 1.5 MiB for the request).
	MaxTxnBytes = 1 << 20
)

// Txn collects the compares and operations of one etcd transaction. All operations are done if all compares hold, otherwise none.
// Values are encoded by Encode; []byte is put as it is. The first mistake (a value that cannot be encoded, a key written twice) is
// kept, and Commit returns it.
type Txn struct {
	compares []compare
	writes   []write
	written  map[string]bool
	bytes    int
	err      error
}

type compare struct {
	key string // relative to root and layout
	// create says that the create revision is compared, otherwise the mod revision. A key that does not exist has 0 for both.
	create   bool
	revision int64
}

type write struct {
	key    string
	value  []byte
	lease  int64
	delete bool
}

// NewTxn returns an empty transaction.
func NewTxn() *Txn { return &Txn{written: map[string]bool{}} }

// Create puts a key that must not exist.
func (t *Txn) Create(k Key, v any) {
	t.compare(compare{k.path, true, 0})
	t.put(k, v, 0)
}

// CreateLeased is Create with a lease.
func (t *Txn) CreateLeased(k Key, v any, lease int64) {
	t.compare(compare{k.path, true, 0})
	t.put(k, v, lease)
}

// Put writes a key unconditionally.
func (t *Txn) Put(k Key, v any) { t.put(k, v, 0) }

// PutIf writes a key that must still have this mod revision; 0 means that it must not exist.
func (t *Txn) PutIf(k Key, modRevision int64, v any) {
	t.Require(k, modRevision)
	t.put(k, v, 0)
}

// PutLeased writes a key unconditionally, with a lease (see Grant). The key is deleted when the lease ends.
func (t *Txn) PutLeased(k Key, v any, lease int64) { t.put(k, v, lease) }

// PutIfLeased is PutIf with a lease; 0 removes the lease of the key.
func (t *Txn) PutIfLeased(k Key, modRevision int64, v any, lease int64) {
	t.Require(k, modRevision)
	t.put(k, v, lease)
}

// Delete deletes a key, if it exists.
func (t *Txn) Delete(k Key) { t.write(write{key: k.path, delete: true}) }

// DeleteIf deletes a key that must still have this mod revision.
func (t *Txn) DeleteIf(k Key, modRevision int64) {
	t.Require(k, modRevision)
	t.Delete(k)
}

// Require demands that a key still has this mod revision; 0 means that it must not exist.
func (t *Txn) Require(k Key, modRevision int64) { t.compare(compare{k.path, false, modRevision}) }

// Fence demands that the leadership still exists: the create revision of its election key is unchanged.
func (t *Txn) Fence(l *Leadership) { t.compare(compare{l.key.path, true, l.createRevision}) }

// Merge adds everything of o, and does not change o. A compare that both have is kept once.
func (t *Txn) Merge(o *Txn) {
	t.fail(o.err)
	for _, c := range o.compares {
		t.compare(c)
	}
	for _, w := range o.writes {
		t.write(w)
	}
}

// Len is the number that counts against MaxTxnOps: that of the compares or of the operations, whichever is greater.
func (t *Txn) Len() int { return max(len(t.compares), len(t.writes)) }

// Writes is the number of operations.
func (t *Txn) Writes() int { return len(t.writes) }

// Bytes is the size that counts against MaxTxnBytes: all keys and values.
func (t *Txn) Bytes() int { return t.bytes }

// Fits says that o can be merged within the limits. It is used to divide a set of changes into transactions.
func (t *Txn) Fits(o *Txn) bool {
	return len(t.compares)+len(o.compares) <= MaxTxnOps && len(t.writes)+len(o.writes) <= MaxTxnOps &&
		t.bytes+o.bytes <= MaxTxnBytes
}

// Err is the first mistake made while building.
func (t *Txn) Err() error { return t.err }

func (t *Txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *Txn) put(k Key, v any, lease int64) {
	value, err := Encode(v)
	if err != nil {
		t.fail(fmt.Errorf("%s: %w", k, err))
		return
	}
	t.write(write{key: k.path, value: value, lease: lease})
}

func (t *Txn) write(w write) {
	if w.key == "" {
		t.fail(errors.New("the zero Key cannot be written"))
		return
	}
	if t.written[w.key] {
		t.fail(fmt.Errorf("%s: written twice in one transaction, which etcd refuses", w.key))
		return
	}
	t.written[w.key] = true
	t.writes = append(t.writes, w)
	t.bytes += len(w.key) + len(w.value)
}

func (t *Txn) compare(c compare) {
	if c.key == "" {
		t.fail(errors.New("the zero Key cannot be compared"))
		return
	}
	for _, have := range t.compares {
		if have == c {
			return
		}
	}
	t.compares = append(t.compares, c)
	t.bytes += len(c.key)
}

// Commit runs the transaction. committed is false when a compare did not hold; nothing was written then. revision is etcd's
// revision after it. An error for which Refused is true means that nothing was written. After any other error it is unknown whether
// the transaction happened, or will still happen: read again before you try again.
//
// When etcd has several members, the transaction may be sent to more than one. If it guards a key that it writes (Create, PutIf,
// DeleteIf), it still happens once only. If it only puts, it may happen twice, some seconds apart. Only the owner of a key, who
// sees what the key holds later, may do this.
func (c *Client) Commit(ctx context.Context, t *Txn) (revision int64, committed bool, err error) {
	if err := t.check(); err != nil {
		return 0, false, fmt.Errorf("transaction: %w: %w", errLimit, err)
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	ctx, sent := repeatable(ctx)
	resp, err := t.send(ctx, c.etcd, c.root)
	if err != nil {
		return 0, false, fmt.Errorf("transaction of %d compares and %d operations (%d bytes): %w",
			len(t.compares), len(t.writes), t.bytes, explain(err))
	}
	if !resp.Succeeded && sent.times.Load() > 1 {
		return c.happened(ctx, t)
	}
	return resp.Header.Revision, resp.Succeeded, nil
}

// happened says whether the keys are as the first copy of the transaction would have written them. It is called when the
// transaction was sent more than once and its compares did not hold.
func (c *Client) happened(ctx context.Context, t *Txn) (revision int64, committed bool, err error) {
	gets := make([]clientv3.Op, len(t.writes))
	for i, w := range t.writes {
		gets[i] = clientv3.OpGet(c.root + w.key)
	}
	resp, err := c.etcd.Txn(ctx).Then(gets...).Commit()
	if err != nil {
		return 0, false, fmt.Errorf("reading whether a transaction happened: %w", explain(err))
	}
	for i, w := range t.writes {
		kvs := resp.Responses[i].GetResponseRange().Kvs
		if w.delete != (len(kvs) == 0) {
			return resp.Header.Revision, false, nil
		}
		if w.delete {
			continue
		}
		kv := kvs[0]
		if !bytes.Equal(kv.Value, w.value) || kv.Lease != w.lease || revision != 0 && kv.ModRevision != revision {
			return resp.Header.Revision, false, nil
		}
		revision = kv.ModRevision
	}
	return cmp.Or(revision, resp.Header.Revision), len(t.writes) > 0, nil
}

func (t *Txn) check() error {
	switch {
	case t.err != nil:
		return t.err
	case t.Len() > MaxTxnOps:
		return fmt.Errorf("%d compares and %d operations, at most %d of each are allowed: cut it into several",
			len(t.compares), len(t.writes), MaxTxnOps)
	case t.bytes > MaxTxnBytes:
		return fmt.Errorf("%d bytes of keys and values, at most %d are allowed: cut it into several", t.bytes, MaxTxnBytes)
	}
	return nil
}
