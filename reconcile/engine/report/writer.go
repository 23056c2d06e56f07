// Package report makes the report of a node and writes it to etcd.
package report

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"weft/etcdschema"
)

const (
	// reportDelay is how long changes are collected for a report that nobody waits for.
	reportDelay = 100 * time.Millisecond
	// revisionDelay is how long a report waits that only says how far the node has come. It is written with the next report, if one comes
	// sooner. All nodes of a region have such a report to write when a set that they share changes.
	revisionDelay = 5 * time.Second
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

	// written has the hashes of the buckets that etcd holds, by number. A bucket with the same content is not written again.
	written map[int]uint64
	seed    maphash.Seed
	last    etcdschema.NodeReport // the summary that was written last

	mu      sync.Mutex
	summary *etcdschema.NodeReport
	buckets map[int]etcdschema.BucketReport
	renew   []int
	ready   chan struct{} // holds one token while something is to be written
	hurry   chan struct{} // holds one token when it is urgent
}

// NewWriter makes a writer for the node; Run makes it write.
func NewWriter(store Store, node string, log *slog.Logger) *Writer {
	return &Writer{store: store, node: node, log: log, buckets: map[int]etcdschema.BucketReport{}, seed: maphash.MakeSeed(),
		ready: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// Publish takes a summary and the buckets that may have changed. It does not wait. An urgent report is written without delay, and one that
// says nothing new except revisions after some seconds. Buckets whose content is what this writer last wrote are left out, unless Renew
// names them or all buckets are published together: then nothing is known of what etcd holds.
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

// Renew makes the next report write these buckets even if they have not changed, because somebody may have removed them from etcd.
func (r *Writer) Renew(buckets []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew = append(r.renew, buckets...)
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
		if r.collect(ctx); ctx.Err() != nil {
			return nil
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

// collect waits for what can be written together with the report: not at all if it is urgent, at most reportDelay if it says something new,
// and otherwise at most revisionDelay.
func (r *Writer) collect(ctx context.Context) {
	last, soon := time.After(revisionDelay), time.After(reportDelay)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hurry:
			return
		case <-last:
			return
		case <-r.ready:
			if soon == nil {
				soon = time.After(reportDelay)
			}
		case <-soon:
			if soon = nil; r.news() {
				return
			}
		}
	}
}

// news says that the collected report tells more than how far the node has come.
func (r *Writer) news() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.summary == nil {
		return false
	}
	if len(r.renew) > 0 || len(r.buckets) == etcdschema.Buckets || !reflect.DeepEqual(stateIn(*r.summary), stateIn(r.last)) {
		return true
	}
	values, _, err := r.changed(r.buckets)
	return err != nil || len(values) > 0
}

// stateIn is a summary without what each report has anew: how far the node has come, and the time.
func stateIn(s etcdschema.NodeReport) etcdschema.NodeReport {
	s.ProcessedRevision, s.Generation, s.EtcdRevision, s.At = 0, 0, 0, time.Time{}
	return s
}

// write writes the collected report: first the buckets, then the summary together with the last of them. Therefore the exceptions
// of a processed revision are always in etcd with it. What could not be written is kept, unless newer values have come.
func (r *Writer) write(ctx context.Context) error {
	r.mu.Lock()
	summary, buckets, renew := r.summary, r.buckets, r.renew
	r.summary, r.buckets, r.renew = nil, map[int]etcdschema.BucketReport{}, nil
	r.mu.Unlock()
	for _, b := range renew {
		delete(r.written, b)
	}
	if summary == nil {
		return nil
	}
	if len(buckets) == etcdschema.Buckets {
		r.written = nil
	}
	values, hashes, err := r.changed(buckets)
	if err != nil {
		return err // such a value can never be encoded: nothing is kept
	}
	txns, err := r.transactions(*summary, values)
	if err != nil {
		return err
	}
	if err := r.commit(ctx, txns); err != nil {
		r.known, r.written = false, nil
		r.putBack(summary, buckets)
		return err
	}
	if r.written == nil {
		r.written = make(map[int]uint64, len(hashes))
	}
	maps.Copy(r.written, hashes)
	r.last = *summary
	return nil
}

// changed encodes the buckets that etcd does not hold yet.
func (r *Writer) changed(buckets map[int]etcdschema.BucketReport) (values map[int][]byte, hashes map[int]uint64, err error) {
	values, hashes = map[int][]byte{}, map[int]uint64{}
	for b, report := range buckets {
		value, err := json.Marshal(report)
		if err != nil {
			return nil, nil, err
		}
		hash := maphash.Bytes(r.seed, value)
		if was, there := r.written[b]; !there || was != hash {
			values[b], hashes[b] = value, hash
		}
	}
	return values, hashes, nil
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

// transactions puts a report into as few transactions as etcd's limits allow.
func (r *Writer) transactions(summary etcdschema.NodeReport, buckets map[int][]byte) ([]*etcdschema.Txn, error) {
	value, err := json.Marshal(summary)
	if err != nil {
		return nil, err
	}
	txns := []*etcdschema.Txn{etcdschema.NewTxn()}
	put := func(k etcdschema.Key, value []byte) {
		one := etcdschema.NewTxn()
		one.Put(k, value)
		if last := txns[len(txns)-1]; !last.Fits(one) {
			txns = append(txns, etcdschema.NewTxn())
		}
		txns[len(txns)-1].Merge(one)
	}
	for _, b := range slices.Sorted(maps.Keys(buckets)) {
		put(etcdschema.ActualBucket(r.node, b), buckets[b])
	}
	put(etcdschema.ActualNode(r.node), value)
	return txns, nil
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
