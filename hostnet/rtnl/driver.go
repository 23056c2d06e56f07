// Package rtnl looks after netdevs that somebody else created: their MTU, their administrative state, whether the host's
// stack has IPv6 there, and what hangs at their traffic control hooks.
//
// Invariants: no link is ever created, renamed or deleted; a dump that the kernel says was interrupted is repeated,
// never compared; the view is kept by one netlink subscription and holds only what Weft manages or compiles from, so
// that statistics and carrier changes wake nobody; nothing is read from sysfs, so that the network namespace of the
// calling thread is the only one seen (/proc/sys/net is that thread's too).
package rtnl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// requestTimeout bounds every exchange with the kernel.
const requestTimeout = 10 * time.Second

// Config is what the driver must be told.
type Config struct {
	// EtcdAddresses are the addresses of the etcd endpoints: the link by which each is reached is marked in the facts.
	EtcdAddresses []netip.Addr
	Logger        *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindLink and object.KindQdisc.
type Driver struct {
	config Config
	handle *netlink.Handle // its own lock makes it safe for the engine's and the watch goroutine
	view   *view
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
	return &Driver{config: c, handle: h, view: newView()}, nil
}

// Close closes the driver's socket. Watch must have returned before.
func (d *Driver) Close() error {
	d.handle.Close()
	return nil
}

// Name is "rtnl".
func (d *Driver) Name() string { return "rtnl" }

// Kinds are link and qdisc.
func (d *Driver) Kinds() []object.Kind { return []object.Kind{object.KindLink, object.KindQdisc} }

// Sync reads all links, addresses, qdiscs and roads.
func (d *Driver) Sync(ctx context.Context) error {
	_, err := d.sync(ctx)
	return err
}

func (d *Driver) sync(ctx context.Context) (changed []string, err error) {
	fresh, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.readRoads(ctx)
	if err != nil {
		return nil, err
	}
	changed = d.view.replace(fresh)
	return append(changed, d.view.setRoads(r)...), nil
}

// Observe returns the link or the traffic control of every device that exists.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	found, errs := make([]object.Object, 0, len(keys)), []error(nil)
	for _, k := range keys {
		l, q, ok := d.view.link(k.Name)
		switch {
		case !ok:
		case k.Kind == object.KindLink:
			off, err := noIPv6On(l.name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			found = append(found, &object.Link{Name: l.name, MTU: l.mtu, Up: l.up, NoIPv6: off})
		case k.Kind == object.KindQdisc:
			found = append(found, &object.Qdisc{Device: l.name, Root: q.root, Ingress: q.ingress})
		}
	}
	return found, errors.Join(errs...)
}

// Ours lists nothing: every netdev belongs to somebody else.
func (d *Driver) Ours(context.Context) ([]object.Key, error) { return nil, nil }

// Facts adds every netdev.
func (d *Driver) Facts(into *object.Facts) { d.view.facts(into) }

// DeviceFacts brings the facts of these netdevs up to date and removes those of netdevs that are gone.
func (d *Driver) DeviceFacts(devices []string, into *object.Facts) { d.view.deviceFacts(devices, into) }

// ReadDevices reads the netdevs of these names afresh.
func (d *Driver) ReadDevices(ctx context.Context, devices []string) error {
	var errs []error
	for _, name := range devices {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := d.handle.LinkByName(name)
		var gone netlink.LinkNotFoundError
		known, _, there := d.view.link(name)
		switch {
		case err != nil && !errors.As(err, &gone):
			errs = append(errs, fmt.Errorf("read device %s: %w", name, err))
			continue
		case there && (err != nil || l.Attrs().Index != known.index):
			d.view.deleteLink(known.index)
		}
		if err == nil {
			d.view.setLink(linkStateOf(l))
		}
	}
	return errors.Join(errs...)
}

// Apply sets MTU, IPv6 and administrative state and removes foreign traffic control, one request each, then reads the
// touched devices back.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	qdiscs := false
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
			continue
		}
		errs[i] = d.apply(c)
		qdiscs = qdiscs || c.Key().Kind == object.KindQdisc
	}
	if qdiscs {
		if err := d.refreshQdiscs(ctx); err != nil {
			fillErrors(errs, changes, object.KindQdisc, err)
		}
	}
	return errs
}

// fillErrors gives every change of the kind that had none the error.
func fillErrors(errs []error, changes []object.Change, kind object.Kind, err error) {
	for i, c := range changes {
		if errs[i] == nil && c.Key().Kind == kind {
			errs[i] = fmt.Errorf("%s: read back: %w", c.Key(), err)
		}
	}
}

// apply makes one change. A delete means that Weft manages the device no longer: it stays as it is.
func (d *Driver) apply(c object.Change) error {
	if c.Op == object.Delete {
		return nil
	}
	l, q, ok := d.view.link(c.Key().Name)
	if !ok {
		return fmt.Errorf("%s: no such device: it is for the hypervisor to create", c.Key())
	}
	switch want := c.Desired.(type) {
	case *object.Link:
		return errors.Join(d.setLink(l, want), d.refreshLink(l.index))
	case *object.Qdisc:
		return d.clearQdiscs(l, q, want)
	}
	return fmt.Errorf("%s: not a kind of the rtnl driver", c.Key())
}

func (d *Driver) setLink(have linkState, want *object.Link) error {
	link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: have.index}}
	if want.MTU != have.mtu {
		if err := d.handle.LinkSetMTU(link, want.MTU); err != nil {
			return fmt.Errorf("link %s: set mtu %d: %w", want.Name, want.MTU, err)
		}
	}
	// After the MTU: the kernel has no IPv6 on a link of less than 1280 bytes, and begins anew once it has more. Before the link
	// is up: there is no moment with an address.
	if want.NoIPv6 {
		if err := disableIPv6(want.Name); err != nil {
			return err
		}
	}
	if want.Up == have.up {
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

// clearQdiscs removes what somebody attached. A qdisc is only ever desired empty.
func (d *Driver) clearQdiscs(l linkState, have qdiscState, want *object.Qdisc) error {
	if want.Root != "" || want.Ingress != "" {
		return fmt.Errorf("qdisc %s: root %q, ingress %q: only the kernel's defaults can be set", want.Device, want.Root, want.Ingress)
	}
	return errors.Join(
		d.deleteQdisc(l, hookRoot, have.root),
		d.deleteQdisc(l, hookIngress, have.ingress),
	)
}

func (d *Driver) deleteQdisc(l linkState, hook qdiscHook, kind string) error {
	if kind == "" {
		return nil
	}
	err := d.handle.QdiscDel(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.index, Parent: uint32(hook)},
		QdiscType:  kind,
	})
	// Somebody else may have removed or replaced it meanwhile: the view is read back after this, and tells.
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("qdisc %s: remove %s: %w", l.name, kind, err)
	}
	return nil
}
