package etcdschema

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	spreadFirst = 100 * time.Millisecond
	spreadLast  = 10 * time.Second
)

// spread paces retries. Each wait is a random time between zero and a bound that doubles, so that thousands of clients that lost
// the same server do not come back together. The zero value is ready.
type spread struct{ bound time.Duration }

func (b *spread) reset() { b.bound = 0 }

func (b *spread) next() time.Duration {
	b.bound = min(max(spreadFirst, 2*b.bound), spreadLast)
	return rand.N(b.bound) + time.Millisecond
}

// widen makes the next wait a random time of up to twice this bound, and at most spreadLast.
func (b *spread) widen(bound time.Duration) { b.bound = max(b.bound, bound) }

// sleep waits for the next duration or for ctx.
func (b *spread) sleep(ctx context.Context) {
	t := time.NewTimer(b.next())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
