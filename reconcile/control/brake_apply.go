package control

import (
	"context"
	"time"

	"weft/etcdschema"
)

// judge puts the brake on if there is a reason. It takes it off when people have accepted what happened.
func (l *loop) judge(reason string, restored bool) {
	if reason != "" && l.brake.on == nil {
		l.brake.on = &etcdschema.Brake{
			Reason: reason, Since: l.config.Settings.Now().UTC().Truncate(time.Second), Revision: l.cache.Revision, Restored: restored,
		}
		l.log.Error("the brake is on: nothing is written and no claim freed until `weft accept`", "reason", reason)
		l.announce()
	}
	if restored && l.brake.on != nil {
		l.brake.on.Restored = true
	}
	if was := l.brake.on; l.brake.accept(l.cache) {
		if was != nil {
			l.log.Warn("the brake is off: accepted", "was", was.Reason)
		}
		l.rebuild = l.rebuild || l.brake.accepting.Restored
		l.planner.wakeAll()
		l.announce()
	}
	l.braked.Store(l.brake.on)
	l.metrics.brake.Set(0)
	if l.brake.on != nil {
		l.metrics.brake.Set(1)
	}
}

// announce has the leader's own status written. This is the only write while the brake is on.
func (l *loop) announce() { l.announced = false }

func (l *loop) writeAnnouncement(ctx context.Context) {
	if l.announced || l.lead == nil || time.Now().Before(l.retryAt) {
		return
	}
	t := etcdschema.NewTxn()
	t.Fence(l.lead)
	t.Put(etcdschema.ControlStatusKey(), etcdschema.ControlStatus{
		Leader: l.config.Name, Version: l.config.Version, Since: l.since, Brake: l.brake.on,
		AcceptedRevision: l.brake.revision, AcceptedClusters: l.brake.clusters, AcceptedNodes: l.brake.known,
		Accepting: l.brake.accepting, Distrusted: l.distrusted,
	})
	_, committed, err := l.config.Client.Commit(ctx, t)
	if err != nil || !committed {
		l.later(ctx, "the controllers' status", err)
		return
	}
	l.announced = true
}

// later makes the loop wait before it tries again. Each wait is longer than the one before, until something could be written.
func (l *loop) later(ctx context.Context, what string, err error) {
	l.retryDelay = min(max(retryDelayFirst, 2*l.retryDelay), retryDelayLast)
	l.retryAt = time.Now().Add(l.retryDelay)
	if ctx.Err() == nil {
		l.log.Warn("writing failed, trying again", "what", what, "error", err)
	}
}
