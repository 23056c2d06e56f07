package openvswitch

import (
	"fmt"
	"slices"

	"weft/model/desired"
	"weft/reconcile/compile"
)

// FailoverGate says whether the interfaces of a centralized router pass frames here.
func (Backend) FailoverGate(s compile.Site, r *desired.Router) compile.FailoverGate {
	return failoverGateOf(s, r).FailoverGate
}

// failoverGate is between a centralized router's interface and its network. The switch itself keeps it open while no host is heard
// that has precedence over this one, by the liveness of the BFD sessions. This works without Weft and without etcd.
type failoverGate struct {
	compile.FailoverGate
	// before are the OpenFlow ports of the sessions with the hosts that have precedence over this one.
	before []uint32
	// closed says why nothing may pass in either direction, whatever the sessions say. It is empty when the switch decides. The
	// failover gate stays closed until it is known which sessions can be relied on, so that a host that comes back does not send before
	// the others have stopped.
	closed string
}

// failoverGateOf says whether a centralized router's interfaces on this host may be opened.
func failoverGateOf(s compile.Site, r *desired.Router) failoverGate {
	var g failoverGate
	g.Active, g.Reason = true, "it comes before all hosts that are heard"
	var waits compile.Builder
	before := true
	for _, p := range r.Central.Peers {
		if p.Node == s.Host.Name {
			before = false
			continue
		}
		i, ok := s.Reader().Interface(SessionDevice(r.Central.Watch, p.Node))
		g.Met += fmt.Sprintf("%s %d;", p.Node, i.Session.Ups)
		switch ofport := usableOFPort(i); {
		case !ok || ofport == 0 || i.Bridge != s.Host.Bridge || !i.Session.Known:
			waits.Pend("waits for the BFD session with host %s", compile.Quote(p.Node))
		case !i.Session.Converged:
			waits.Pend("waits to know whether host %s is there", compile.Quote(p.Node))
		case before:
			g.before = append(g.before, ofport)
			if i.Session.Up && g.Active {
				g.Active, g.Reason = false, "host "+compile.Quote(p.Node)+" is heard, which comes before"
			}
		}
	}
	if g.closed = waits.Pending; g.closed != "" {
		g.Active, g.Reason = false, g.closed
	}
	return g
}

// centralInterface is one interface of a centralized router on a network, possibly its external one, with its OpenFlow port.
type centralInterface struct {
	ofport uint32
	gate   failoverGate
}

// centralInterfaces are the interfaces of centralized routers on a network whose failover gates are not closed, in the order of the
// routers' uids.
func centralInterfaces(s compile.Site, n *desired.Network) (interfaces []centralInterface) {
	uids := append(s.Reader().Sorted(compile.GroupRouterInterface, n.UID), s.Reader().Sorted(compile.GroupExternal, n.UID)...)
	slices.Sort(uids)
	for _, uid := range slices.Compact(uids) {
		r := s.CentralRouter(uid)
		if r == nil {
			continue
		}
		device := compile.RouterInterfaceDevice(uid, n.UID)
		if r.External == n.UID {
			device = compile.CentralGatewayDevice(uid, n.UID)
		}
		if ofport := interfacePort(s, device); ofport != 0 {
			if g := failoverGateOf(s, r); g.closed == "" {
				interfaces = append(interfaces, centralInterface{ofport, g})
			}
		}
	}
	return interfaces
}
