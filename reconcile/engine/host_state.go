package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"weft/hostnet/object"
)

// The deadlines of calls into drivers.
const (
	syncTimeout    = time.Minute
	observeTimeout = 10 * time.Second
	applyTimeout   = time.Minute // of a batch, and applyEach more for each change
	applyEach      = 200 * time.Millisecond
)

// hostState has the drivers and what they know of the host. Only the loop uses it.
type hostState struct {
	drivers []*driverState
	byKind  map[object.Kind]*driverState
	facts   *object.Facts
	came    map[string]time.Time // devices that came since the first look
}

// tells says that the driver has something to say about objects that are as they should be.
func (d *driverState) tells() bool {
	_, warns := d.Driver.(Warner)
	_, counts := d.Driver.(Rejecter)
	return warns || counts
}

// driverState is one driver with its state.
type driverState struct {
	Driver
	inProcess bool
	synced    bool
	needSync  bool
	failure   string // why the last Sync failed
	failures  int
	retryAt   time.Time
}

func newHostState(drivers []Driver) (*hostState, error) {
	h := &hostState{byKind: map[object.Kind]*driverState{}, facts: emptyFacts(), came: map[string]time.Time{}}
	for _, d := range drivers {
		s := &driverState{Driver: d, needSync: true}
		if p, ok := d.(InProcess); ok {
			s.inProcess = p.InProcess()
		}
		for _, k := range d.Kinds() {
			if other := h.byKind[k]; other != nil {
				return nil, fmt.Errorf("drivers %s and %s both claim objects of kind %s", other.Name(), d.Name(), k)
			}
			h.byKind[k] = s
		}
		h.drivers = append(h.drivers, s)
	}
	return h, nil
}

func emptyFacts() *object.Facts {
	return &object.Facts{Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{},
		ForeignBridges: map[string]string{}}
}

// sync reads the host again through every driver that needs it and whose time has come, in parallel. It returns those that
// succeeded.
func (h *hostState) sync(ctx context.Context, now time.Time) (done []*driverState) {
	var wg sync.WaitGroup
	var tried []*driverState
	for _, d := range h.drivers {
		if !d.needSync || d.retryAt.After(now) {
			continue
		}
		tried = append(tried, d)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, syncTimeout)
			defer cancel()
			if err := d.Sync(ctx); err != nil {
				d.failure = err.Error()
				return
			}
			d.failure = ""
		})
	}
	wg.Wait()
	for _, d := range tried {
		if d.failure != "" {
			d.retryAt = time.Now().Add(min(firstRetry<<min(d.failures, 8), lastRetry))
			d.failures++
			continue
		}
		d.synced, d.needSync, d.failures, d.retryAt = true, false, 0, time.Time{}
		done = append(done, d)
	}
	return done
}

// nextSync is when a failed Sync is to be tried again; zero when none is.
func (h *hostState) nextSync() time.Time {
	var next time.Time
	for _, d := range h.drivers {
		if d.needSync {
			next = earliest(next, d.retryAt)
			if d.retryAt.IsZero() {
				return time.Now()
			}
		}
	}
	return next
}

// synced says that every driver has read the host. If not, it says why.
func (h *hostState) synced() (bool, string) {
	var waits []string
	for _, d := range h.drivers {
		if !d.synced {
			waits = append(waits, "driver "+d.Name()+": "+d.failure)
		}
	}
	return len(waits) == 0, strings.Join(waits, "; ")
}

// refreshFacts updates the facts of the devices in place, or all facts when devices is nil.
func (h *hostState) refreshFacts(devices []string) *object.Facts {
	before := make(map[string]int, len(devices))
	for _, d := range devices {
		before[d] = h.facts.Links[d].Index
	}
	if devices == nil {
		h.facts = emptyFacts()
	}
	for _, d := range h.drivers {
		f, knows := d.Driver.(Facts)
		switch {
		case !knows || !d.synced:
		case devices == nil:
			f.Facts(h.facts)
		default:
			f.DeviceFacts(devices, h.facts)
		}
	}
	h.noteComing(before, devices, time.Now())
	return h.facts
}

