package control

import (
	"context"
	"log/slog"
	"time"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/planner"
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
	cache      *cache.Cache
	planner    *planner.Planner
	protection *protect.Protection
	own        ownWrites
	lead       *etcdschema.Leadership // nil while another leads
	since      time.Time              // of the leadership
	synced     bool
	leases     map[time.Duration]holdLease // by hold time; 0 is the controllers' own

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
	cache := cache.New(c.config.Kinds.Cached())
	planner, _ := planner.New(cache, c.config.Kinds, c.config.Settings)
	l := &loop{
		Controller: c, log: c.log, cache: cache, planner: planner,
		protection: protect.New(cache, cache.IntentKinds()), statusTimer: time.NewTimer(time.Hour),
		leases: map[time.Duration]holdLease{},
	}
	cache.AcceptedChanged = l.protection.AcceptedChanged
	l.planner.Refused.Count = func(node, reason string) { l.metrics.refused.WithLabelValues(node, reason).Inc() }
	return l
}

func (l *loop) turned() {
	l.progress.Store(time.Now().UnixNano())
	l.metrics.queue.Set(float64(l.planner.Queue.Len()))
}

func (l *loop) working() bool {
	return l.lead != nil && l.protection.Held() == nil && l.synced && !time.Now().Before(l.retryAt)
}

// later makes the loop wait before it tries again. Each wait is longer than the one before, until something could be written.
func (l *loop) later(ctx context.Context, what string, err error) {
	l.retryDelay = min(max(retryDelayFirst, 2*l.retryDelay), retryDelayLast)
	l.retryAt = time.Now().Add(l.retryDelay)
	if ctx.Err() == nil {
		l.log.Warn("writing failed, trying again", "what", what, "error", err)
	}
}

// announce has the leader's own status written. This is the only write while the controllers are held.
func (l *loop) announce() { l.announced = false }
