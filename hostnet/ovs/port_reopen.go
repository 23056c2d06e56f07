package ovs

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"weft/hostnet/object"
)

// attachment says what is wrong with the switch's hold on a port's device. Ports without a device of the kernel's that the switch
// opens by its name, and those that it has not opened at all, which is told otherwise, have nothing wrong.
func (d *Driver) attachment(p portView) object.Attachment {
	if !p.system() || p.iface.OFPort == nil || *p.iface.OFPort < 1 {
		return ""
	}
	return d.devices.attachment(p.iface.Name, p.bridge.DatapathType == userspaceDatapath)
}

// userspaceDatapath is the datapath_type of bridges whose packets ovs-vswitchd itself forwards.
const userspaceDatapath = "netdev"

// system says that the interface is a netdev that somebody else made.
func (p portView) system() bool {
	return !p.local() && (p.iface.Type == "" || p.iface.Type == "system")
}

// reopen makes the switch open the devices again of those ports that are to be changed and that it has lost.
//
// A port whose requested OpenFlow port number is another one is closed and opened anew, under that number (OVS, vswitchd/bridge.c,
// bridge_delete_or_reconfigure_ports): its row stays, and with it everything that whoever plugged it wrote there. The request is
// then put back as it was. Nothing else that a row can say does it: a changed MTU, queue or affinity leaves the socket as it is,
// and a port that is taken off and put back in one transaction was never away.
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
		t := newDBChanges(db.read())
		t.ops, t.carried = ops, true
		cfg, err := db.commit(ctx, t.finish(), true)
		if err != nil {
			return fmt.Errorf("opening the device again: %w", err)
		}
		if err := db.await(ctx, func() bool { return db.root().CurCfg >= cfg }); err != nil {
			return fmt.Errorf("opening the device again: ovs-vswitchd has not done it: %w", err)
		}
	}
	return nil
}

// lostPorts are the ports on our bridges that are to be changed and whose device the switch has lost.
func (d *Driver) lostPorts(r *rows, changes []dbChange) (lost []portView) {
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

// The numbers that ports are opened anew with: the switch itself counts from 1, so these are far from those that a port had which has
// just gone, and flows of it may still be there.
const (
	firstNumber = 0x8000
	lastNumber  = 0xfeff // OFPP_MAX - 1 (OpenFlow 1.0)
)

// freeNumber draws one that is not taken, and takes it. A bridge has far fewer ports than there are numbers.
func freeNumber(taken map[int]bool) int {
	for {
		if n := firstNumber + rand.IntN(lastNumber-firstNumber+1); !taken[n] {
			taken[n] = true
			return n
		}
	}
}

// requestNumber asks for an OpenFlow port number; nil for any.
func requestNumber(p portView, number *int) ovsdb.Operation {
	set := ovsdb.OvsSet{GoSet: []any{}}
	if number != nil {
		set.GoSet = append(set.GoSet, *number)
	}
	return ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: tableInterface, Where: whereUUID(p.iface.UUID), Row: ovsdb.Row{"ofport_request": set}}
}
