package kind

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// gatewaySecret is the secret from which a gateway host's session secrets are made: the one that this incarnation has, or a new
// one. It is no claim, because two equal ones would harm nobody.
func gatewaySecret(settings *claim.Settings, previous, next *etcdschema.Accepted) string {
	s, ok := next.Object.Spec.(*model.HostSpec)
	if !ok || next.Allocated.MAC.IsZero() || !slices.Contains(s.Roles, model.RoleGateway) {
		return ""
	}
	if previous != nil && previous.UID == next.UID && previous.GatewaySecret != "" {
		return previous.GatewaySecret
	}
	return settings.NewSecret()
}

// sessionSecret is the secret in a gateway host's BFD packets on a network. It is the same for all routers on the host. Nobody can
// compute it from that of another network or from the network's uid.
func sessionSecret(host *etcdschema.Accepted, network string) string {
	h := hmac.New(sha256.New, []byte(host.GatewaySecret))
	h.Write([]byte("bfd\x00" + network))
	return hex.EncodeToString(h.Sum(nil)[:desired.SessionSecretSize])
}

// giveSecrets gives every peer of a centralized router its secret, if all of them support secrets.
func giveSecrets(s *cache.Reader, router string, g *desired.CentralGateway) {
	for _, peer := range g.Peers {
		if s.Accepted(model.HostID(peer.Node)).GatewaySecret == "" || !knowsSecrets(s, peer.Node, router) {
			return
		}
	}
	for i, peer := range g.Peers {
		g.Peers[i].Secret = sessionSecret(s.Accepted(model.HostID(peer.Node)), g.Watch)
	}
}

// knowsSecrets says whether a node supports secrets. A node without a report keeps what it has, because its dataplane continues to
// use it.
func knowsSecrets(s *cache.Reader, name, router string) bool {
	if _, lacks := s.Lacks(name, desired.FeatureSessionSecret); s.Cache.NodeReport(name) != nil {
		return !lacks
	}
	item, _ := cache.ValueOf[*desired.Router](s.Item(name, desired.Key{Kind: desired.KindRouter, UID: router}))
	return item != nil && item.Central != nil && slices.ContainsFunc(item.Central.Peers, func(p desired.GatewayPeer) bool { return p.Secret != "" })
}
