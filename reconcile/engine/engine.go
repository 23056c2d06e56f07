// Package engine is the loop of the host reconciler: observe, compile, plan, apply, verify, report.
//
// Invariants:
//
//   - One goroutine runs one reconcile pass at a time. What arrives meanwhile is collected for the next one.
//   - A reconcile pass costs what changed, not what the host holds.
//   - Nothing is removed before every driver has read the host. What this process never wanted is removed only when the node config is proved
//     to be complete.
//   - A failing object is retried on its own, with backoff.
//   - What is reported as programmed was read back.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/engine/report"
)

// Driver manages some kinds of objects on the host. It has a cache of the host that its Watch keeps current, so that observing a few
// keys does not cost reading the rest. All methods except Watch are called by one goroutine at a time.
type Driver interface {
	// Name is the driver's name in metrics and logs ("ovs").
	Name() string
	// Kinds are the kinds that it manages. No two drivers have the same kind.
	Kinds() []object.Kind
	// Sync reads the whole host again into the cache. It is called at start, after a Resync event and by the sweep.
	Sync(ctx context.Context) error
	// Observe returns what the cache has for the keys, in no order. Keys that do not exist are left out.
	Observe(ctx context.Context, keys []object.Key) ([]object.Object, error)
	// Ours lists every object of the cache that is provably ours, or that is where only ours may be (an alien flow in our tables).
	// Those that are not desired are to be removed.
	Ours(ctx context.Context) ([]object.Key, error)
	// Apply makes the changes as one batch. It returns after the host has carried them out and the cache is updated from the host.
	// It returns one error (or nil) for each change.
	Apply(ctx context.Context, changes []object.Change) []error
	// Watch calls notify for each change on the host until ctx ends, and then returns nil. It reconnects by itself, and sends a
	// Resync event when it may have missed something.
	Watch(ctx context.Context, notify func(object.Event)) error
}

// InProcess is implemented by drivers whose objects live in this process (sockets, timers). They are made again at each start, and
// making them writes nothing to the host.
type InProcess interface{ InProcess() bool }

// Facts is implemented by drivers that know the facts from which objects are compiled: devices, interfaces, bridges.
type Facts interface {
	// Facts adds what the cache knows to the facts.
	Facts(into *object.Facts)
	// DeviceFacts sets in the facts what the cache knows of each of the devices, and removes what it does not know any more. A
	// reconcile pass need not copy the facts of all devices.
	DeviceFacts(devices []string, into *object.Facts)
}

// DeviceReader is implemented by drivers of Facts that can read single devices again. The cache then includes changes that their
// Watch has not reported yet, and Watch need not report them any more.
type DeviceReader interface {
	ReadDevices(ctx context.Context, devices []string) error
}

// Activations is implemented by the driver that notices when guests arrive. For each activation it sends an event with the key of the
// object.Activation.
type Activations interface {
	// Activated is the number of the migration for which the port's guest has announced itself on this host, or 0.
	Activated(uid string) int64
}

// Currency is implemented by drivers whose cache can be behind the host for a while (a monitor that is being connected again).
type Currency interface {
	// Stale says why the cache may be behind the host; empty when it is current. It may be called while Watch runs.
	Stale() string
}

// Fencer is implemented by drivers that hear of changes some time after they were made.
type Fencer interface {
	// Fence returns when the cache shows what the host's own database knew before the call, whether Watch has told it or not. It may
	// be called while Watch runs.
	Fence(ctx context.Context) error
}

// OwnerOf is implemented by drivers that can say of single objects whether they are ours. A pass that removes one object then need
// not list all.
type OwnerOf interface {
	// OursAmong lists the keys that Ours would list, of the given ones. All of them have kinds of the driver.
	OursAmong(ctx context.Context, keys []object.Key) ([]object.Key, error)
}

// Source follows the node's keys in etcd (desired/<node>/ and order/<node>/).
type Source interface {
	// Run calls fn, from one goroutine, for each batch until ctx ends, which returns nil.
	Run(ctx context.Context, fn func(etcdschema.Batch) error) error
	// LastContact is when etcd last answered; the zero time before that.
	LastContact() time.Time
}

// Store is where the node reports.
type Store interface {
	report.Store
	KeepLive(ctx context.Context, node string, ttl time.Duration, v any) error
}

