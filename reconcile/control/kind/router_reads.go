package kind

import (
	"net/netip"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

func isCentral(router *etcdschema.Accepted) bool {
	return router.Object.Spec.(*model.RouterSpec).Mode() == model.GatewayCentralized
}

func hasInterface(item *desired.Router, network string) bool {
	return slices.ContainsFunc(item.Interfaces, func(l desired.RouterInterface) bool { return l.Network == network })
}

// lacking returns the subnets of a family in which there is none of the addresses; nil when each family has one.
func lacking(x *etcdschema.Accepted, own []model.Address) []model.Subnet {
	for _, v6 := range []bool{false, true} {
		subnets := claim.SubnetsOf(x.Object.Spec.(*model.NetworkSpec), v6)
		has := slices.ContainsFunc(own, func(a model.Address) bool {
			return slices.ContainsFunc(subnets, func(s model.Subnet) bool { return s.CIDR.Contains(a.Addr) })
		})
		if len(subnets) > 0 && !has {
			return subnets
		}
	}
	return nil
}

// routerOf is the accepted router that the network is on; nil when it is on none.
func routerOf(s *cache.Reader, network string) *etcdschema.Accepted {
	cl, ok := s.Claim(etcdschema.RouterNetworkClaim(network))
	if !ok {
		return nil
	}
	if owner := s.WithUID(cl.Owner); owner != nil {
		s.Accepted(owner.Object.ID())
	}
	return routerIn(s.Cache, network)
}

// routerIn is routerOf without a record of the read.
func routerIn(c *cache.Cache, network string) *etcdschema.Accepted {
	cl, ok := c.Claim(etcdschema.RouterNetworkClaim(network))
	if !ok {
		return nil
	}
	a := c.WithUID(cl.Owner)
	if a == nil {
		return nil
	}
	if _, is := a.Object.Spec.(*model.RouterSpec); !is {
		return nil
	}
	return a
}

// externalOf is the router's external network; nil when it has none, or none that is accepted.
func externalOf(s *cache.Reader, router *etcdschema.Accepted) *etcdschema.Accepted {
	spec := router.Object.Spec.(*model.RouterSpec)
	if spec.ExternalNetwork == "" {
		return nil
	}
	x := s.Accepted(spec.ExternalID(router.Object.Metadata.Project))
	if x == nil || x.Object.Spec.(*model.NetworkSpec).External == nil {
		return nil
	}
	return x
}

// externalAddresses are what the host or router has on the external network.
func externalAddresses(s *cache.Reader, id model.ID, network string) []model.Address {
	s.Accepted(id)
	return addressesOn(s.Cache, id, network)
}

// addressesOn is externalAddresses without a record of the read.
func addressesOn(c *cache.Cache, id model.ID, network string) []model.Address {
	a := c.Accepted(id)
	if a == nil {
		return nil
	}
	for _, x := range a.Allocated.External {
		if x.UID == network {
			return x.Addresses
		}
	}
	return nil
}

// prefixIn is the address with the prefix length of its subnet, and this subnet.
func prefixIn(s *model.NetworkSpec, a model.Address) (netip.Prefix, model.Subnet, bool) {
	i := s.SubnetOf(a)
	if i < 0 {
		return netip.Prefix{}, model.Subnet{}, false
	}
	return netip.PrefixFrom(a.Addr, s.Subnets[i].CIDR.Bits()), s.Subnets[i], true
}

// gatewayOn is the gateway on an external network for the owner of these addresses there.
func gatewayOn(network *etcdschema.Accepted, own []model.Address) *desired.NodeGateway {
	s := network.Object.Spec.(*model.NetworkSpec)
	g := &desired.NodeGateway{Addresses: []netip.Prefix{}, RoutedIPv6: s.External.Mode() == model.ExternalIPv6Routed,
		ConnectionLimits: s.External.ConnectionLimits}
	for _, a := range own {
		if p, sub, ok := prefixIn(s, a); ok {
			g.Addresses = append(g.Addresses, p)
			g.NextHops = append(g.NextHops, sub.Gateway)
		}
	}
	return g
}
