package dhcp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// declineStands is how long a decline is reported after the guest's last one. A client whose address is taken asks and declines
// again within minutes.
const declineStands = 10 * time.Minute

// Driver is the driver of object.KindDHCPBinding. The embedded driver serves. Driver remembers which guests declined an address,
// and which asked for more than fits.
type Driver struct {
	*packetsocket.PortDriver
	now func() time.Time

	mu       sync.Mutex
	declined map[string]decline   // by device
	omitted  map[string]omissions // by device
	news     []object.Key         // declined or left out since Watch last reported
	woken    chan struct{}        // holds one token if there is news
}

// decline is the last decline of a guest.
type decline struct {
	owner   string // uid of the port
	address netip.Addr
	at      time.Time
	told    time.Time // when the engine was last told; a guest that declines without end must not cause work without end
}

// New makes the driver. It serves nothing yet. open opens the transports of ports; for netdevs it is Exchange.Open. Close ends
// the driver.
func New(open packetsocket.Opener, log *slog.Logger) *Driver {
	d := &Driver{now: time.Now, declined: map[string]decline{}, omitted: map[string]omissions{}, woken: make(chan struct{}, 1)}
	d.PortDriver = packetsocket.NewPortDriver(packetsocket.PortConfig{
		Name: "dhcp", Kind: object.KindDHCPBinding, Open: open, Service: d.service, Logger: log,
	})
	return d
}

// hear remembers that the guest of the binding declined an address of its own. Other addresses are ignored.
func (d *Driver) hear(b *object.DHCPBinding, address netip.Addr) {
	if !assigned(b, address) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	last, now := d.declined[b.Device], d.now()
	told := last.owner == b.OwnerUID && last.address == address && now.Sub(last.told) < noteInterval
	if told {
		last.at = now
		d.declined[b.Device] = last
		return
	}
	d.declined[b.Device] = decline{b.OwnerUID, address, now, now}
	d.tell(b.Key())
}

// tell makes Watch report that the object's warnings have changed. The lock is held.
func (d *Driver) tell(key object.Key) {
	d.news = append(d.news, key)
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// assigned says that the address is one of the port's.
func assigned(b *object.DHCPBinding, address netip.Addr) bool {
	if _, ok := leaseOf(b, address); ok {
		return true
	}
	for _, a := range b.V6 {
		if a == address {
			return true
		}
	}
	return false
}

// Warnings implements the engine's Warner.
func (d *Driver) Warnings(desired object.Object) []object.Warning {
	b, ok := desired.(*object.DHCPBinding)
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return append(d.declineWarnings(b), d.omissionWarnings(b)...)
}

func (d *Driver) declineWarnings(b *object.DHCPBinding) []object.Warning {
	last, has := d.declined[b.Device]
	if !has || last.owner != b.OwnerUID || d.now().Sub(last.at) > declineStands || !assigned(b, last.address) {
		return nil
	}
	return []object.Warning{{Reason: object.WarnAddressDeclined, Message: fmt.Sprintf(
		"the guest with MAC %s declined %s at %s: another machine on the network uses the address; find it and take the address from it",
		b.MAC, last.address, last.at.UTC().Format(time.RFC3339))}}
}

// Apply starts, changes and ends servers. A new device belongs to a guest that has not sent anything yet.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	d.mu.Lock()
	for _, c := range changes {
		if c.Op != object.Update {
			delete(d.declined, c.Key().Name)
			delete(d.omitted, c.Key().Name)
		}
	}
	d.mu.Unlock()
	return d.PortDriver.Apply(ctx, changes)
}

// Watch also reports guests that declined an address, and guests that asked for more than fits.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	return d.WatchAlso(ctx, notify, d.woken, d.takeNews)
}

func (d *Driver) takeNews() []object.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.news
	d.news = nil
	return news
}
