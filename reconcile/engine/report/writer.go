// Package report makes the report of a node and writes it to etcd.
package report

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"weft/etcdschema"
)

const (
	// reportDelay is how long changes are collected for a report that nobody waits for.
	reportDelay = 100 * time.Millisecond
	// reportTimeout bounds one transaction. After it the newest report is tried again.
	reportTimeout = 5 * time.Second
	// firstRetry and lastRetry are the shortest and the longest wait after a report could not be written.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Store is where the node reports.
type Store interface {
	Get(ctx context.Context, k etcdschema.Key) (item etcdschema.Item, ok bool, err error)
	Commit(ctx context.Context, t *etcdschema.Txn) (revision int64, committed bool, err error)
}

// Writer writes the node's report to etcd without delaying the loop. While a transaction is running or etcd is not reachable, newer
// values replace older ones.
type Writer struct {
	store Store
	node  string
	log   *slog.Logger

	// mod is the mod revision of the node's summary in etcd; known says whether it was read. Every transaction requires it, so that
	// a copy of a transaction that arrives late changes nothing.
	mod   int64
	known bool

	mu      sync.Mutex
	summary *etcdschema.NodeReport
	buckets map[int]etcdschema.BucketReport
	ready   chan struct{} // holds one token while something is to be written
	hurry   chan struct{} // holds one token when it is urgent
}

// NewWriter makes a writer for the node; Run makes it write.
func NewWriter(store Store, node string, log *slog.Logger) *Writer {
	return &Writer{store: store, node: node, log: log, buckets: map[int]etcdschema.BucketReport{},
		ready: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// Publish takes a summary and the changed buckets. It does not wait. An urgent report is written without delay.
func (r *Writer) Publish(summary etcdschema.NodeReport, buckets map[int]etcdschema.BucketReport, urgent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary = &summary
	maps.Copy(r.buckets, buckets)
	token(r.ready)
	if urgent {
		token(r.hurry)
	}
}

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends.
func (r *Writer) Run(ctx context.Context) error {
	delay, failing := firstRetry, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.ready:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.hurry:
		case <-time.After(reportDelay):
		}
		if err := r.write(ctx); err != nil {
			if ctx.Err() == nil && !failing { // an outage may be long: only its beginning and its end are logged
				r.log.Warn("cannot write the report, trying again", "error", err)
			}
			failing = true
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(delay):
			}
			delay = min(2*delay, lastRetry)
			token(r.ready)
			token(r.hurry)
			continue
		}
		if failing {
			r.log.Info("the report is written again")
		}
		delay, failing = firstRetry, false
	}
}

// write writes the collected report: first the buckets, then the summary together with the last of them. Therefore the exceptions
// of a processed revision are always in etcd with it. What could not be written is kept, unless newer values have come.
func (r *Writer) write(ctx context.Context) error {
	r.mu.Lock()
	summary, buckets := r.summary, r.buckets
	r.summary, r.buckets = nil, map[int]etcdschema.BucketReport{}
	r.mu.Unlock()
	if summary == nil {
		return nil
	}
	txns, err := r.transactions(*summary, buckets)
	if err != nil {
		return err // such a value can never be encoded: nothing is kept
	}
	if err := r.commit(ctx, txns); err != nil {
		r.known = false
		r.putBack(summary, buckets)
		return err
	}
	return nil
}

var errOtherReport = errors.New("somebody else has written this node's report: is another weftd running in its name?")

// commit writes the transactions one after the other. The last one writes the summary.
func (r *Writer) commit(ctx context.Context, txns []*etcdschema.Txn) error {
	summary := etcdschema.ActualNode(r.node)
	if !r.known {
		item, _, err := r.store.Get(ctx, summary)
		if err != nil {
			return err
		}
		r.mod, r.known = item.ModRevision, true
	}
	for i, t := range txns {
		t.Require(summary, r.mod)
		ctx, cancel := context.WithTimeout(ctx, reportTimeout)
		revision, done, err := r.store.Commit(ctx, t)
		cancel()
		switch {
		case err != nil:
			return err
		case !done:
			return errOtherReport
		case i == len(txns)-1:
			r.mod = revision
		}
	}
	return nil
}

// transactions encodes a report into as few transactions as etcd's limits allow.
func (r *Writer) transactions(summary etcdschema.NodeReport, buckets map[int]etcdschema.BucketReport) ([]*etcdschema.Txn, error) {
	txns := []*etcdschema.Txn{etcdschema.NewTxn()}
	put := func(k etcdschema.Key, v any) error {
		value, err := json.Marshal(v)
		if err != nil {
			return err
		}
		one := etcdschema.NewTxn()
		one.Put(k, value)
		if last := txns[len(txns)-1]; !last.Fits(one) {
			txns = append(txns, etcdschema.NewTxn())
		}
		txns[len(txns)-1].Merge(one)
		return nil
	}
	for _, b := range slices.Sorted(maps.Keys(buckets)) {
		if err := put(etcdschema.ActualBucket(r.node, b), buckets[b]); err != nil {
			return nil, err
		}
	}
	return txns, put(etcdschema.ActualNode(r.node), summary)
}

func (r *Writer) putBack(summary *etcdschema.NodeReport, buckets map[int]etcdschema.BucketReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.summary == nil {
		r.summary = summary
	}
	for b, v := range buckets {
		if _, newer := r.buckets[b]; !newer {
			r.buckets[b] = v
		}
	}
}
