package engine

import (
	"container/heap"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
)

// The bounds of a retry's delay. It doubles with each failure.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// retryKey is what is retried: an item, or an object that belongs to no item any more.
type retryKey struct {
	item   desired.Key
	object object.Key
}

// backoffHeap knows when to retry what has failed. A failure delays nothing else.
type backoffHeap struct {
	entries map[retryKey]*retryEntry
	queue   retryQueue
}

type retryEntry struct {
	key      retryKey
	failures int
	at       time.Time
	index    int // in the queue; -1 when not in it
}

func newBackoffHeap() *backoffHeap { return &backoffHeap{entries: map[retryKey]*retryEntry{}} }

// failed plans the next try.
func (h *backoffHeap) failed(k retryKey, now time.Time) {
	e := h.entries[k]
	if e == nil {
		e = &retryEntry{key: k, index: -1}
		h.entries[k] = e
	}
	delay := lastRetry
	if e.failures < 9 {
		delay = min(firstRetry<<e.failures, lastRetry)
	}
	e.failures++
	e.at = now.Add(delay)
	if e.index < 0 {
		heap.Push(&h.queue, e)
		return
	}
	heap.Fix(&h.queue, e.index)
}

// succeeded forgets the failures.
func (h *backoffHeap) succeeded(k retryKey) {
	if e := h.entries[k]; e != nil {
		if e.index >= 0 {
			heap.Remove(&h.queue, e.index)
		}
		delete(h.entries, k)
	}
}

// due takes out what must be retried now. Its failures stay counted.
func (h *backoffHeap) due(now time.Time) []retryKey {
	var out []retryKey
	for len(h.queue) > 0 && !h.queue[0].at.After(now) {
		out = append(out, heap.Pop(&h.queue).(*retryEntry).key)
	}
	return out
}

// next is when something is due; the zero time when nothing waits.
func (h *backoffHeap) next() time.Time {
	if len(h.queue) == 0 {
		return time.Time{}
	}
	return h.queue[0].at
}

// retryQueue implements heap.Interface.
type retryQueue []*retryEntry

func (q retryQueue) Len() int           { return len(q) }
func (q retryQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q retryQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *retryQueue) Push(x any) {
	e := x.(*retryEntry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *retryQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	e.index = -1
	return e
}
