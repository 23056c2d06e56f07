package control

import (
	"fmt"
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// gatewaySight names what centralized routers look at: which hosts can have them.
const gatewaySight = "gateways"

// centralLacks says what a centralized router waits for before any host can have it, and of which field.
func (c *Cache) centralLacks(router *etcdschema.Accepted) (field, why string) {
	s := router.Object.Spec.(*model.RouterSpec)
	project := router.Object.Metadata.Project
	if router.Allocated.MAC.IsZero() {
		return "spec.gateway", "waits for a MAC: no free one was found"
	}
	if x := c.externalOf(router); x != nil {
		if lack := lacking(x, c.externalAddresses(router.Object.ID(), x.UID)); lack != nil {
			return "spec.externalNetwork", fmt.Sprintf("waits for an address of its own in %s of %s: when none is free, add a subnet or an allocation pool", cidrs(lack), x.Object.ID())
		}
	}
	if len(router.Allocated.GatewayHosts) == 0 {
		return "spec.gateway", c.noGatewayHost(project, s)
	}
	return "", ""
}

// lacking are the subnets of a family of which none of the addresses is; nil when there is one of each family.
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

// resolveCentral completes a centralized router's item; its legs are there already.
func (c *Cache) resolveCentral(router *etcdschema.Accepted, item *desired.Router) {
	g := &desired.CentralGateway{MAC: router.Allocated.MAC, Peers: []desired.GatewayPeer{}, Watch: item.Legs[0].Network}
	if x := c.externalOf(router); x != nil {
		item.External, g.Watch = x.UID, x.UID
		g.External = gatewayOn(x, c.externalAddresses(router.Object.ID(), x.UID))
	}
	for _, name := range router.Allocated.GatewayHosts {
		if h := c.accepted[hostID(name)]; h != nil && !h.Allocated.MAC.IsZero() {
			g.Peers = append(g.Peers, desired.GatewayPeer{Node: name, MAC: h.Allocated.MAC})
		}
	}
	c.giveSecrets(router.UID, g)
	item.Central = g
}

// centralMAC is the MAC of the centralized router that the network is on, once some gateway host has the router; zero on
// nodes that would make nothing of it.
func (c *Cache) centralMAC(name, network string) model.MAC {
	router := c.routerOf(network)
	if router == nil || !isCentral(router) {
		return model.MAC{}
	}
	if _, lacks := c.node(name).lacks(desired.FeatureRouter); lacks && c.node(name).legs[network] == 0 {
		return model.MAC{}
	}
	key := desired.Key{Kind: desired.KindRouter, UID: router.UID}
	for _, host := range router.Allocated.GatewayHosts {
		if item, ok := entryValue[*desired.Router](c.node(host).items[key]); ok && item.Central != nil && hasLeg(item, network) {
			return item.Central.MAC
		}
	}
	return model.MAC{}
}

// wakeCentral looks at the networks of a centralized router on all nodes, when what their guests are told of it changes.
func (p *planner) wakeCentral(was, is *desired.Router) {
	before, after := centralLegs(was), centralLegs(is)
	for _, legs := range []map[string]model.MAC{before, after} {
		for uid := range legs {
			if a := p.cache.accepted[p.cache.ids[uid]]; a != nil && before[uid] != after[uid] {
				p.wakeItems(a)
			}
		}
	}
}

// centralLegs are the networks on a centralized router with its MAC; none of any other router.
func centralLegs(item *desired.Router) map[string]model.MAC {
	legs := map[string]model.MAC{}
	if item != nil && item.Central != nil {
		for _, leg := range item.Legs {
			legs[leg.Network] = item.Central.MAC
		}
	}
	return legs
}

// wakeGateways looks at the centralized routers after a change of a host that has, or had, the role.
func (p *planner) wakeGateways(old, now *etcdschema.Accepted) {
	for _, h := range []*etcdschema.Accepted{old, now} {
		if h == nil || !slices.Contains(h.Object.Spec.(*model.HostSpec).Roles, model.RoleGateway) {
			continue
		}
		if old == nil || now == nil || old.Allocated.MAC != now.Allocated.MAC || old.GatewaySecret != now.GatewaySecret || !reflect.DeepEqual(old.Object.Spec, now.Object.Spec) {
			p.wakeSeen(gatewaySight)
			return
		}
	}
}

func hasLeg(item *desired.Router, network string) bool {
	return slices.ContainsFunc(item.Legs, func(l desired.RouterLeg) bool { return l.Network == network })
}
