// Package bridge makes VLAN devices and bridges of the kernel, and manages the ports of those bridges.
//
// Invariants:
//   - Only devices with our alias and ports of bridges with our alias are changed or removed. The NIC below a VLAN device is not
//     touched.
//   - Links come from the one cache. A subscription keeps the static entries, so that no notification from before our own change
//     undoes it.
//   - Nothing is read from sysfs. So only the calling thread's network namespace matters.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	Links  *own.Links
	Logger *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindVLANDevice, KindLinuxBridge and KindBridgePort.
type Driver struct {
	config   Config
	handle   *netlink.Handle
	conn     *own.Conn
	listener *own.Listener
	feed     *own.Feed
	notify   func(object.Event)

	// Protected by the feed's lock.
	entries entries
	mine    *entry // the entry that the driver itself is changing
	heard   []int  // ports whose entries others changed since they were last reported
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
	d := &Driver{config: c, handle: h, conn: conn, entries: entries{}}
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

// Name is "bridge".
func (d *Driver) Name() string { return "bridge" }

// Kinds are vlan-device, linux-bridge and bridge-port.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindVLANDevice, object.KindLinuxBridge, object.KindBridgePort}
}

// Sync reads all links and the static entries of all forwarding tables.
func (d *Driver) Sync(ctx context.Context) error {
	return errors.Join(d.listener.Read(ctx), d.readEntries(ctx))
}

// look shows the present links and entries.
func (d *Driver) look(show func(cache)) {
	d.feed.Locked(func(bool) {
		d.config.Links.View(func(c own.Cache) { show(cache{c, d.entries}) })
	})
}

// Observe returns the devices with our alias, and the ports of our bridges.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	found := make([]object.Object, 0, len(keys))
	d.look(func(v cache) {
		for _, k := range keys {
			if o := v.object(k); o != nil {
				found = append(found, o)
			}
		}
	})
	return found, nil
}

// Ours lists the devices with our alias, and all ports of our bridges, whoever added them.
func (d *Driver) Ours(context.Context) (keys []object.Key, err error) {
	d.look(func(v cache) {
		for _, l := range v.All() {
			for _, k := range keysOf(l.Name) {
				if v.object(k) != nil {
					keys = append(keys, k)
				}
			}
		}
	})
	return keys, nil
}

// keysOf are the keys that a device of this name may have.
func keysOf(name string) []object.Key {
	return []object.Key{{Kind: object.KindVLANDevice, Name: name}, {Kind: object.KindLinuxBridge, Name: name},
		{Kind: object.KindBridgePort, Name: name}}
}
