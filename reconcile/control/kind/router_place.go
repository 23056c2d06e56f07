package kind

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// placeRouter starts the router's items on every node that has it, must have it, or has guests of its networks.
func placeRouter(p *Placement) error {
	router := p.accepted
	s := router.Object.Spec.(*model.RouterSpec)
	key := desired.Key{Kind: desired.KindRouter, UID: router.UID}
	names := p.Cache.PlacedOn(key)
	names = append(names, p.Schedule.ReasonNodes(router.UID)...)
	names = append(names, router.Allocated.GatewayHosts...)
	for _, id := range s.NetworkIDs(router.Object.Metadata.Project) {
		if n := p.Cache.Accepted(id); n != nil {
			names = append(names, p.Cache.PlacedOn(desired.Key{Kind: desired.KindNetwork, UID: n.UID})...)
		}
	}
	for _, name := range names {
		p.Schedule.Begin(cache.ItemWork(name, key))
	}
	if isCentral(router) {
		gateways(p.Reader)
		if field, why := centralLacks(p.Reader, router); why != "" {
			p.Pending(field, why)
		}
	}
	if x := externalOf(p.Reader, router); x != nil {
		physical := x.Object.Spec.(*model.NetworkSpec).PhysicalNetwork
		if !p.Has(mappedNetworks, "", physical) {
			p.Pending("spec.externalNetwork",
				fmt.Sprintf("no host has an interface on physical network %s, which carries %s: map it in spec.physicalNetworks of the hosts",
					physical, x.Object.ID()))
		}
	}
	return nil
}

// beginRouters starts the items of every router that concerns the node.
func beginRouters(e *Evaluation, name string) {
	for uid := range e.Cache.Members(GuestNetworks, name) {
		beginRouter(e, name, uid)
	}
	for uid := range e.Cache.Members(routersOn, name) {
		e.Schedule.Begin(cache.ItemWork(name, desired.Key{Kind: desired.KindRouter, UID: uid}))
	}
}

// beginRouter starts the item of a network's router on a node.
func beginRouter(e *Evaluation, name, network string) {
	if router := routerIn(e.Cache, network); router != nil {
		e.Schedule.Begin(cache.ItemWork(name, desired.Key{Kind: desired.KindRouter, UID: router.UID}))
	}
}

// wantsRouter says that the router belongs on the node: a centralized one on its gateway hosts, a distributed one on the nodes that
// have guests of its networks.
func wantsRouter(s *cache.Reader, name string, router *etcdschema.Accepted) bool {
	switch router.Object.Spec.(*model.RouterSpec).Mode() {
	case model.GatewayCentralized:
		return slices.Contains(router.Allocated.GatewayHosts, name)
	case model.GatewayDistributed:
		return guestsOf(s, name, router)
	}
	return false
}

// guestsOf says that the node has guests of the router's networks.
func guestsOf(s *cache.Reader, name string, router *etcdschema.Accepted) bool {
	spec := router.Object.Spec.(*model.RouterSpec)
	for _, id := range spec.NetworkIDs(router.Object.Metadata.Project) {
		if a := s.Accepted(id); a != nil && s.Has(GuestNetworks, name, a.UID) && routerOf(s, a.UID) == router {
			return true
		}
	}
	return false
}

// unroutable says why the host cannot have the distributed router; empty when it can.
func unroutable(s *cache.Reader, name string, host *model.HostSpec, router *etcdschema.Accepted) string {
	spec := router.Object.Spec.(*model.RouterSpec)
	if spec.Mode() != model.GatewayDistributed {
		return "has gateway " + string(spec.Mode())
	}
	if f, lacks := s.Lacks(name, routerFeatures(s, spec, router.Object.Metadata.Project, desired.FeatureRouter)...); lacks {
		return fmt.Sprintf("needs feature %s, which host %s does not have: upgrade weftd there", f, name)
	}
	if why := unmapped(s, host, spec, router.Object.Metadata.Project); why != "" {
		return fmt.Sprintf("host %s %s", name, why)
	}
	return ""
}

// untold says why guests on the node are not told of a centralized router; empty when they are told or there are none.
func untold(s *cache.Reader, name string, router *etcdschema.Accepted) string {
	if !isCentral(router) {
		return ""
	}
	if f, lacks := s.Lacks(name, desired.FeatureRouter); lacks && guestsOf(s, name, router) {
		return fmt.Sprintf("guests on host %s have no gateway: needs feature %s, which the host does not have: upgrade weftd there", name, f)
	}
	return ""
}

// beginNeighbors starts the neighbours of a router's networks on a node, if they have not been evaluated there. Later changes they
// notice by their own reads.
func beginNeighbors(e *Evaluation, name string, router *desired.Router) {
	if router == nil {
		return
	}
	for _, one := range router.Interfaces {
		e.Schedule.Begin(cache.ItemWork(name, neighborsKey(one.Network, 0)))
	}
}
