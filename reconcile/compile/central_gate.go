package compile

import (
	"fmt"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Gate is between a centralized router's leg and its network. The switch itself keeps it open while no host is heard that has
// precedence over this one, by the liveness of the BFD sessions. This works without Weft and without etcd.
type Gate struct {
	// Before are the OpenFlow ports of the sessions with the hosts that have precedence over this one.
	Before []uint32
	// Closed says why nothing may pass in either direction, whatever the sessions say. It is empty when the switch decides. The
	// gate stays closed until it is known which sessions can be relied on, so that a host that comes back does not send before the
	// others have stopped.
	Closed string
	// Active says that the gate is open, as far as it is known here. Reason says why it is or is not.
	Active bool
	Reason string
	// Met says how often this host has met each of the others. It changes when a host is heard again, which may have opened its own
	// gate meanwhile, and not when one falls silent.
	Met string
}

// gate says whether a centralized router's legs on this host may be opened.
func (c Compiler) gate(h *desired.Host, r *desired.Router) Gate {
	g := Gate{Active: true, Reason: "it comes before all hosts that are heard"}
	before := true
	for _, p := range r.Central.Peers {
		if p.Node == h.Name {
			before = false
			continue
		}
		i, ok := c.read.Interface(SessionDevice(r.Central.Watch, p.Node))
		g.Met += fmt.Sprintf("%s %d;", p.Node, i.Session.Ups)
		switch ofport := usableOFPort(i); {
		case !ok || ofport == 0 || i.Bridge != h.Bridge || !i.Session.Known:
			g.Closed = joinReason(g.Closed, "waits for the BFD session with host "+quote(p.Node))
		case !i.Session.Settled:
			g.Closed = joinReason(g.Closed, "waits to know whether host "+quote(p.Node)+" is there")
		case before:
			g.Before = append(g.Before, ofport)
			if i.Session.Up && g.Active {
				g.Active, g.Reason = false, "host "+quote(p.Node)+" is heard, which comes before"
			}
		}
	}
	if g.Closed != "" {
		g.Active, g.Reason = false, g.Closed
	}
	return g
}

// centralFault says why a centralized router cannot be wired on this host; empty when it can.
func centralFault(h *desired.Host, r *desired.Router) string {
	g := r.Central
	nodes := map[string]bool{}
	for _, p := range g.Peers {
		if p.Node == "" || nodes[p.Node] || !unicast(object.MAC(p.MAC)) {
			return fmt.Sprintf("gateway host %s is listed twice or has no MAC", quote(p.Node))
		}
		if p.Secret != "" && markOf(p.Secret) == wellKnownMark() {
			return fmt.Sprintf("gateway host %s has a session secret that is not %d bytes in hexadecimal", quote(p.Node), desired.SessionSecretSize)
		}
		nodes[p.Node] = true
	}
	switch {
	case len(g.Peers) > desired.MaxGatewayPeers:
		return fmt.Sprintf("more than %d gateway hosts", desired.MaxGatewayPeers)
	case !nodes[h.Name]:
		return "this host is not among its gateway hosts"
	case !unicast(object.MAC(g.MAC)) || object.MAC(g.MAC) == object.ServerMAC || object.MAC(g.MAC) == object.GatewayMAC:
		return "its MAC " + g.MAC.String() + " is reserved or no unicast address"
	case len(g.Peers) > 1 && g.Watch != r.External && !slices.ContainsFunc(r.Legs, func(l desired.RouterLeg) bool { return l.Network == g.Watch }):
		return "the network on which its hosts watch each other is none of its own"
	}
	return ""
}

func unicast(m object.MAC) bool { return m != object.MAC{} && m[0]&1 == 0 }

// routerMAC is the source MAC of a router's legs.
func routerMAC(r *desired.Router) object.MAC {
	if r.Central != nil {
		return object.MAC(r.Central.MAC)
	}
	return object.GatewayMAC
}

// networkRouterMAC is the MAC of the router of which a network's guests are told in IPv6; false when they are told of none.
func (c Compiler) networkRouterMAC(n *desired.Network) (m object.MAC, ok bool) {
	if n.CentralMAC.IsZero() {
		return object.MAC{}, c.hasGateway6(n.UID)
	}
	for _, s := range n.Subnets {
		if s.Gateway.Is6() {
			return object.MAC(n.CentralMAC), true
		}
	}
	return object.MAC{}, false
}

// centralLeg is one leg of a centralized router on a network, possibly its external one, with its OpenFlow port.
type centralLeg struct {
	ofport uint32
	gate   Gate
}

// centralLegs are the legs of centralized routers on a network whose gates are not closed, in the order of the routers' uids.
func (s Site) centralLegs(n *desired.Network) (legs []centralLeg) {
	uids := append(s.read.Sorted(GroupLeg, n.UID), s.read.Sorted(GroupExternal, n.UID)...)
	slices.Sort(uids)
	for _, uid := range slices.Compact(uids) {
		r := s.read.Router(uid)
		if r == nil || r.Central == nil || routerFault(r) != "" || centralFault(s.Host, r) != "" {
			continue
		}
		device := LegDevice(uid, n.UID)
		if r.External == n.UID {
			device = CentralLegDevice(uid, n.UID)
		}
		if ofport := s.legPort(device); ofport != 0 {
			if g := s.gate(s.Host, r); g.Closed == "" {
				legs = append(legs, centralLeg{ofport, g})
			}
		}
	}
	return legs
}
