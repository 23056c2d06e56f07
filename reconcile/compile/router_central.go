package compile

import (
	"encoding/hex"
	"fmt"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Gate is between a centralized router's legs on this host and their networks. Frames pass only while the router is active here.
type Gate struct {
	// GatewayRole is the router's role, as far as it is known here.
	GatewayRole
	// Met says how often this host has met each of the others. It changes when a host is heard again, which may have opened its own
	// gate meanwhile, and not when one falls silent.
	Met string
}

// openGate is that of a distributed router, which is active on every host.
func openGate() Gate { return Gate{GatewayRole: GatewayRole{Active: true}} }

// CentralRouter finds a centralized router that can be wired on this host; nil when there is none.
func (s Site) CentralRouter(uid string) *desired.Router {
	r := s.read.Router(uid)
	if r == nil || r.Central == nil || routerFault(r) != "" || centralFault(s.Host, r) != "" {
		return nil
	}
	return r
}

// centralFault says why a centralized router cannot be wired on this host; empty when it can.
func centralFault(h *desired.Host, r *desired.Router) string {
	g := r.Central
	nodes := map[string]bool{}
	for _, p := range g.Peers {
		if p.Node == "" || nodes[p.Node] || !unicast(object.MAC(p.MAC)) {
			return fmt.Sprintf("gateway host %s is listed twice or has no MAC", Quote(p.Node))
		}
		if !validSecret(p.Secret) {
			return fmt.Sprintf("gateway host %s has a session secret that is not %d bytes in hexadecimal", Quote(p.Node), desired.SessionSecretSize)
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

// validSecret says that a session secret is empty or of the right size.
func validSecret(secret string) bool {
	b, err := hex.DecodeString(secret)
	return secret == "" || err == nil && len(b) == desired.SessionSecretSize
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
