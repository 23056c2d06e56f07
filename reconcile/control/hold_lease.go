package control

import (
	"context"
	"fmt"
	"time"
)

// holdLease is the etcd lease that released claims go away with. It is shared by releases of a short time, so that a
// release costs no more than its transaction: it lives that much longer than the hold time.
type holdLease struct {
	id   int64
	till time.Time // releases after it need a new one
}

// sharing is the part (one in sharing) of the hold time for which a lease is shared.
const sharing = 10

func (l *loop) leaseFor(ctx context.Context, r *round) (int64, error) {
	if !r.holds() {
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
