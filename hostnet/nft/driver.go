// Package nft does network address translation in Weft's network namespaces. Each namespace has one nftables table with fixed
// rules, and with maps that hold the floating addresses.
//
// Invariants:
//   - The driver writes and removes only the table "weft" of family inet, and only in namespaces of ours.
//   - The rules of a role do not depend on how many mappings there are.
//   - Each change of one namespace is one transaction of the kernel.
//   - The cache is of one generation of the kernel.
//   - What this process writes is never reported as an event once the subscription in that namespace works.
//   - A connection is ended only if the mapping that it goes through ends.
package nft

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// Config is what the driver must be told.
type Config struct {
	Namespaces Namespaces   // required
	Logger     *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindNATTable and object.KindNATMapping.
type Driver struct {
	config   Config
	versions *versions
	// buffers are for the sockets of all namespaces.
	buffers *netlink.Buffers

	mu     sync.Mutex
	spaces map[string]*space
	watch  *watcher // while Watch runs
	// dropped is how many packets the borders have dropped so far, by reason.
	dropped map[string]uint64
}

// New makes a driver that has opened nothing yet. Call Close at the end.
func New(c Config) (*Driver, error) {
	if c.Namespaces == nil {
		return nil, errors.New("nft: Config.Namespaces is required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	d := &Driver{config: c, versions: &versions{}, buffers: new(netlink.Buffers), spaces: map[string]*space{},
		dropped: map[string]uint64{}}
	return d, nil
}

// Close closes all sockets. Watch must have returned before. Nothing in the kernel changes.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, s := range d.spaces {
		s.close()
		delete(d.spaces, name)
	}
	return nil
}

// Name is "nft".
func (d *Driver) Name() string { return "nft" }

// Kinds are nat-table and nat-mapping.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindNATTable, object.KindNATMapping}
}

// Sync dumps the table of every namespace. If one table cannot be read, the other namespaces are not affected.
func (d *Driver) Sync(ctx context.Context) error {
	names, err := d.config.Namespaces.List()
	if err != nil {
		return fmt.Errorf("list network namespaces: %w", err)
	}
	there := map[string]bool{}
	for _, name := range names {
		if !strings.HasPrefix(name, object.NamespacePrefix) {
			continue
		}
		there[name] = true
		s, err := d.reopen(name)
		if err == nil {
			_, err = s.load(ctx)
		}
		if err == nil {
			err = s.readOver(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !isGone(err) {
			d.config.Logger.Warn("cannot read the NAT tables of a network namespace: the cache is kept until they can be read", "namespace", name, "error", err)
		}
	}
	for _, name := range d.open() {
		if !there[name] {
			d.forget(name)
		}
	}
	return nil
}

// Observe looks the keys up in the cache.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	found := make([]object.Object, 0, len(keys))
	for _, k := range keys {
		namespace, floating, err := splitKey(k)
		s := d.known(namespace)
		if err != nil || s == nil {
			continue
		}
		s.current(func(v *cache) {
			if k.Kind == object.KindNATTable {
				if t, ok := v.table(namespace, d.versions); ok {
					found = append(found, t)
				}
			} else if m, ok := v.mapping(namespace, floating); ok {
				found = append(found, m)
			}
		})
	}
	return found, nil
}

// splitKey splits the name of a key: "namespace" or "namespace/floating address".
func splitKey(k object.Key) (namespace string, floating netip.Addr, err error) {
	if k.Kind == object.KindNATTable {
		return k.Name, floating, nil
	}
	namespace, text, _ := strings.Cut(k.Name, "/")
	floating, err = netip.ParseAddr(text)
	if err != nil {
		return namespace, floating, fmt.Errorf("%s: floating address: %w", k, err)
	}
	return namespace, floating, nil
}

// Ours lists all tables of ours and all mappings in them.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	var keys []object.Key
	for _, name := range d.open() {
		if s := d.known(name); s != nil {
			keys = append(keys, s.keys()...)
		}
	}
	return keys, nil
}

// OursAmong lists those of the keys that exist: everything in our tables is ours.
func (d *Driver) OursAmong(ctx context.Context, keys []object.Key) ([]object.Key, error) {
	found, err := d.Observe(ctx, keys)
	if err != nil {
		return nil, err
	}
	ours := make([]object.Key, len(found))
	for i, o := range found {
		ours[i] = o.Key()
	}
	return ours, nil
}

// known is the open namespace of that name. It is nil if there is none.
func (d *Driver) known(name string) *space {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spaces[name]
}

// open names the namespaces that are open.
func (d *Driver) open() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make([]string, 0, len(d.spaces))
	for name := range d.spaces {
		names = append(names, name)
	}
	return names
}

// reopen returns the namespace that has the name now. If a new namespace got the name, it replaces the old one.
func (d *Driver) reopen(name string) (*space, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.spaces[name]; s != nil {
		inode := uint64(0)
		err := d.config.Namespaces.Inside(name, func() (err error) { inode, err = currentInode(); return err })
		if err == nil && inode == s.inode {
			return s, nil
		}
		if err != nil && !isGone(err) {
			return nil, err
		}
		s.close()
		delete(d.spaces, name)
	}
	s, err := openSpace(d.config.Namespaces, d.buffers, name)
	if err != nil {
		return nil, err
	}
	d.spaces[name] = s
	if d.watch != nil {
		d.watch.follow(s)
	}
	return s, nil
}

// forget closes a namespace that is gone.
func (d *Driver) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.spaces[name]; s != nil {
		s.close()
		delete(d.spaces, name)
	}
}
