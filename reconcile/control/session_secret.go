package control

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// newSecret is 256 random bits, in hexadecimal.
func newSecret() string {
	b := make([]byte, sha256.Size)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// gatewaySecret is the secret from which a gateway host's session secrets are made: the one that this incarnation has, or a new
// one. It is no claim, because two equal ones would harm nobody.
func (p *planner) gatewaySecret(previous, next *etcdschema.Accepted) string {
	s, ok := next.Object.Spec.(*model.HostSpec)
	if !ok || next.Allocated.MAC.IsZero() || !slices.Contains(s.Roles, model.RoleGateway) {
		return ""
	}
	if previous != nil && previous.UID == next.UID && previous.GatewaySecret != "" {
		return previous.GatewaySecret
	}
	return p.settings.NewSecret()
}

// sessionSecret is the secret in a gateway host's BFD packets on a network. It is the same for all routers on the host. Nobody can
// compute it from that of another network or from the network's uid.
func sessionSecret(host *etcdschema.Accepted, network string) string {
	h := hmac.New(sha256.New, []byte(host.GatewaySecret))
	h.Write([]byte("bfd\x00" + network))
	return hex.EncodeToString(h.Sum(nil)[:desired.SessionSecretSize])
}

// giveSecrets gives every peer of a centralized router its secret, if all of them support secrets.
func (s *reader) giveSecrets(router string, g *desired.CentralGateway) {
	for _, peer := range g.Peers {
		if s.accepted(hostID(peer.Node)).GatewaySecret == "" || !s.knowsSecrets(peer.Node, router) {
			return
		}
	}
	for i, peer := range g.Peers {
		g.Peers[i].Secret = sessionSecret(s.accepted(hostID(peer.Node)), g.Watch)
	}
}

// knowsSecrets says whether a node supports secrets. A node without a report keeps what it has, because its dataplane continues to
// use it.
func (s *reader) knowsSecrets(name, router string) bool {
	if _, lacks := s.lacks(name, desired.FeatureSessionSecret); s.cache.node(name).report != nil {
		return !lacks
	}
	item, _ := entryValue[*desired.Router](s.item(name, desired.Key{Kind: desired.KindRouter, UID: router}))
	return item != nil && item.Central != nil && slices.ContainsFunc(item.Central.Peers, func(p desired.GatewayPeer) bool { return p.Secret != "" })
}
