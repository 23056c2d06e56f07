package control

import (
	"context"
	"strings"
	"time"

	"weft/etcdschema"
)

// orderPace is how often the leader checks whether orders are carried out.
const orderPace = time.Second

// judge holds the controllers if there is a reason. It lets them go on when people have accepted what happened.
func (l *loop) judge(reason string, restored bool) {
	if l.protection.Hold(reason, restored, l.config.Settings.Now()) {
		l.log.Error("mass-change protection holds the controllers: nothing is written and no claim freed until `weft accept`", "reason", reason)
		l.announce()
	}
	if was := l.protection.Held(); l.protection.Accept() {
		if was != nil {
			l.log.Warn("mass-change protection holds the controllers no longer: accepted", "was", was.Reason)
		}
		l.rebuild = l.rebuild || l.protection.Rebuilding()
		l.planner.EnqueueAll()
		l.announce()
	}
	held := l.protection.Held()
	l.held.Store(held)
	l.metrics.held.Set(0)
	if held != nil {
		l.metrics.held.Set(1)
	}
}

func (l *loop) writeAnnouncement(ctx context.Context) {
	if l.announced || l.lead == nil || time.Now().Before(l.retryAt) {
		return
	}
	t := etcdschema.NewTxn()
	t.Fence(l.lead)
	s := etcdschema.ControlStatus{Leader: l.config.Name, Version: l.config.Version, Since: l.since, Distrusted: l.distrusted}
	l.protection.WriteStatus(&s)
	t.Put(etcdschema.ControlStatusKey(), s)
	_, committed, err := l.config.Client.Commit(ctx, t)
	if err != nil || !committed {
		l.later(ctx, "the controllers' status", err)
		return
	}
	l.announced = true
}

// finishOrders deletes the keys of orders that are carried out.
func (l *loop) finishOrders(ctx context.Context) {
	now := time.Now()
	if !l.working() || !l.announced || now.Sub(l.ordersAt) < orderPace || !l.protection.HasOrders() {
		return
	}
	l.ordersAt = now
	done := l.protection.CarriedOut(l.rebuild, l.config.Settings.Now())
	if len(done) == 0 {
		return
	}
	t := etcdschema.NewTxn()
	t.Fence(l.lead)
	var names []string
	for _, k := range done[:min(len(done), etcdschema.MaxTxnOps/2)] {
		t.DeleteIf(k, l.cache.ModRevision(k))
		names = append(names, k.String())
	}
	if _, committed, err := l.config.Client.Commit(ctx, t); err != nil || !committed {
		l.log.Warn("cannot delete orders that were carried out, trying again later", "orders", strings.Join(names, " "), "error", err)
		return
	}
	l.log.Info("carried out orders", "orders", strings.Join(names, " "))
}
