package control

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
)

// The defaults of Config.
const (
	DefaultSessionTTL  = 5 * time.Second
	DefaultAddressHold = 5 * time.Minute
	DefaultElection    = "control"
)

// Config says how one replica works.
type Config struct {
	Client *etcdschema.Client
	// Name of this replica, for people.
	Name string
	// SessionTTL is the time after which another replica takes over from one that disappeared.
	SessionTTL time.Duration
	// AddressHold is how long a released address, MAC, segment or prefix is kept from reuse.
	AddressHold time.Duration
	// StateDir is the directory in which the replica remembers which etcd it has seen; empty: it does not.
	StateDir string
	Version  string
	// Election is the name of the election in which the replica is a candidate; DefaultElection when empty. All replicas of a
	// region must use the same name. Two leaders would never give out a value twice, but they would undo each other's writes.
	Election string
	Logger   *slog.Logger
	Registry prometheus.Registerer // nil: metrics are counted but not exported
	// Kinds are the kinds that the replica knows; AllKinds when Objects is empty.
	Kinds    Kinds
	Settings Settings // fields that are zero get the values of DefaultSettings
}

// Controller is one replica of the control plane. Make it with New, then call Run once.
type Controller struct {
	config   Config
	log      *slog.Logger
	metrics  *metrics
	state    *stateFile
	follower *etcdschema.Follower
	ready    chan struct{}

	batches    chan etcdschema.Batch
	leaders    chan *etcdschema.Leadership
	statusJobs chan statusJob
	statusDone chan statusJob

	leading  atomic.Bool
	held     atomic.Pointer[etcdschema.Brake]
	progress atomic.Int64 // Unix nanoseconds of the loop's last turn
	revision atomic.Int64
}

// New makes a replica. An error means that the configuration or the state file is wrong.
func New(c Config) (*Controller, error) {
	if c.Client == nil {
		return nil, errors.New("controller: no etcd client")
	}
	c.SessionTTL = orDefault(c.SessionTTL, DefaultSessionTTL)
	c.AddressHold = orDefault(c.AddressHold, DefaultAddressHold)
	if c.Election == "" {
		c.Election = DefaultElection
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if len(c.Kinds.Objects) == 0 {
		c.Kinds = AllKinds()
	}
	defaults := DefaultSettings()
	if c.Settings.MACPrefix == ([3]byte{}) {
		c.Settings.MACPrefix = defaults.MACPrefix
	}
	if c.Settings.Now == nil {
		c.Settings.Now = defaults.Now
	}
	if c.Settings.NewUID == nil {
		c.Settings.NewUID = defaults.NewUID
	}
	if c.Settings.NewSecret == nil {
		c.Settings.NewSecret = defaults.NewSecret
	}
	if c.Settings.Random == nil {
		c.Settings.Random = defaults.Random
	}
	if c.Settings.MACPrefix[0]&1 != 0 {
		return nil, fmt.Errorf("controller: MAC prefix %x is a multicast one: its first byte must be even", c.Settings.MACPrefix)
	}
	state, err := openStateFile(c.StateDir)
	if err != nil {
		return nil, fmt.Errorf("controller: %w", err)
	}
	seen, err := state.load()
	if err != nil {
		return nil, fmt.Errorf("controller: %w", err)
	}
	ctl := &Controller{
		config: c, log: c.Logger.With("controller", c.Name), state: state, ready: make(chan struct{}),
		batches: make(chan etcdschema.Batch, 64), leaders: make(chan *etcdschema.Leadership),
		statusJobs: make(chan statusJob, 1), statusDone: make(chan statusJob, 1),
		follower: c.Client.NewFollower(etcdschema.FollowerConfig{
			Prefixes: []etcdschema.Prefix{etcdschema.AllPrefix()}, Seen: seen, Limit: reportLimit,
		}),
	}
	ctl.metrics = newMetrics(c.Registry, ctl.cacheAge)
	return ctl, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// Ready is closed after the first full sync with etcd.
func (c *Controller) Ready() <-chan struct{} { return c.ready }

// Health is the state of a replica.
type Health struct {
	Leader   bool              `json:"leader"`
	Brake    *etcdschema.Brake `json:"brake,omitempty"`
	Revision int64             `json:"revision"`
	// CacheAge is the time since etcd last answered; negative before the first answer.
	CacheAge time.Duration `json:"cacheAge"`
	// Progress is when the loop last turned. Feed a watchdog only while it is recent.
	Progress time.Time `json:"progress"`
}

// Health returns the state of the replica. It may be called from any goroutine.
func (c *Controller) Health() Health {
	return Health{
		Leader: c.leading.Load(), Brake: c.held.Load(), Revision: c.revision.Load(),
		CacheAge: time.Duration(c.cacheAge() * float64(time.Second)), Progress: time.Unix(0, c.progress.Load()),
	}
}

func (c *Controller) cacheAge() float64 {
	at := c.follower.LastContact()
	if at.IsZero() {
		return -1
	}
	return time.Since(at).Seconds()
}

// Run works until ctx ends. It then resigns, so that another replica takes over at once. It returns nil after a clean stop.
func (c *Controller) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.follow(ctx) })
	g.Go(func() error { return c.campaign(ctx) })
	g.Go(func() error { return c.writeStatuses(ctx) })
	g.Go(func() error { return newLoop(c).run(ctx) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("controller %s: %w", c.config.Name, err)
	}
	return nil
}

func (c *Controller) follow(ctx context.Context) error {
	return c.follower.Run(ctx, func(b etcdschema.Batch) error {
		select {
		case c.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// campaign makes this replica a candidate whenever it does not lead.
func (c *Controller) campaign(ctx context.Context) error {
	select {
	case <-c.ready: // a leader must have a complete cache
	case <-ctx.Done():
		return nil
	}
	for ctx.Err() == nil {
		lead, err := c.config.Client.Campaign(ctx, c.config.Election, c.config.Name, c.config.SessionTTL)
		if err != nil {
			if ctx.Err() == nil {
				c.log.Warn("standing for election failed, trying again", "error", err)
				pause(ctx, time.Second)
			}
			continue
		}
		c.lead(ctx, lead)
	}
	return nil
}

// lead gives the leadership to the loop and waits until it or ctx ends.
func (c *Controller) lead(ctx context.Context, lead *etcdschema.Leadership) {
	select {
	case c.leaders <- lead:
		select {
		case <-lead.Done():
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	resign, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := lead.Resign(resign); err != nil {
		c.log.Warn("giving up the leadership", "error", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
