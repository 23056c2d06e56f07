// Package hostfilter keeps the host's own stack away from devices that are not its own. It has two nftables tables in the host's
// namespace whose rules never change. A set in each table lists the silent devices.
//
// Invariants:
//   - Tables and sets are loaded as one transaction with all their elements, so that there is no moment without them.
//   - No other table is touched.
//   - A restarted process learns everything from the tables.
//   - The driver works in the calling thread's network namespace.
package hostfilter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// Config is what the driver must be told.
type Config struct {
	// Program is the nft program's path; "nft" when empty.
	Program string
	Logger  *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindHostFilter and object.KindSilentDevice.
type Driver struct {
	config  Config
	conn    *own.Conn
	program *own.Program

	mu    sync.Mutex // of all below; the goroutine of Watch also reads the kernel
	cache cache
	// handles are the handles of our rules when they were last right; nil while unknown. The kernel never uses a handle twice.
	handles map[ruleID]bool
}

// New opens a netlink socket in the calling thread's network namespace. Call Close at the end.
func New(c Config) (*Driver, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	conn, err := own.Open()
	if err != nil {
		return nil, fmt.Errorf("host filter: %w", err)
	}
	return &Driver{config: c, conn: conn, program: own.NewProgram(c.Program), cache: cache{devices: [2]map[string]bool{{}, {}}}}, nil
}

// Close closes the driver's socket. Watch must have returned before.
func (d *Driver) Close() error { return d.conn.Close() }

// Name is "hostfilter".
func (d *Driver) Name() string { return "hostfilter" }

// Kinds are host-filter and silent-device.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindHostFilter, object.KindSilentDevice}
}

// Sync reads tables, rules and sets.
func (d *Driver) Sync(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.refresh(ctx)
	return err
}

// refresh replaces the cache by what the kernel holds. It returns the keys that differ. The caller holds the lock.
func (d *Driver) refresh(ctx context.Context) ([]object.Key, error) {
	fresh, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	changed := d.cache.changed(fresh)
	d.cache = fresh
	return changed, nil
}

// Observe returns the tables, and the devices that are silent in both.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []object.Object
	for _, k := range keys {
		switch {
		case k.Kind == object.KindHostFilter && d.cache.exists:
			found = append(found, &object.HostFilter{Faults: d.cache.faults})
		case k.Kind == object.KindSilentDevice && d.cache.silent(k.Name):
			found = append(found, &object.SilentDevice{Device: k.Name})
		}
	}
	return found, nil
}

// Ours lists the tables and every device in either of them. Everything in the tables is ours.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.cache.exists {
		return nil, nil
	}
	keys := []object.Key{(&object.HostFilter{}).Key()}
	for _, name := range d.cache.names() {
		keys = append(keys, (&object.SilentDevice{Device: name}).Key())
	}
	return keys, nil
}
