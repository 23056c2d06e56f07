package control

import (
	"bytes"
	"context"
	"time"

	"weft/etcdschema"
)

const (
	// statusDelay is how long statuses are collected before they are written.
	statusDelay = 25 * time.Millisecond
	// statusBatch bounds the statuses of one transaction in number and bytes.
	statusBatch = 90
	// statusLook bounds how many waiting statuses are evaluated for one transaction.
	statusLook       = 4 * statusBatch
	statusBatchBytes = 512 << 10
)

// statusJob is one transaction of statuses, which is committed in parallel with the loop.
type statusJob struct {
	txn  *etcdschema.Txn
	keys []etcdschema.Key
	ok   bool
}

// writeStatuses commits one job after the other.
func (c *Controller) writeStatuses(ctx context.Context) error {
	for {
		select {
		case job := <-c.statusJobs:
			_, committed, err := c.config.Client.Commit(ctx, job.txn)
			if err != nil && ctx.Err() == nil {
				c.log.Warn("writing statuses failed, trying again", "error", err)
				pause(ctx, time.Second)
			}
			job.ok = committed && err == nil
			if job.ok {
				c.metrics.statuses.Add(float64(len(job.keys)))
			}
			c.statusDone <- job
		case <-ctx.Done():
			return nil
		}
	}
}

// statusJob collects statuses that differ from those in etcd; ok is false when there are none.
func (l *loop) statusJob() (job statusJob, ok bool) {
	t := etcdschema.NewTxn()
	for _, k := range l.planner.nextStatuses() {
		if t.Writes() >= statusBatch || t.Bytes() > statusBatchBytes {
			break
		}
		l.planner.dropStatus(k)
		if l.addStatus(t, k) {
			job.keys = append(job.keys, k)
		}
	}
	if len(job.keys) == 0 {
		return job, false
	}
	t.Fence(l.lead)
	job.txn = t
	return job, true
}

func (l *loop) addStatus(t *etcdschema.Txn, k etcdschema.Key) bool {
	s, ours := l.planner.statusFor(k)
	if !ours {
		return false
	}
	e := l.cache.entries[k]
	if s == nil {
		if e != nil {
			t.Delete(k)
		}
		return e != nil
	}
	data, err := etcdschema.Encode(s)
	if err == nil && e != nil && !bytes.Equal(e.data, data) && !etcdschema.Plain(e.data, decoded[etcdschema.Status](e.data)) {
		data, err = etcdschema.Rewrite(e.data, s)
	}
	if err != nil {
		l.log.Error("cannot write a status", "key", k.String(), "error", err)
		return false
	}
	if e != nil && bytes.Equal(e.data, data) {
		return false
	}
	t.Put(k, data)
	return true
}
