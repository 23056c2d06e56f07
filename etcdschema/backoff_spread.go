package etcdschema

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = 100 * time.Millisecond
	backoffLast  = 10 * time.Second
)

// backoff spreads retries: each wait is drawn evenly from zero to a bound that doubles, so that thousands of clients
// that lost the same server do not come back together. The zero value is ready.
type backoff struct{ bound time.Duration }

func (b *backoff) reset() { b.bound = 0 }

func (b *backoff) next() time.Duration {
	b.bound = min(max(backoffFirst, 2*b.bound), backoffLast)
	return rand.N(b.bound) + time.Millisecond
}

// sleep waits for the next duration or for ctx.
func (b *backoff) sleep(ctx context.Context) {
	t := time.NewTimer(b.next())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
