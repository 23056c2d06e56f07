package control

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"weft/etcdschema"
	"weft/reconcile/control/pace"
	"weft/reconcile/control/protect"
)

const (
	// tick is how often the loop turns when nothing happens. The window of mass-change protection and the state file need it no more often.
	tick = 2 * time.Second
	// retryDelayFirst and retryDelayLast bound the wait after etcd has failed.
	retryDelayFirst = 250 * time.Millisecond
	retryDelayLast  = 4 * time.Second
)

// loop is the goroutine that owns cache and planner.
type loop struct {
	*Controller
	log        *slog.Logger
	cache      *Cache
	planner    *planner
	protection *protect.Protection
	own        ownWrites
	lead       *etcdschema.Leadership // nil while another leads
	since      time.Time              // of the leadership
	synced     bool
	leases     holdLease

	rebuild   bool      // claims are rebuilt from the nodes' reports before anything else is written
	announced bool      // the controllers' status is up to date
	ordersAt  time.Time // when orders were last checked

	distrusted map[string][]string // what was last reported about nodes, see distrust

	statusBusy  bool
	statusPace  statusPace
	statusTimer *time.Timer // running while statuses are collected
	retryAt     time.Time   // nothing is tried before this time
	retryDelay  time.Duration
}

func newLoop(c *Controller) *loop {
	cache := newCache(c.config.Kinds)
	l := &loop{
		Controller: c, log: c.log, cache: cache, planner: newPlanner(cache, c.config.Settings),
		protection: protect.New(cache, cache.model), statusTimer: time.NewTimer(time.Hour),
	}
	cache.acceptedChanged = l.protection.AcceptedChanged
	l.planner.refused.count = func(node, reason string) { l.metrics.refused.WithLabelValues(node, reason).Inc() }
	return l
}

func (l *loop) run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer l.statusTimer.Stop()
	defer l.everyTick()
	for ctx.Err() == nil {
		l.turned()
		l.planner.ripen(l.config.Settings.Now())
		l.writeAnnouncement(ctx)
		l.finishOrders(ctx)
		if l.working() && !l.planner.queue.empty() {
			l.drain()
			l.work(ctx)
			if l.wantsStatuses() && !l.statusBusy && l.statusPace.due(time.Now()) {
				l.statusBusy = true
				l.startStatuses()
			}
			continue
		}
		l.planner.foreign = cleared(l.planner.foreign)
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
	if left := time.Until(l.retryAt); left > 0 && !l.planner.queue.empty() {
		t := time.NewTimer(left)
		defer t.Stop()
		retry = t.C
	}
	var ripe <-chan time.Time
	if at, ok := l.planner.next(); ok {
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

func (l *loop) turned() {
	l.progress.Store(time.Now().UnixNano())
	l.metrics.queue.Set(float64(l.planner.queue.len()))
}

func (l *loop) working() bool {
	return l.lead != nil && l.protection.Held() == nil && l.synced && !time.Now().Before(l.retryAt)
}

// takeIn applies a batch. First mass-change protection judges the whole batch.
func (l *loop) takeIn(b etcdschema.Batch) {
	l.cache.ClusterID = b.ClusterID
	if b.WentBack {
		l.own = ownWrites{}
	}
	reason := l.protection.BeforeApply(b, l.own.revisions, l.config.Settings.Now())
	if b.Snapshot {
		l.planner.refused.clear()
	}
	if b.Snapshot && l.synced {
		l.metrics.restarts.Inc()
	}
	l.planner.rewound = b.WentBack
	for _, ev := range b.Events {
		l.planner.apply(ev, l.own.revisions)
	}
	l.planner.rewound = false
	l.cache.Revision = b.Revision
	l.revision.Store(b.Revision)
	l.own.seen(b.Revision)
	restored := l.protection.AfterApply(b)
	l.judge(cmp.Or(restored, reason), restored != "")
	if l.lead == nil {
		l.planner.idle()
	}
	if !l.synced {
		l.synced = true
		close(l.ready)
	}
}

// idle forgets the work of a replica that does not lead. When it takes over, it evaluates everything.
func (p *planner) idle() {
	p.queue, p.sets, p.retries, p.doubtful = workQueue{kinds: &p.cache.kinds}, pace.Limiter[unit]{}, pace.Backoff[unit]{}, nil
	p.status, p.compared = cleared(p.status), cleared(p.compared)
	p.foreign = cleared(p.foreign)
	p.conditions = cleared(p.conditions)
	p.cache.record.clear()
	p.trouble = cleared(p.trouble)
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
	l.log.Info("leading", "revision", l.cache.Revision, "accepted", len(l.cache.accepted), "intents", len(l.cache.intents))
	l.planner.enqueueAll()
	l.judge(l.protection.TakeOver())
	l.watchNodes()
	l.announce()
}

func (l *loop) stepDown() {
	l.lead = nil
	l.leading.Store(false)
	l.metrics.leader.Set(0)
	l.planner.idle()
	l.log.Warn("not leading any more")
}

func (l *loop) wantsStatuses() bool {
	return l.lead != nil && l.protection.Held() == nil && l.synced && l.planner.statusesWait()
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
			l.planner.lookAtStatus(k)
		}
	}
}
