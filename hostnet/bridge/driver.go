// Package bridge makes VLAN devices and bridges of the kernel, and looks after the ports of those bridges.
//
// Invariants: only devices with our alias, and ports of bridges with our alias, are ever changed or removed; the NIC below a
// VLAN device is not touched; the view is kept by one netlink subscription; nothing is read from sysfs, so that the
// network namespace of the calling thread is the only one seen.
package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// requestTimeout bounds every exchange with the kernel.
const requestTimeout = 10 * time.Second

// Config is what the driver must be told.
type Config struct {
	Logger *slog.Logger // slog.Default when nil
}

// Driver implements the engine's driver for object.KindVLANDevice, KindLinuxBridge and KindBridgePort.
type Driver struct {
	config Config
	handle *netlink.Handle
	socket map[int]*nl.SocketHandle

	mu   sync.Mutex
	view *view
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
	s, err := nl.GetNetlinkSocketAt(-1, -1, unix.NETLINK_ROUTE)
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("open a netlink route socket: %w", err)
	}
	d := &Driver{config: c, handle: h, socket: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}, view: newView()}
	timeout := unix.NsecToTimeval(requestTimeout.Nanoseconds())
	for _, set := range []func() error{
		func() error { return h.SetSocketTimeout(requestTimeout) },
		func() error { return s.SetReceiveTimeout(&timeout) },
		func() error { return s.SetSendTimeout(&timeout) },
	} {
		if err := set(); err != nil {
			_ = d.Close()
			return nil, fmt.Errorf("set the timeout of the netlink socket: %w", err)
		}
	}
	return d, nil
}

// Close closes the driver's sockets. Watch must have returned before.
func (d *Driver) Close() error {
	d.handle.Close()
	for _, s := range d.socket {
		s.Close()
	}
	return nil
}

// Name is "bridge".
func (d *Driver) Name() string { return "bridge" }

// Kinds are vlan-device, linux-bridge and bridge-port.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindVLANDevice, object.KindLinuxBridge, object.KindBridgePort}
}

// Sync reads all links and the static entries of all forwarding tables.
func (d *Driver) Sync(ctx context.Context) error {
	fresh, err := d.read(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view = fresh
	return nil
}

// Observe returns the devices with our alias, and the ports of our bridges.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make([]object.Object, 0, len(keys))
	for _, k := range keys {
		if o := d.view.object(k); o != nil {
			found = append(found, o)
		}
	}
	return found, nil
}

// Ours lists the devices with our alias, and all ports of our bridges, whoever put them there.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var keys []object.Key
	for _, l := range d.view.links {
		for _, k := range keysOf(l.name) {
			if d.view.object(k) != nil {
				keys = append(keys, k)
			}
		}
	}
	return keys, nil
}

// keysOf are the keys that a device of the name can stand for.
func keysOf(name string) []object.Key {
	return []object.Key{{Kind: object.KindVLANDevice, Name: name}, {Kind: object.KindLinuxBridge, Name: name},
		{Kind: object.KindBridgePort, Name: name}}
}
