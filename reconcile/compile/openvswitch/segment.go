package openvswitch

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// segment is how a network reaches its segment on the physical network.
type segment struct {
	number uint64
	// pending says why the network only reaches this host, or what its uplink waits for; empty when its uplink works.
	pending    string
	device     string // the uplink's netdev; empty for a network without one
	uplinkPort uint32
}

// segmentOf finds the uplink of a network's physical network.
func segmentOf(s compile.Site, n *desired.Network) segment {
	var w segment
	w.number, _ = compile.NetworkNumber(n.UID)
	for i, up := range s.Host.Uplinks {
		if up.PhysicalNetwork != n.PhysicalNetwork {
			continue
		}
		state := uplink(s, i)
		switch {
		case state.refused != "":
			w.pending = compile.OnlyLocal(state.refused)
		case state.missing:
			w.pending = compile.OnlyLocal(state.pending)
		default:
			w.device, w.uplinkPort = up.Interface, state.ofport
			if state.ofport == 0 {
				w.pending = state.pending
			}
		}
		return w
	}
	w.pending = compile.OnlyLocal(compile.NoUplink(n))
	return w
}

// arriving matches the network's frames on its uplink. Frames of a flat network have no tag, not even a priority tag.
func (w segment) arriving(n *desired.Network) object.Match {
	if n.Type == model.NetworkTypeFlat {
		return object.Match{InPort: w.uplinkPort, VLAN: object.VLANUntagged()}
	}
	return object.Match{InPort: w.uplinkPort, VLAN: object.VLANID(n.SegmentationID)}
}

// arrive continues with a frame from the uplink: without its tag, in table next.
func (w segment) arrive(n *desired.Network, next uint8) []object.Action {
	actions := []object.Action{object.SetMetadata{Value: w.number}, object.Goto{Table: next}}
	if n.Type == model.NetworkTypeFlat {
		return actions
	}
	return append([]object.Action{object.PopVLAN{}}, actions...)
}

// leave sends a frame to the uplink, with the network's tag if it has one.
func (w segment) leave(n *desired.Network) []object.Action {
	if n.Type == model.NetworkTypeFlat {
		return []object.Action{object.Output{Port: w.uplinkPort}}
	}
	return []object.Action{object.PushVLAN{ID: n.SegmentationID}, object.Output{Port: w.uplinkPort}}
}
