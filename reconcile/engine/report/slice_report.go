package report

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// Port is the report of a port, as far as the slice determines it.
func Port(s *desired.Slice, p *desired.Port) etcdschema.PortReport {
	r := etcdschema.PortReport{ID: p.Project + "/" + p.Name, Network: p.Network, MAC: p.MAC, Addresses: p.Addresses, State: p.State}
	if n := s.Networks[p.Network]; n != nil {
		r.SegmentationID, r.Physical = n.SegmentationID, n.PhysicalNetwork
	}
	return r
}

// Claimed is the claimed value that the node uses because of the item, and that nobody else must get; false when there is none.
func Claimed(s *desired.Slice, k desired.Key) (c etcdschema.ClaimedReport, ok bool) {
	switch k.Kind {
	case desired.KindHost:
		if s.Host == nil || s.Host.RouterMAC.IsZero() {
			return c, false
		}
		return etcdschema.ClaimedReport{For: "Host " + s.Host.Name, MAC: s.Host.RouterMAC}, true
	case desired.KindNetwork:
		n := s.Networks[k.UID]
		if n == nil || n.Gateway == nil || s.Host == nil {
			return c, false
		}
		c = etcdschema.ClaimedReport{For: "Host " + s.Host.Name, Owner: s.Host.UID, Network: n.UID}
		for _, p := range n.Gateway.Addresses {
			c.Addresses = append(c.Addresses, model.Address{Addr: p.Addr()})
		}
		return c, len(c.Addresses) > 0
	case desired.KindRouter:
		c = prefixesOf(s, s.Routers[k.UID])
		return c, len(c.Prefixes) > 0
	case desired.KindFloatingIP:
		f := s.FloatingIPs[k.UID]
		if f == nil {
			return c, false
		}
		return etcdschema.ClaimedReport{For: "FloatingIP " + f.Project + "/" + f.Name, Network: f.Network,
			Addresses: []model.Address{f.Address}}, true
	}
	return c, false
}

// prefixesOf is the report of a router's prefixes on an external network that routes IPv6: the prefixes of its legs.
func prefixesOf(s *desired.Slice, r *desired.Router) (c etcdschema.ClaimedReport) {
	if r == nil {
		return c
	}
	c = etcdschema.ClaimedReport{For: "Router " + r.Project + "/" + r.Name, Network: r.External}
	var gateway *desired.NodeGateway
	if n := s.Networks[r.External]; n != nil {
		gateway = n.Gateway
	}
	if r.Central != nil {
		gateway = r.Central.External
	}
	if gateway == nil || !gateway.RoutedIPv6 {
		return c
	}
	for _, leg := range r.Legs {
		for _, p := range leg.Addresses {
			if p.IsValid() && p.Addr().Is6() {
				c.Prefixes = append(c.Prefixes, p.Masked())
			}
		}
	}
	return c
}
