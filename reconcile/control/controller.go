package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
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
	Kinds    kind.Kinds
	Settings claim.Settings // fields that are zero get the values of DefaultSettings
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
	held     atomic.Pointer[etcdschema.Hold]
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
		c.Kinds = kind.AllKinds()
	}
	defaults := claim.DefaultSettings()
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
			Prefixes: []etcdschema.Prefix{etcdschema.AllPrefix()}, Seen: seen, Limit: cache.ReportLimit,
			Prepare: cache.NewDecoder(c.Kinds.Cached()).Prepare,
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
	Leader   bool             `json:"leader"`
	Held     *etcdschema.Hold `json:"brake,omitempty"`
	Revision int64            `json:"revision"`
	// CacheAge is the time since etcd last answered; negative before the first answer.
	CacheAge time.Duration `json:"cacheAge"`
	// Progress is when the loop last turned. Feed a watchdog only while it is recent.
	Progress time.Time `json:"progress"`
}

// Health returns the state of the replica. It may be called from any goroutine.
func (c *Controller) Health() Health {
	return Health{
		Leader: c.leading.Load(), Held: c.held.Load(), Revision: c.revision.Load(),
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

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
