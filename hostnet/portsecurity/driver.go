// Package portsecurity is port security for bridges of the kernel. It has one nftables table of family bridge, whose rules never change,
// and sets that say what each device may do. It also has a chain for each NIC that is an uplink.
//
// Invariants:
//   - Rules and sets are loaded as one transaction, so that there is no moment without protection.
//   - A device that no set knows is mute.
//   - Elements say in their comments whom they are for, so that a restarted process knows what is ours.
//   - No other table is touched.
//   - The driver works in the calling thread's network namespace.
package portsecurity

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

const tableName = "weft"

// Config is what the driver must be told.
type Config struct {
	// Program is the nft program's path; "nft" when empty.
	Program string
	Logger  *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindPortSecurity, object.KindPortSecurityElements and object.KindPortSecurityUplink.
type Driver struct {
	config  Config
	conn    *own.Conn
	program *own.Program
	table   *nftables.Table
	text    ruleText

	mu    sync.Mutex // of all below; the goroutine of Watch also reads the kernel
	cache cache
	// handles are the handles of our rules when they were last right; nil while unknown. The kernel never uses a handle twice.
	handles     map[uint64]bool
	uplinkRules map[string]uint64 // the same for the one rule of each uplink

	told     told
	rejected object.RejectedCounts[string] // by device
}

// New opens a netlink socket in the calling thread's network namespace. Call Close at the end.
func New(c Config) (*Driver, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	conn, err := own.Open()
	if err != nil {
		return nil, fmt.Errorf("portsecurity: %w", err)
	}
	return &Driver{
		config: c, conn: conn, program: own.NewProgram(c.Program), table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyBridge},
		text: newRuleText(), cache: cache{}, uplinkRules: map[string]uint64{},
	}, nil
}

// Close closes the driver's socket. Watch must have returned before.
func (d *Driver) Close() error { return d.conn.Close() }

// Name is "portsecurity".
func (d *Driver) Name() string { return "portsecurity" }

// Kinds are port-security, port-security-elements and port-security-uplink.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindPortSecurity, object.KindPortSecurityElements, object.KindPortSecurityUplink}
}

// Sync reads the table, its rules and its sets, and what the rules noted of guests.
func (d *Driver) Sync(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.refresh(ctx); err != nil {
		return err
	}
	if err := d.look(); err != nil { // only a warning depends on it
		d.config.Logger.Warn("cannot read the sets that the rules of table bridge weft fill", "error", err)
	}
	return nil
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

// Observe returns port security, the elements of every name that has some, and the uplinks that have a chain.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []object.Object
	for _, k := range keys {
		rules, filtered := d.cache.uplinks[k.Name]
		switch {
		case k.Kind == object.KindPortSecurityUplink && filtered:
			found = append(found, &object.PortSecurityUplink{Device: k.Name, Rules: rules})
		case !d.cache.exists:
		case k.Kind == object.KindPortSecurity:
			found = append(found, &object.PortSecurity{Rules: d.cache.rules})
		case k.Kind == object.KindPortSecurityElements && len(d.cache.elements[k.Name]) > 0:
			found = append(found, &object.PortSecurityElements{Name: k.Name, Elements: d.cache.list(k.Name)})
		}
	}
	return found, nil
}

// Ours lists the table and the names in its sets. Everything in the table is ours.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var keys []object.Key
	for device := range d.cache.uplinks {
		keys = append(keys, object.Key{Kind: object.KindPortSecurityUplink, Name: device})
	}
	if !d.cache.exists {
		return keys, nil
	}
	keys = append(keys, (&object.PortSecurity{}).Key())
	for name := range d.cache.elements {
		keys = append(keys, object.Key{Kind: object.KindPortSecurityElements, Name: name})
	}
	return keys, nil
}
