// Package tagfilter keeps 802.1ad tags from the uplinks of Open vSwitch, by a BPF program on each NIC.
//
// Invariants:
//   - Only programs with our name are replaced or removed. A NIC with a foreign XDP program keeps it.
//   - A filter outlives the process.
//   - The driver works in the calling thread's network namespace.
package tagfilter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// Config is what the driver must be told.
type Config struct {
	// Links is the cache of the host's links. It must be in the calling thread's network namespace.
	Links  *own.Links
	Logger *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindTagFilter.
type Driver struct {
	config   Config
	handle   *netlink.Handle
	listener *own.Listener

	mu    sync.Mutex
	cache map[string]filter // by device
}

// filter is what the cache holds of a device with a program of ours. It is comparable.
type filter struct {
	index   int
	hook    object.TagFilterHook
	strange string
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
	d := &Driver{config: c, handle: h, cache: map[string]filter{}}
	d.listener = c.Links.Listen(func(was, is own.Link) bool { return was.Name != is.Name || was.XDP != is.XDP })
	return d, nil
}

// Close closes the driver's socket. Watch must have returned before.
func (d *Driver) Close() error {
	d.listener.Close()
	d.handle.Close()
	return nil
}

// Name is "tagfilter".
func (d *Driver) Name() string { return "tagfilter" }

// Kinds is tag-filter.
func (d *Driver) Kinds() []object.Kind { return []object.Kind{object.KindTagFilter} }

// Sync reads which links have a program of ours.
func (d *Driver) Sync(ctx context.Context) error {
	if err := d.listener.Read(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.refresh(ctx)
	return err
}

// Observe returns the filters that the links have.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []object.Object
	for _, k := range keys {
		if f, ok := d.cache[k.Name]; ok {
			found = append(found, &object.TagFilter{Device: k.Name, Hook: f.hook, Strange: f.strange})
		}
	}
	return found, nil
}

// Ours lists the links with a program of ours.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := make([]object.Key, 0, len(d.cache))
	for device := range d.cache {
		keys = append(keys, object.Key{Kind: object.KindTagFilter, Name: device})
	}
	return keys, nil
}

// Apply attaches the desired programs and removes those that are not desired.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(changes))
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		} else if err := errors.Join(d.apply(c), d.listener.ReadLink(c.Key().Name)); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		}
	}
	if _, err := d.refresh(ctx); err != nil {
		for i, c := range changes {
			errs[i] = errors.Join(errs[i], fmt.Errorf("%s: read back: %w", c.Key(), err))
		}
	}
	return errs
}

func (d *Driver) apply(c object.Change) error {
	have, exists := d.config.Links.Named(c.Key().Name)
	if !exists && c.Op == object.Delete {
		return nil // the filter was removed with the device
	}
	if !exists {
		return errors.New("no such device")
	}
	link := deviceOf(have)
	want, _ := c.Desired.(*object.TagFilter)
	old, there := d.cache[c.Key().Name]
	if there && (want == nil || want.Hook != old.hook) {
		if err := d.detach(link, old.hook); err != nil {
			return err
		}
		there = false
	}
	if want == nil {
		return nil
	}
	p, err := load(want.Hook)
	if err != nil {
		return err
	}
	defer unix.Close(p.fd)
	return d.attach(link, want.Hook, p, there)
}

// attach attaches a program to the link. It never replaces a foreign XDP program.
func (d *Driver) attach(link netlink.Link, hook object.TagFilterHook, p program, replace bool) error {
	if hook == object.TagFilterXDP {
		flags := unix.XDP_FLAGS_SKB_MODE
		if !replace {
			flags |= unix.XDP_FLAGS_UPDATE_IF_NOEXIST
		}
		if err := netlink.LinkSetXdpFdWithFlags(link, p.fd, flags); errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("there is an XDP program of somebody else: tags of 802.1ad pass as long as it is there: %w", err)
		} else if err != nil {
			return fmt.Errorf("attach an XDP program: %w", err)
		}
		return nil
	}
	err := d.handle.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add a clsact qdisc: %w", err)
	}
	if err := d.handle.FilterReplace(tcFilter(link, p.fd)); err != nil {
		return fmt.Errorf("attach a BPF filter: %w", err)
	}
	return nil
}

// The position of our filter among the filters of a link. Foreign filters may run before it and decide.
const (
	tcHandle   = 0x5746
	tcPriority = 0x5746
)

func tcFilter(link netlink.Link, fd int) *netlink.BpfFilter {
	return &netlink.BpfFilter{Fd: fd, Name: programName, DirectAction: true, FilterAttrs: netlink.FilterAttrs{
		LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS, Handle: tcHandle, Priority: tcPriority, Protocol: unix.ETH_P_ALL}}
}

// detach removes a program of ours. The clsact qdisc stays, because others may have filters on it.
func (d *Driver) detach(link netlink.Link, hook object.TagFilterHook) error {
	var err error
	if hook == object.TagFilterXDP {
		err = netlink.LinkSetXdpFdWithFlags(link, -1, unix.XDP_FLAGS_SKB_MODE)
	} else {
		err = d.handle.FilterDel(tcFilter(link, 0))
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("detach a BPF program: %w", err)
	}
	return nil
}
