package control

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"weft/reconcile/control/cache"
)

// holdLease is the etcd lease with which released claims of one hold time are deleted. All releases within a short time share one lease,
// so that a release costs only its transaction. The lease therefore lives longer than the hold time, by the time for which it is shared.
type holdLease struct {
	id   int64
	till time.Time // releases after it need a new one
}

// sharing: a lease is shared for one in sharing of the hold time.
const sharing = 10

// leasesFor are the leases that the transaction needs, by hold time.
func (l *loop) leasesFor(ctx context.Context, tx *cache.Transaction) (map[time.Duration]int64, error) {
	leases := map[time.Duration]int64{}
	now := time.Now()
	for _, hold := range tx.HoldTimes() {
		lease := l.leases[hold]
		if lease.id == 0 || now.After(lease.till) {
			length := cmp.Or(hold, l.config.AddressHold)
			id, err := l.config.Client.Grant(ctx, length+length/sharing+time.Second)
			if err != nil {
				return nil, fmt.Errorf("a lease for released claims: %w", err)
			}
			l.dropOldLeases(now)
			lease = holdLease{id, now.Add(length / sharing)}
			l.leases[hold] = lease
		}
		leases[hold] = lease.id
	}
	return leases, nil
}

// dropOldLeases forgets leases that are not shared any more. They end by themselves.
func (l *loop) dropOldLeases(now time.Time) {
	for hold, lease := range l.leases {
		if now.After(lease.till) {
			delete(l.leases, hold)
		}
	}
}
