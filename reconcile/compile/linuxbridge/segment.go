package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// segment is how a network reaches its segment on the physical network.
type segment struct {
	nic    string // empty: it has none
	port   string // the port of the network's bridge that leads there: its VLAN device, or the NIC itself
	silent bool   // the host's own stack is kept off the NIC
	// pending says why the network only reaches this host, or what is wrong with its NIC; empty when nothing is.
	pending string
}

// segmentOf finds the NIC of a network's physical network.
func segmentOf(s compile.Site, n *desired.Network) segment {
	for i, up := range s.Host.Uplinks {
		if up.PhysicalNetwork != n.PhysicalNetwork {
			continue
		}
		if why, _ := uplinkFault(s, i); why != "" {
			return segment{pending: compile.OnlyLocal(why)}
		}
		if n.Type == model.NetworkTypeFlat {
			return flatSegment(s, n, up)
		}
		return segment{nic: up.Interface, port: VLANName(n.UID)}
	}
	return segment{pending: compile.OnlyLocal(compile.NoUplink(n))}
}

// flatSegment is the segment of a flat network. The NIC becomes a port of the network's bridge, and what is on the NIC no longer works
// then. Therefore a NIC that carries an address, the default route or the route to etcd is refused. A NIC that is in the bridge already
// stays there, whatever was added to it later: to remove it would disconnect the guests.
func flatSegment(s compile.Site, n *desired.Network, up desired.Uplink) segment {
	link, _ := s.Reader().Link(up.Interface)
	joined := link.Master == BridgeName(n.UID)
	link.Master = "" // a bridge of ours: uplinkFault has looked
	carries, name := compile.Carries(link), compile.UplinkName(up)
	switch {
	case carries != "" && !joined:
		return segment{pending: compile.OnlyLocal(name + " " + carries + ": a flat network needs a NIC of its own")}
	case carries != "":
		return segment{nic: up.Interface, port: up.Interface, pending: name + " is in use by guests but " + carries}
	}
	return segment{nic: up.Interface, port: up.Interface, silent: true}
}

// addUplink makes the segment's end on this host a port of the network's bridge, after elements, by which port security knows it. For a
// network in a VLAN this end is a VLAN device. The kernel gives tagged frames to the NIC's VLAN devices before the NIC's bridge sees
// them (vlan_do_receive in net/core/dev.c). What is tagged otherwise reaches the bridge, and port security drops it there.
func addUplink(b *compile.Builder, n *desired.Network, w segment, elements *object.PortSecurityElements) {
	after := []object.Key{{Kind: object.KindLink, Name: w.nic}, {Kind: object.KindPortSecurityUplink, Name: w.nic}}
	port := &object.BridgePort{OwnerUID: n.UID, Device: w.port, Bridge: BridgeName(n.UID), After: []object.Key{elements.Key()}}
	if n.Type == model.NetworkTypeFlat {
		if w.silent {
			after = append(after, b.Silence(n.UID, w.nic))
		}
		port.After = append(port.After, after...)
	} else {
		device := &object.VLANDevice{OwnerUID: n.UID, Name: w.port, Parent: w.nic, ID: n.SegmentationID, MTU: n.MTU,
			After: append(after, b.Silence(n.UID, w.port))}
		b.Add(device)
		port.After = append(port.After, device.Key())
	}
	b.Add(port)
}
