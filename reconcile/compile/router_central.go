package compile

import (
	"encoding/hex"
	"fmt"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

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
	case len(g.Peers) > 1 && g.Watch != r.External &&
		!slices.ContainsFunc(r.Interfaces, func(l desired.RouterInterface) bool { return l.Network == g.Watch }):
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

// routerMAC is the source MAC of a router's interfaces.
func routerMAC(r *desired.Router) object.MAC {
	if r.Central != nil {
		return object.MAC(r.Central.MAC)
	}
	return object.GatewayMAC
}
