package openvswitch

import (
	"weft/model/desired"
	"weft/reconcile/compile"
)

// wire is the connection of a network to its segment.
type wire struct {
	number uint64
	// pending says why the network only reaches this host, or what its uplink waits for; empty when its uplink works.
	pending    string
	device     string // the uplink's netdev; empty for a network without one
	uplinkPort uint32
}

// wireOf finds the uplink of a network's physical network.
func wireOf(s compile.Site, n *desired.Network) wire {
	var w wire
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
