package control

import (
	"context"
	"fmt"
	"time"
)

// holdLease is the etcd lease with which released claims are deleted. All releases within a short time share one lease, so that a
// release costs only its transaction. The lease therefore lives longer than the hold time, by the time for which it is shared.
type holdLease struct {
	id   int64
	till time.Time // releases after it need a new one
}

// sharing: a lease is shared for one in sharing of the hold time.
const sharing = 10

func (l *loop) leaseFor(ctx context.Context, tx *transaction) (int64, error) {
	if !tx.holds() {
		return 0, nil
	}
	if now := time.Now(); l.leases.id == 0 || now.After(l.leases.till) {
		hold := l.config.AddressHold
		id, err := l.config.Client.Grant(ctx, hold+hold/sharing+time.Second)
		if err != nil {
			return 0, fmt.Errorf("a lease for released claims: %w", err)
		}
		l.leases = holdLease{id, now.Add(hold / sharing)}
	}
	return l.leases.id, nil
}
