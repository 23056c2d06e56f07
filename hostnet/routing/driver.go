// Package routing manages Weft's network namespaces and their content: namespaces with their settings, pairs of devices,
// addresses, routes, routing rules, permanent neighbours and proxied addresses.
//
// Invariants:
//   - The driver changes only what carries our mark (the alias of a device, the protocol number of a route) or is in a namespace
//     that does.
//   - The cache of a namespace changes only by what its kernel says, also for our own requests. So reading back costs what has
//     changed.
//   - A problem of one namespace does not affect others.
//   - A change of one entry costs one entry.
package routing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"weft/hostnet/netlink"
	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// Config is what the driver must be told.
type Config struct {
	// Directory is where the namespaces have their names. It also knows the host's own namespace. It must stay open longer than
	// the driver.
	Directory *netns.Directory // required
	Logger    *slog.Logger     // slog.Default when nil
}

// Driver implements the engine's driver for namespaces and their content.
type Driver struct {
	log *slog.Logger
	dir *netns.Directory
	// buffers are for the sockets of all namespaces.
	buffers *netlink.Buffers

	mu     sync.Mutex
	spaces map[string]*space
	watch  *follower // while Watch runs
}

// New opens sockets in the host's own namespace. Call Close at the end.
func New(c Config) (*Driver, error) {
	if c.Directory == nil {
		return nil, errors.New("routing: Config.Directory is required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	buffers := new(netlink.Buffers)
	home, err := openSpace(c.Directory.Home(), buffers, c.Logger)
	if err != nil {
		return nil, err
	}
	return &Driver{log: c.Logger, dir: c.Directory, buffers: buffers, spaces: map[string]*space{"": home}}, nil
}

// Close closes every socket and every namespace. Watch must have returned before. Nothing on the host changes.
func (d *Driver) Close() error {
	var errs []error
	for _, s := range d.all() {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Name is "routing".
func (d *Driver) Name() string { return "routing" }

// Kinds are namespaces and what is in them.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindNamespace, object.KindVeth, object.KindAddresses, object.KindRoute, object.KindRule,
		object.KindNeighbor, object.KindProxy}
}

// Sync reads the host's devices and every namespace that may be ours again. A namespace that cannot be read is treated as
// missing, and does not affect others.
func (d *Driver) Sync(ctx context.Context) error {
	d.raiseTables()
	names, err := d.dir.List(object.NamespacePrefix)
	if err != nil {
		return err
	}
	for _, s := range d.all() {
		if !s.home() && (!slices.Contains(names, s.name) || d.replaced(s)) {
			d.drop(s)
		}
	}
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read namespaces: %w", err)
		}
		if _, err := d.adopt(n); err != nil {
			d.log.Warn("cannot look at a network namespace", "namespace", n, "error", err)
		}
	}
	for _, s := range d.all() {
		s.mu.Lock()
		err := s.read()
		s.mu.Unlock()
		if err != nil && s.home() {
			return err
		}
		if err != nil {
			d.log.Warn("cannot read a network namespace", "namespace", s.name, "error", err)
		}
	}
	return nil
}

// replaced says that the name belongs to another namespace now.
func (d *Driver) replaced(s *space) bool {
	now, err := d.dir.Open(s.name)
	if err != nil {
		return true
	}
	other := now.ID() != s.ns.ID()
	_ = now.Close()
	return other
}

// adopt opens a namespace that is not open yet, and starts to follow it. It reads nothing.
func (d *Driver) adopt(name string) (*space, error) {
	if s := d.space(name); s != nil {
		return s, nil
	}
	ns, err := d.dir.Open(name)
	if err != nil {
		return nil, err
	}
	s, err := openSpace(ns, d.buffers, d.log)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spaces[name] = s
	if d.watch != nil {
		d.watch.follow(s)
	}
	return s, nil
}

// drop closes a namespace.
func (d *Driver) drop(s *space) {
	d.mu.Lock()
	if d.spaces[s.name] == s {
		delete(d.spaces, s.name)
	}
	d.mu.Unlock()
	if err := s.close(); err != nil {
		d.log.Warn("cannot close the sockets of a network namespace", "namespace", s.name, "error", err)
	}
}

// space is the namespace of that name. It is nil if the name is unknown.
func (d *Driver) space(name string) *space {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spaces[name]
}

// all are the known namespaces, ordered by name. The host's own comes first.
func (d *Driver) all() []*space {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*space, 0, len(d.spaces))
	for _, s := range d.spaces {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *space) int { return strings.Compare(a.name, b.name) })
	return out
}
