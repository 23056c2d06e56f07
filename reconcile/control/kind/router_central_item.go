package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// centralLacks says what a centralized router waits for before any host can have it, and the field that this concerns.
func centralLacks(s *cache.Reader, router *etcdschema.Accepted) (field, why string) {
	spec := router.Object.Spec.(*model.RouterSpec)
	project := router.Object.Metadata.Project
	if router.Allocated.MAC.IsZero() {
		return "spec.gateway", "waits for a MAC: no free one was found"
	}
	if x := externalOf(s, router); x != nil {
		if lack := lacking(x, externalAddresses(s, router.Object.ID(), x.UID)); lack != nil {
			return "spec.externalNetwork", fmt.Sprintf("waits for an address of its own in %s of %s: when none is free, add a subnet or an allocation pool", claim.CIDRs(lack), x.Object.ID())
		}
	}
	if len(router.Allocated.GatewayHosts) == 0 {
		return "spec.gateway", noGatewayHost(s, project, spec)
	}
	return "", ""
}

// resolveCentral completes the item of a centralized router, which has its interfaces already.
func resolveCentral(s *cache.Reader, router *etcdschema.Accepted, item *desired.Router) {
	g := &desired.CentralGateway{MAC: router.Allocated.MAC, Peers: []desired.GatewayPeer{}, Watch: item.Interfaces[0].Network}
	if x := externalOf(s, router); x != nil {
		item.External, g.Watch = x.UID, x.UID
		g.External = gatewayOn(x, externalAddresses(s, router.Object.ID(), x.UID))
	}
	for _, name := range router.Allocated.GatewayHosts {
		if h := s.Accepted(model.HostID(name)); h != nil && !h.Allocated.MAC.IsZero() {
			g.Peers = append(g.Peers, desired.GatewayPeer{Node: name, MAC: h.Allocated.MAC})
		}
	}
	giveSecrets(s, router.UID, g)
	item.Central = g
}

// centralMAC is the MAC of the centralized router that the network is on, as soon as some gateway host has the router. It is zero
// on nodes that lack the feature.
func centralMAC(s *cache.Reader, name, network string) model.MAC {
	router := routerOf(s, network)
	if router == nil || !isCentral(router) {
		return model.MAC{}
	}
	if _, lacks := s.Lacks(name, desired.FeatureRouter); lacks && !leads(s, name, network) {
		return model.MAC{}
	}
	key := desired.Key{Kind: desired.KindRouter, UID: router.UID}
	for _, host := range router.Allocated.GatewayHosts {
		if item, ok := cache.ValueOf[*desired.Router](s.Item(host, key)); ok && item.Central != nil && hasInterface(item, network) {
			return item.Central.MAC
		}
	}
	return model.MAC{}
}
