// Package bridgefilter filters what guests on the kernel's bridges send and receive, by their security groups. It has one nftables table of family
// bridge. Its rules never change; chains of ports and groups, and sets, say what passes.
//
// Invariants:
//   - The rules are loaded as one transaction. So is what changes of one port or group: a packet finds the old or the new rules.
//   - A filtered port without groups, or whose groups have no rules, sends and receives nothing.
//   - Chains, and comments of rules and elements, say whom they are for, so that a restarted process knows what is there.
//   - No other table is touched.
//   - The driver works in the calling thread's network namespace.
package bridgefilter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

const tableName = "weft_filter"

// Config is what the driver must be told.
type Config struct {
	// Program is the nft program's path; "nft" when empty.
	Program string
	Logger  *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for the kinds of security groups on the kernel's bridges.
type Driver struct {
	config  Config
	conn    *own.Conn
	program *own.Program
	table   *nftables.Table
	text    ruleText

	mu    sync.Mutex // of all below; the goroutine of Watch also reads the kernel
	cache cache
	// handles are the handles of each chain's rules when they were last right. A chain that was changed since has none. The kernel never
	// uses a handle twice.
	handles map[string]map[uint64]bool
	// guests are the devices that were filtered, as far as this process has seen it, until their filter is removed on purpose.
	guests map[string]bool

	lacks lack
}

// New opens a netlink socket in the calling thread's network namespace. Call Close at the end.
func New(c Config) (*Driver, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	conn, err := own.Open()
	if err != nil {
		return nil, fmt.Errorf("bridge filter: %w", err)
	}
	return &Driver{
		config: c, conn: conn, program: own.NewProgram(c.Program), table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyBridge},
		text: newRuleText(ruleset()), cache: newCache(), handles: map[string]map[uint64]bool{}, guests: map[string]bool{},
	}, nil
}

// Close closes the driver's socket. Watch must have returned before.
func (d *Driver) Close() error { return d.conn.Close() }

// Name is "bridgefilter".
func (d *Driver) Name() string { return "bridgefilter" }

// Kinds are bridge-filter and the kinds of what is in its table.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindBridgeFilter, object.KindFilterNetwork, object.KindFilterPort, object.KindFilterGroup, object.KindFilterMembers}
}

// Sync reads the table.
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
	changed := d.cache.changed(&fresh)
	d.cache = fresh
	for device := range fresh.ports {
		d.guests[device] = true
	}
	return changed, nil
}

// Observe returns what the table holds of the keys.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []object.Object
	for _, k := range keys {
		if o := d.cache.object(k); o != nil {
			found = append(found, o)
		}
	}
	return found, nil
}

// Ours lists the table and everything in it.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cache.keys(), nil
}

// Rejected implements the engine's Rejecter: what the last Sync has read of a filtered port's counters.
func (d *Driver) Rejected(desired object.Object) (counts []object.Rejected) {
	f, ok := desired.(*object.FilterPort)
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, reason := range object.RejectReasons() {
		frames := uint64(0)
		for _, set := range countedBy(reason) {
			frames += d.cache.ports[f.Device].packets[set]
		}
		if frames > 0 {
			counts = append(counts, object.Rejected{Reason: reason, Frames: frames})
		}
	}
	return counts
}

// Facts adds why the rules could not be loaded.
func (d *Driver) Facts(into *object.Facts) { into.NoBridgeFilter = d.lacks.why() }

// DeviceFacts changes nothing: no fact is about a device.
func (d *Driver) DeviceFacts([]string, *object.Facts) {}

// Watch listens to nftables' notifications. After somebody else's transaction on our table, it reads the table and reports what changed and who
// changed it.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	d.lacks.tell(notify)
	defer d.lacks.tell(nil)
	return own.Follow(ctx, own.Follower{
		Name: "bridge filter", Logger: d.config.Logger, Program: d.program,
		Tables: []own.Table{{Family: byte(nftables.TableFamilyBridge), Name: tableName}},
		Refresh: func(ctx context.Context) ([]object.Key, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.refresh(ctx)
		},
	}, notify)
}
