package control

import (
	"bytes"
	"context"
	"time"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
)

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
	for _, k := range l.planner.NextStatuses() {
		if t.Writes() >= statusBatch || t.Bytes() > statusBatchBytes {
			break
		}
		l.planner.DropStatus(k)
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
	s, ours := l.planner.StatusFor(k)
	if !ours {
		return false
	}
	l.metrics.pools.show(k, s)
	e := l.cache.Entry(k)
	if s == nil {
		if e != nil {
			t.Delete(k)
		}
		return e != nil
	}
	data, err := etcdschema.Encode(s)
	plain := e == nil || e.Ours || bytes.Equal(e.Data, data) || etcdschema.Plain(e.Data, cache.Decoded[etcdschema.Status](e.Data))
	if err == nil && !plain {
		data, err = etcdschema.Rewrite(e.Data, s)
	}
	if err != nil {
		l.log.Error("cannot write a status", "key", k.String(), "error", err)
		return false
	}
	if e != nil && bytes.Equal(e.Data, data) {
		return false
	}
	if t.Put(k, data); plain {
		l.planner.StatusEncoded(k, data)
	}
	return true
}
