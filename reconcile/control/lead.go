package control

import (
	"cmp"
	"time"

	"weft/etcdschema"
)

// takeIn applies a batch. First mass-change protection judges the whole batch.
func (l *loop) takeIn(b etcdschema.Batch) {
	l.cache.ClusterID = b.ClusterID
	if b.WentBack {
		l.own = ownWrites{}
	}
	reason := l.protection.BeforeApply(b, l.own.revisions, l.config.Settings.Now())
	if b.Snapshot {
		l.planner.Refused.Clear()
	}
	if b.Snapshot && l.synced {
		l.metrics.restarts.Inc()
	}
	l.cache.Expecting(len(b.Events))
	l.planner.Rewound = b.WentBack
	apply := l.planner.Apply
	if l.lead == nil {
		apply = l.planner.Absorb
	}
	for _, ev := range b.Events {
		apply(ev, l.own.revisions)
	}
	l.planner.Rewound = false
	l.cache.Revision = b.Revision
	l.revision.Store(b.Revision)
	l.own.seen(b.Revision)
	restored := l.protection.AfterApply(b)
	l.judge(cmp.Or(restored, reason), restored != "")
	if l.lead == nil {
		l.planner.Idle()
	}
	if !l.synced {
		l.synced = true
		close(l.ready)
	}
}

func (l *loop) everyTick() {
	l.watchNodes()
	if l.protection.Held() != nil || !l.synced {
		return
	}
	if err := l.state.save(l.cache.Seen()); err != nil {
		l.log.Warn("cannot write the state file", "error", err)
	}
}

// takeOver begins a leadership. Everything is compared once.
func (l *loop) takeOver(lead *etcdschema.Leadership) {
	l.lead, l.since = lead, l.config.Settings.Now().UTC().Truncate(time.Second)
	l.leading.Store(true)
	l.metrics.leader.Set(1)
	l.log.Info("leading", "revision", l.cache.Revision, "accepted", l.cache.AcceptedCount(), "intents", l.cache.IntentCount())
	l.planner.EnqueueAll()
	l.judge(l.protection.TakeOver())
	l.watchNodes()
	l.announce()
}

func (l *loop) stepDown() {
	l.lead = nil
	l.leading.Store(false)
	l.metrics.leader.Set(0)
	l.metrics.pools.forgetAll()
	l.planner.Idle()
	l.log.Warn("not leading any more")
}
