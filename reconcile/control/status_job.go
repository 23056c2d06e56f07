package control

import (
	"time"

	"weft/etcdschema"
)

const (
	// statusDelay is how long statuses are collected before they are written.
	statusDelay = 25 * time.Millisecond
	// statusPart: statuses take one in statusPart of the loop's time while there is other work without end.
	statusPart = 5
	// statusBatch bounds the statuses of one transaction in number, statusBatchBytes in bytes.
	statusBatch      = 90
	statusBatchBytes = 512 << 10
)

// statusJob is one transaction of statuses, which is committed in parallel with the loop.
type statusJob struct {
	txn  *etcdschema.Txn
	keys []etcdschema.Key
	ok   bool
}

// statusPace decides when statuses are evaluated next while there is other work without end. Their share of the time is bounded,
// and they always get it.
type statusPace struct {
	at   time.Time // when the last evaluation ended
	took time.Duration
}

func (s *statusPace) looked(start, end time.Time) { s.at, s.took = end, end.Sub(start) }

func (s *statusPace) due(now time.Time) bool {
	return now.Sub(s.at) >= max(statusDelay, (statusPart-1)*s.took)
}
