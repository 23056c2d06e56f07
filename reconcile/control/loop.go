package control

import (
	"context"
	"time"

	"weft/reconcile/control/cache"
)

func (l *loop) run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer l.statusTimer.Stop()
	defer l.everyTick()
	for ctx.Err() == nil {
		l.turned()
		l.planner.Ripen(l.config.Settings.Now())
		l.writeAnnouncement(ctx)
		l.finishOrders(ctx)
		if l.working() && !l.planner.Queue.Empty() {
			l.drain()
			l.work(ctx)
			if l.wantsStatuses() && !l.statusBusy && l.statusPace.due(time.Now()) {
				l.statusBusy = true
				l.startStatuses()
			}
			continue
		}
		l.planner.Foreign = cache.Cleared(l.planner.Foreign)
		if l.wantsStatuses() && !l.statusBusy {
			l.statusTimer.Reset(statusDelay)
			l.statusBusy = true // the timer will start the job
		}
		l.wait(ctx, ticker.C)
	}
	return nil
}

// wait blocks until something happens, and takes it in.
func (l *loop) wait(ctx context.Context, ticker <-chan time.Time) {
	var lost <-chan struct{}
	if l.lead != nil {
		lost = l.lead.Done()
	}
	var retry <-chan time.Time
	if left := time.Until(l.retryAt); left > 0 && !l.planner.Queue.Empty() {
		t := time.NewTimer(left)
		defer t.Stop()
		retry = t.C
	}
	var ripe <-chan time.Time
	if at, ok := l.planner.Next(); ok {
		t := time.NewTimer(max(0, at.Sub(l.config.Settings.Now())))
		defer t.Stop()
		ripe = t.C
	}
	select {
	case b := <-l.batches:
		l.takeIn(b)
		l.drain()
	case <-ripe:
	case <-retry:
	case lead := <-l.leaders:
		l.takeOver(lead)
	case <-lost:
		l.stepDown()
	case <-l.statusTimer.C:
		l.startStatuses()
	case job := <-l.statusDone:
		l.statusesDone(job)
	case <-ticker:
		l.everyTick()
	case <-ctx.Done():
	}
}

// drain takes in everything that has arrived, without waiting.
func (l *loop) drain() {
	for {
		select {
		case b := <-l.batches:
			l.takeIn(b)
		case job := <-l.statusDone:
			l.statusesDone(job)
		case <-l.statusTimer.C: // it was set when there was no work
			l.startStatuses()
		default:
			return
		}
	}
}

func (l *loop) wantsStatuses() bool {
	return l.lead != nil && l.protection.Held() == nil && l.synced && l.planner.StatusesWait()
}

func (l *loop) startStatuses() {
	start := time.Now()
	defer func() { l.statusPace.looked(start, time.Now()) }()
	if l.wantsStatuses() {
		if job, ok := l.statusJob(); ok {
			l.statusJobs <- job
			return
		}
	}
	l.statusBusy = false
}

func (l *loop) statusesDone(job statusJob) {
	l.statusBusy = false
	if !job.ok {
		for _, k := range job.keys {
			l.planner.LookAtStatus(k)
		}
	}
}