// readDevices has the drivers read these devices again. What cannot be read stays as it was.
func (h *hostState) readDevices(ctx context.Context, devices []string, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	for _, d := range h.drivers {
		if r, can := d.Driver.(DeviceReader); can && d.synced {
			if err := r.ReadDevices(ctx, devices); err != nil && !stopping(ctx) {
				log.Warn("cannot read devices", "driver", d.Name(), "devices", devices, "error", err)
			}
		}
	}
}

// fence has the drivers take in what was changed before the call. Any goroutine may call it: a database that does not answer must not
// stop the loop.
func (h *hostState) fence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	for _, d := range h.drivers {
		if f, can := d.Driver.(Fencer); can {
			if err := f.Fence(ctx); err != nil {
				return fmt.Errorf("driver %s: take in the latest changes: %w", d.Name(), err)
			}
		}
	}
	return nil
}

// unnoticed lists the devices whose facts the drivers know by now and the facts do not have.
func (h *hostState) unnoticed() []string {
	now := emptyFacts()
	for _, d := range h.drivers {
		if f, knows := d.Driver.(Facts); knows && d.synced {
			f.Facts(now)
		}
	}
	return h.facts.DevicesThatDiffer(now)
}

// observe returns what the caches have for the keys. failed has the drivers that failed with their errors. Nothing is known of their
// keys then.
func (h *hostState) observe(ctx context.Context, keys []object.Key) (found map[object.Key]object.Object, failed map[*driverState]error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	found, failed = make(map[object.Key]object.Object, len(keys)), map[*driverState]error{}
	for d, mine := range h.split(keys) {
		if !d.synced {
			failed[d] = fmt.Errorf("driver %s has not read the host yet: %s", d.Name(), d.failure)
			continue
		}
		objects, err := d.Observe(ctx, mine)
		if err != nil {
			failed[d] = fmt.Errorf("driver %s: observe: %w", d.Name(), err)
			continue
		}
		for _, o := range objects {
			found[o.Key()] = o
		}
	}
	return found, failed
}

// split groups keys by driver; keys of a kind without driver are left out.
func (h *hostState) split(keys []object.Key) map[*driverState][]object.Key {
	out := map[*driverState][]object.Key{}
	for _, k := range keys {
		if d := h.byKind[k.Kind]; d != nil {
			out[d] = append(out[d], k)
		}
	}
	return out
}

// ours lists the objects of ours that the synced drivers have. If drivers are given, only these are asked.
func (h *hostState) ours(ctx context.Context, of ...*driverState) (map[object.Key]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	out := map[object.Key]bool{}
	for _, d := range h.drivers {
		if !d.synced || (len(of) > 0 && !slices.Contains(of, d)) {
			continue
		}
		keys, err := d.Ours(ctx)
		if err != nil {
			return nil, fmt.Errorf("driver %s: list what is ours: %w", d.Name(), err)
		}
		for _, k := range keys {
			out[k] = true
		}
	}
	return out, nil
}

// oursAmong lists the keys that synced drivers have as ours, of the given ones.
func (h *hostState) oursAmong(ctx context.Context, keys []object.Key) (map[object.Key]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	out := map[object.Key]bool{}
	for d, mine := range h.split(keys) {
		if !d.synced {
			continue
		}
		ask := func() ([]object.Key, error) { return d.Ours(ctx) }
		if o, can := d.Driver.(OwnerOf); can {
			ask = func() ([]object.Key, error) { return o.OursAmong(ctx, mine) }
		}
		ours, err := ask()
		if err != nil {
			return nil, fmt.Errorf("driver %s: find out what is ours: %w", d.Name(), err)
		}
		asked := make(map[object.Key]bool, len(mine))
		for _, k := range mine {
			asked[k] = true
		}
		for _, k := range ours {
			if asked[k] {
				out[k] = true
			}
		}
	}
	return out, nil
}

// activated is the migration for which a port's guest has announced itself here, or 0.
func (h *hostState) activated(uid string) int64 {
	if d := h.byKind[object.KindActivation]; d != nil {
		if a, ok := d.Driver.(Activations); ok {
			return a.Activated(uid)
		}
	}
	return 0
}

// earliest is the earlier of two times, where zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
