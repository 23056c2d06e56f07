package portsecurity

import (
	"errors"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The sets that the rules fill. Their elements are state: they are neither desired nor compared.
const (
	setClaimed = "claimed" // device, link-local address: the guest uses it
	setTaken   = "taken"   // bridge, link-local address: some guest there uses it
	setRate    = "rate"    // device: how many addresses its guest may still claim
	setLimited = "limited" // device: its guest tried to claim more than it may
	// setRejected counts what was rejected of a device's guest, by the mark that says why (object.RejectReason).
	setRejected = "rejected"

	setForeign = "foreign" // map: device → source MAC of the first frame that was not from the guest's own MAC
)

// forget removes what the rules noted of guests whose device is not a guest's any more, so that the next guest there starts anew.
// All notes also expire, so an error is only logged.
func (d *Driver) forget(deltas []delta) {
	bridges := map[string]string{} // by device
	for _, x := range deltas {
		device, bridge := x.guestGone()
		if device != "" {
			bridges[device] = bridge
		}
	}
	if len(bridges) == 0 {
		return
	}
	d.told.forget(bridges)
	for _, set := range []string{setClaimed, setRate, setLimited, setForeign, setRejected} {
		elements, err := d.noted(set)
		if err != nil {
			d.config.Logger.Warn("cannot delete set elements of removed guests: they stay until they expire", "set", set, "error", err)
			continue
		}
		elements = slices.DeleteFunc(elements, func(e nftables.SetElement) bool {
			_, gone := bridges[deviceOfKey(e.Key)]
			return !gone
		})
		d.drop(set, elements)
		if set == setClaimed {
			d.drop(setTaken, takenBy(elements, bridges))
		}
	}
}

// guestGone is the device that is not a guest's any more, and its bridge.
func (x delta) guestGone() (device, bridge string) {
	for _, m := range x.del {
		switch m.Set {
		case object.PortSecurityGuests:
			device = m.Interface
		case object.PortSecurityLocal:
			bridge = m.Interface
		}
	}
	return device, bridge
}

// takenBy are the elements of taken that belong to elements of claimed.
func takenBy(claimed []nftables.SetElement, bridges map[string]string) []nftables.SetElement {
	var taken []nftables.SetElement
	for _, e := range claimed {
		m, err := decode(object.PortSecurityIPv6, e)
		if err != nil {
			continue
		}
		m.Interface = bridges[m.Interface]
		if t, err := encode("", m); err == nil {
			taken = append(taken, t)
		}
	}
	return taken
}

// maxDropped bounds the elements of one message.
const maxDropped = 500

// drop removes elements together. If that fails, it removes each alone, because some may have expired meanwhile.
func (d *Driver) drop(set string, elements []nftables.SetElement) {
	for part := range slices.Chunk(elements, maxDropped) {
		err := d.delete(set, part)
		for i := range part {
			if err == nil {
				break
			}
			if one := d.delete(set, part[i:i+1]); one != nil && !errors.Is(one, unix.ENOENT) {
				d.config.Logger.Warn("cannot delete set elements of a removed guest: they stay until they expire", "set", set, "error", one)
			}
		}
	}
}

func (d *Driver) delete(set string, elements []nftables.SetElement) error {
	keys := make([]nftables.SetElement, 0, len(elements))
	for _, e := range elements {
		keys = append(keys, nftables.SetElement{Key: e.Key})
	}
	if err := d.conn.SetDeleteElements(d.handle(set), keys); err != nil {
		return err
	}
	return d.conn.Flush()
}