// Config is everything an engine is made of. Zero durations mean the defaults.
type Config struct {
	Node     string
	Version  string
	Features []desired.Feature
	Drivers  []Driver
	// Kinds are the kinds of items that this host knows; compile.AllKinds when nil.
	Kinds compile.Kinds
	// Compile turns one item into objects; compile.Compile when nil.
	Compile func(in compile.Input, key desired.Key) compile.Result
	// Follow makes the source. seen is what an earlier run has kept on disk.
	Follow func(seen etcdschema.Seen) Source
	Store  Store
	// Backends are the ways of wiring guests that this host may be told to use. A host with another driver waits.
	Backends map[model.Driver]compile.Backend
	// StateDir is where the last good node config is kept; nothing is kept when empty.
	StateDir      string
	SweepInterval time.Duration // 60 s; each driver once per interval
	LiveTTL       time.Duration // 15 s
	// CacheAfter is how long to wait for etcd before the node config on disk is applied to the host; 3 s. The guests' servers do not
	// wait.
	CacheAfter time.Duration
	Registry   prometheus.Registerer
	Logger     *slog.Logger
	// Ready is called once, after the first full sync; nil is allowed.
	Ready func()
}

// Engine is one node's reconciler. It is made by New and run once.
type Engine struct {
	c       Config
	log     *slog.Logger
	metrics *metrics
	inbox   *inbox
	config  *configState
	host    *hostState
	items   *itemTable
	index   *compile.Index
	retries *backoffHeap
	damper  *driftDamper
	report  *report.Writer
	disk    *stateFile
	source  Source
	asks    chan ask

	usable     bool      // there is a node config to apply: from etcd, or from disk after CacheAfter
	wasReady   bool      // the first full sync is done
	releaseAt  time.Time // when to call release again; zero when not needed
	nextSweep  time.Time
	sweepTurn  int          // which driver is swept next
	sweepRest  []object.Key // keys of the current sweep that are still to be compared
	saveAt     time.Time    // when to write the node config to disk; zero when the disk has it
	started    time.Time
	heldLogged string
	repaired   map[string]uint64 // drift, by driver, since start
	reported   bool              // every bucket was handed to the reporter at least once
	reportedAt time.Time
	renewed    int       // buckets that were renewed although nothing changed
	renewedAt  time.Time // when the last of them was
	carry      *work     // what the last reconcile pass could not finish
	// strangers are OVS interfaces that belong to no port, with the time since when. strangersAt is when they were last updated.
	strangers   map[string]time.Time
	strangersAt time.Time
	beat        atomic.Int64 // Unix nanoseconds of the loop's last turn
	state       atomic.Pointer[string]
}

// Sharer is implemented by drivers whose cache has copies of what is desired.
type Sharer interface {
	// Share says that these desired objects were observed as desired. The cache may use them in the place of its own equal ones, so that
	// both are in memory once. Nobody changes them.
	Share(desired []object.Object)
}

// New makes an engine and reads its state file. A corrupt file is logged and ignored.
func New(c Config) (*Engine, error) {
	if c.Node == "" || c.Follow == nil || c.Store == nil || len(c.Drivers) == 0 {
		return nil, errors.New("engine: Node, Drivers, Follow and Store are required")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Compile == nil {
		c.Compile = compile.Compile
	}
	if c.Kinds == nil {
		c.Kinds = compile.AllKinds()
	}
	setDefault(&c.SweepInterval, time.Minute)
	setDefault(&c.LiveTTL, 15*time.Second)
	setDefault(&c.CacheAfter, 3*time.Second)
	host, err := newHostState(c.Drivers)
	if err != nil {
		return nil, err
	}
	e := &Engine{c: c, log: c.Logger, metrics: newMetrics(c.Registry), inbox: newInbox(), config: newConfigState(c.Node, c.Kinds.Items()),
		host: host, items: newItemTable(), retries: newBackoffHeap(), damper: newDriftDamper(), asks: make(chan ask), repaired: map[string]uint64{}, strangers: map[string]time.Time{}}
	e.report = report.NewWriter(c.Store, c.Node, e.log)
	e.disk = newStateFile(c.StateDir, e.log)
	e.config.restore(e.disk.load())
	e.source = c.Follow(e.config.seen)
	return e, nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

// Run reconciles until ctx ends. It returns nil after everything that it started has ended. Nothing is removed from the host then.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range e.c.Drivers {
		g.Go(func() error {
			err := d.Watch(ctx, func(ev object.Event) { e.inbox.event(d.Name(), ev) })
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("driver %s: watch: %w", d.Name(), err)
			}
			return nil
		})
	}
	g.Go(func() error { return e.source.Run(ctx, e.inbox.batch) })
	g.Go(func() error { return e.c.Store.KeepLive(ctx, e.c.Node, e.c.LiveTTL, e.liveValue()) })
	g.Go(func() error { return e.report.Run(ctx) })
	g.Go(func() error { return e.disk.run(ctx) })
	g.Go(func() error { return e.loop(ctx) })
	return g.Wait()
}

// liveValue is what live/<node> holds.
func (e *Engine) liveValue() any {
	return struct {
		Version string    `json:"version"`
		Since   time.Time `json:"since"`
	}{e.c.Version, time.Now().UTC()}
}
