package control

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// centralLacks says what a centralized router waits for before any host can have it, and the field that this concerns.
func (s *reader) centralLacks(router *etcdschema.Accepted) (field, why string) {
	spec := router.Object.Spec.(*model.RouterSpec)
	project := router.Object.Metadata.Project
	if router.Allocated.MAC.IsZero() {
		return "spec.gateway", "waits for a MAC: no free one was found"
	}
	if x := s.externalOf(router); x != nil {
		if lack := lacking(x, s.externalAddresses(router.Object.ID(), x.UID)); lack != nil {
			return "spec.externalNetwork", fmt.Sprintf("waits for an address of its own in %s of %s: when none is free, add a subnet or an allocation pool", cidrs(lack), x.Object.ID())
		}
	}
	if len(router.Allocated.GatewayHosts) == 0 {
		return "spec.gateway", s.noGatewayHost(project, spec)
	}
	return "", ""
}

// lacking returns the subnets of a family in which there is none of the addresses; nil when each family has one.
func lacking(x *etcdschema.Accepted, own []model.Address) []model.Subnet {
	for _, v6 := range []bool{false, true} {
		subnets := subnetsOf(x.Object.Spec.(*model.NetworkSpec), v6)
		has := slices.ContainsFunc(own, func(a model.Address) bool {
			return slices.ContainsFunc(subnets, func(s model.Subnet) bool { return s.CIDR.Contains(a.Addr) })
		})
		if len(subnets) > 0 && !has {
			return subnets
		}
	}
	return nil
}

// resolveCentral completes the item of a centralized router, which has its legs already.
func (s *reader) resolveCentral(router *etcdschema.Accepted, item *desired.Router) {
	g := &desired.CentralGateway{MAC: router.Allocated.MAC, Peers: []desired.GatewayPeer{}, Watch: item.Legs[0].Network}
	if x := s.externalOf(router); x != nil {
		item.External, g.Watch = x.UID, x.UID
		g.External = gatewayOn(x, s.externalAddresses(router.Object.ID(), x.UID))
	}
	for _, name := range router.Allocated.GatewayHosts {
		if h := s.accepted(hostID(name)); h != nil && !h.Allocated.MAC.IsZero() {
			g.Peers = append(g.Peers, desired.GatewayPeer{Node: name, MAC: h.Allocated.MAC})
		}
	}
	s.giveSecrets(router.UID, g)
	item.Central = g
}

// centralMAC is the MAC of the centralized router that the network is on, as soon as some gateway host has the router. It is zero
// on nodes that lack the feature.
func (s *reader) centralMAC(name, network string) model.MAC {
	router := s.routerOf(network)
	if router == nil || !isCentral(router) {
		return model.MAC{}
	}
	if _, lacks := s.lacks(name, desired.FeatureRouter); lacks && !s.leads(name, network) {
		return model.MAC{}
	}
	key := desired.Key{Kind: desired.KindRouter, UID: router.UID}
	for _, host := range router.Allocated.GatewayHosts {
		if item, ok := entryValue[*desired.Router](s.item(host, key)); ok && item.Central != nil && hasLeg(item, network) {
			return item.Central.MAC
		}
	}
	return model.MAC{}
}

func hasLeg(item *desired.Router, network string) bool {
	return slices.ContainsFunc(item.Legs, func(l desired.RouterLeg) bool { return l.Network == network })
}
