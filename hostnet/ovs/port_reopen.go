package ovs

import (
	"context"
	"fmt"
	"math/rand/v2"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// reopen makes the switch open the devices again of those changed ports whose device it has lost.
//
// If the requested OpenFlow port number of a port changes, OVS closes the port and opens it under the new number (OVS,
// vswitchd/bridge.c, bridge_delete_or_reconfigure_ports). The row stays, with everything that the one who plugged the port wrote
// there. Then the request is restored. No other change of a row has this effect: a changed MTU, queue or affinity does not touch
// the socket, and removing and adding a port in one transaction does nothing.
func (d *Driver) reopen(ctx context.Context, db *database, changes []dbChange) error {
	lost := d.lostPorts(db.read(), changes)
	if len(lost) == 0 {
		return nil
	}
	var number, back []ovsdb.Operation
	taken := map[int]bool{}
	for _, p := range db.read().ports() {
		for _, n := range []*int{p.iface.OFPort, p.iface.OFPortRequest} {
			if n != nil {
				taken[*n] = true
			}
		}
	}
	for _, p := range lost {
		n := freeNumber(taken)
		d.cfg.Log.Info("open vswitch: opening a port's device anew", "port", p.port.Name, "bridge", p.bridge.Name, "why", d.attachment(p))
		number = append(number, requestNumber(p, &n))
		back = append(back, requestNumber(p, p.iface.OFPortRequest))
	}
	for _, ops := range [][]ovsdb.Operation{number, back} {
		cfg, err := db.Commit(ctx, ops, true)
		if err != nil {
			return fmt.Errorf("opening the device again: %w", err)
		}
		if err := db.AwaitCarriedOut(ctx, cfg); err != nil {
			return fmt.Errorf("opening the device again: ovs-vswitchd has not done it: %w", err)
		}
	}
	return nil
}

// lostPorts are the ports on our bridges that are to be changed and whose device the switch has lost.
func (d *Driver) lostPorts(r *rows, changes []dbChange) (lost []portRecord) {
	for _, c := range changes {
		var bridge string
		switch o := c.change.Desired.(type) {
		case *object.OVSPort:
			bridge = o.Bridge
		case *object.Uplink:
			bridge = o.Bridge
		default:
			continue
		}
		p, there := r.port(c.change.Key().Name)
		if _, err := r.ownBridge(bridge); err != nil || !there || p.bridge.Name != bridge {
			continue
		}
		if d.attachment(p) != "" {
			lost = append(lost, p)
		}
	}
	return lost
}

// The numbers for ports that are opened again. The switch itself counts from 1. These numbers are far from that range, because
// there may still be flows for the number of a port that was just removed.
const (
	firstNumber = 0x8000
	lastNumber  = 0xfeff // OFPP_MAX - 1 (OpenFlow 1.0)
)

// freeNumber draws a number that is not taken, and marks it as taken. A bridge has far fewer ports than there are numbers.
func freeNumber(taken map[int]bool) int {
	for {
		if n := firstNumber + rand.IntN(lastNumber-firstNumber+1); !taken[n] {
			taken[n] = true
			return n
		}
	}
}

// requestNumber asks for an OpenFlow port number. nil means any number.
func requestNumber(p portRecord, number *int) ovsdb.Operation {
	set := ovsdb.EmptySet()
	if number != nil {
		set = ovsdb.SetOf(*number)
	}
	return ovsdb.Update(ovsdb.TableInterface, ovsdb.WhereUUID(p.iface.UUID), ovsdb.Columns{"ofport_request": set})
}
