// Package rtnl manages netdevs that somebody else created: their MTU, their administrative state, whether the host's stack has
// IPv6 on them, and their traffic control hooks.
//
// Invariants:
//   - No link is ever created, renamed or deleted.
//   - Links come from the one cache. A subscription keeps the qdiscs. Both hold only what Weft manages or compiles from, so that
//     statistics and carrier changes wake nobody.
//   - Nothing is read from sysfs. So only the calling thread's network namespace matters (/proc/sys/net belongs to that thread
//     too).
package rtnl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// requestTimeout bounds every exchange with the kernel.
const requestTimeout = 10 * time.Second

// Config is what the driver must be told.
type Config struct {
	// Links is the cache of the host's links. It must be in the calling thread's network namespace.
	Links *own.Links
	// EtcdAddresses are the addresses of the etcd endpoints. The facts mark the link by which each is reached.
	EtcdAddresses []netip.Addr
	Logger        *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindLink and object.KindQdisc.
type Driver struct {
	config   Config
	handle   *netlink.Handle // it has its own lock, so the engine's and the watch goroutine may both use it
	conn     *own.Conn       // for traffic control; it has its own lock too
	listener *own.Listener
	feed     *own.Feed
	cache    *cache
	heard    heard // protected by the feed's lock
	routesMu sync.Mutex
	notify   func(object.Event)
}

// New opens a netlink socket in the calling thread's network namespace. Call Close at the end.
func New(c Config) (*Driver, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink route socket: %w", err)
	}
	if err := h.SetSocketTimeout(requestTimeout); err != nil {
		h.Close()
		return nil, fmt.Errorf("set the timeout of the netlink socket: %w", err)
	}
	conn, err := own.Open(c.Links.Space(), new(own.Buffers), unix.NETLINK_ROUTE)
	if err != nil {
		h.Close()
		return nil, err
	}
	d := &Driver{config: c, handle: h, conn: conn, cache: newCache()}
	d.listener = c.Links.Listen(func(was, is own.Link) bool { return seen(was) != seen(is) })
	d.feed = d.newFeed()
	return d, nil
}

// Close closes the driver's sockets. Watch must have returned before.
func (d *Driver) Close() error {
	d.listener.Close()
	d.handle.Close()
	return d.conn.Close()
}

// Name is "rtnl".
func (d *Driver) Name() string { return "rtnl" }

// Kinds are link and qdisc.
func (d *Driver) Kinds() []object.Kind { return []object.Kind{object.KindLink, object.KindQdisc} }

// Sync reads all links, addresses, qdiscs, and the routes to default and etcd.
func (d *Driver) Sync(ctx context.Context) error {
	if err := d.listener.Read(ctx); err != nil {
		return err
	}
	if err := d.refreshQdiscs(ctx); err != nil {
		return err
	}
	_, err := d.refreshRoutes(ctx)
	return err
}

// find is a link and its qdiscs.
func (d *Driver) find(name string) (own.Link, qdiscState, bool) {
	l, there := d.config.Links.Named(name)
	return l, d.cache.qdisc(l.Index), there
}

// Observe returns the link or the traffic control of every device that exists.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	found, errs := make([]object.Object, 0, len(keys)), []error(nil)
	for _, k := range keys {
		l, q, ok := d.find(k.Name)
		switch {
		case !ok:
		case k.Kind == object.KindLink:
			off, err := noIPv6On(l.Name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			found = append(found, &object.Link{Name: l.Name, MTU: l.MTU, Up: l.Up, NoIPv6: off})
		case k.Kind == object.KindQdisc:
			found = append(found, &object.Qdisc{Device: l.Name, Root: q.root, Ingress: q.ingress, Shaper: q.shaper,
				FromGuest: q.fromGuest, ToGuest: q.toGuest, Filters: q.strange})
		}
	}
	return found, errors.Join(errs...)
}

// Ours lists nothing: every netdev belongs to somebody else.
func (d *Driver) Ours(context.Context) ([]object.Key, error) { return nil, nil }

// Facts adds every netdev.
func (d *Driver) Facts(into *object.Facts) {
	d.config.Links.View(func(c own.Cache) { d.cache.facts(c, into) })
	into.NoIPv6 = noIPv6()
	into.BridgeNetfilter = bridgeNetfilter("/proc/sys/net/bridge")
}

// DeviceFacts updates the facts of these netdevs and removes those of netdevs that do not exist any more.
func (d *Driver) DeviceFacts(devices []string, into *object.Facts) {
	d.config.Links.View(func(c own.Cache) { d.cache.deviceFacts(c, devices, into) })
}

// ReadDevices reads the netdevs with these names again.
func (d *Driver) ReadDevices(ctx context.Context, devices []string) error {
	var errs []error
	for _, name := range devices {
		if err := ctx.Err(); err != nil {
			return err
		}
		errs = append(errs, d.listener.ReadLink(name))
	}
	return errors.Join(errs...)
}

// Apply sets MTU, IPv6 and administrative state, sets limits, and removes foreign traffic control. Then it reads the
// changed devices back.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	var limited []int // links whose traffic control is changed
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
			continue
		}
		errs[i] = d.apply(c)
		if l, _, there := d.find(c.Key().Name); there && c.Key().Kind == object.KindQdisc {
			limited = append(limited, l.Index)
		}
	}
	if len(limited) > 0 {
		if err := d.refreshQdiscs(ctx, limited...); err != nil {
			fillErrors(errs, changes, object.KindQdisc, err)
		}
	}
	return errs
}

// fillErrors gives the error to every change of the kind that has none.
func fillErrors(errs []error, changes []object.Change, kind object.Kind, err error) {
	for i, c := range changes {
		if errs[i] == nil && c.Key().Kind == kind {
			errs[i] = fmt.Errorf("%s: read back: %w", c.Key(), err)
		}
	}
}

// apply makes one change. A delete means that Weft does not manage the device any more. The device stays as it is.
func (d *Driver) apply(c object.Change) error {
	if c.Op == object.Delete {
		return nil
	}
	l, q, ok := d.find(c.Key().Name)
	if !ok {
		return fmt.Errorf("%s: no such device: it is for the hypervisor to create", c.Key())
	}
	switch want := c.Desired.(type) {
	case *object.Link:
		return errors.Join(d.setLink(l, want), d.listener.ReadLink(l.Name))
	case *object.Qdisc:
		return d.setQdisc(l, q, want)
	}
	return fmt.Errorf("%s: not a kind of the rtnl driver", c.Key())
}

func (d *Driver) setLink(have own.Link, want *object.Link) error {
	link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: have.Index}}
	if want.MTU != have.MTU {
		if err := d.handle.LinkSetMTU(link, want.MTU); err != nil {
			return fmt.Errorf("link %s: set mtu %d: %w", want.Name, want.MTU, err)
		}
	}
	// This comes after the MTU, because the kernel has no IPv6 on a link of less than 1280 bytes and starts it again once the
	// link has more. It comes before the link is up, so that there is no moment with an address.
	if want.NoIPv6 {
		if err := disableIPv6(want.Name); err != nil {
			return err
		}
	}
	if want.Up == have.Up {
		return nil
	}
	set, state := d.handle.LinkSetUp, "up"
	if !want.Up {
		set, state = d.handle.LinkSetDown, "down"
	}
	if err := set(link); err != nil {
		return fmt.Errorf("link %s: set it %s: %w", want.Name, state, err)
	}
	return nil
}
