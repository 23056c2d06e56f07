package scale

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/engine/report"
)

const (
	// liveTTL and idleReport have weftd's values.
	liveTTL    = 15 * time.Second
	idleReport = 30 * time.Second
)

// host is a simulated host. Everything in its node config counts as programmed at once.
type host struct {
	client *etcdschema.Client
	report *report.Writer
	synced chan struct{} // closed at the first snapshot

	mu       sync.Mutex
	config   *config
	reported time.Time
}

func newHost(name string, client *etcdschema.Client) *host {
	return &host{client: client, report: report.NewWriter(client, name, slog.New(slog.DiscardHandler)),
		synced: make(chan struct{}), config: newConfig(name)}
}

// run follows the host's prefixes, reports, and keeps the host's key in live/, until ctx ends.
func (h *host) run(ctx context.Context) error {
	node := h.config.node
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return h.client.Follow(ctx, []etcdschema.Prefix{etcdschema.NodeDesired(node), etcdschema.NodeOrder(node)}, h.take)
	})
	g.Go(func() error {
		return h.client.KeepLive(ctx, node, liveTTL, map[string]any{"version": "scale", "since": time.Now().UTC()})
	})
	g.Go(func() error { return h.report.Run(ctx) })
	return g.Wait()
}

// take applies a batch and reports it, as the engine does after a reconcile pass that has nothing to wait for.
func (h *host) take(b etcdschema.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	dirty := h.config.take(b.Events)
	first := h.reported.IsZero()
	if first || b.WentBack {
		for i := range etcdschema.Buckets {
			dirty[i] = true
		}
	}
	now := time.Now()
	if !b.Snapshot && len(b.Events) == 0 && now.Sub(h.reported) < idleReport {
		return nil
	}
	h.reported = now
	buckets := make(map[int]etcdschema.BucketReport, len(dirty))
	for i := range dirty {
		buckets[i] = h.config.bucket(i)
	}
	h.report.Publish(h.config.summary(b, now), buckets, b.Snapshot || report.Awaited(desired.AllKinds(), b.Events))
	if first {
		close(h.synced)
	}
	return nil
}

func (h *host) whole() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.config.whole()
}
