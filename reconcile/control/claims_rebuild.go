package control

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"weft/etcdschema"
	"weft/model"
)

// rebuildClaims lists, by key, the claims that nodes use according to their reports and that etcd does not have. After a restore
// they prevent that values in use are given out again. When nodes contradict each other, an owner that etcd knows has precedence
// over one that only a node knows.
func (p *planner) rebuildClaims() map[etcdschema.Key]etcdschema.Claim {
	missing := map[etcdschema.Key]etcdschema.Claim{}
	add := func(k etcdschema.Key, owner, name string) {
		if _, claimed := p.cache.claim(k); claimed {
			return
		}
		_, known := p.cache.ids[owner]
		if other, twice := missing[k]; twice {
			if _, otherKnown := p.cache.ids[other.Owner]; otherKnown || !known {
				return
			}
		}
		missing[k] = etcdschema.Claim{Owner: owner, State: etcdschema.ClaimBound, Since: p.now(), For: name}
	}
	for _, name := range slices.Sorted(maps.Keys(p.cache.nodes)) {
		n := p.cache.nodes[name]
		for _, b := range n.buckets {
			for uid, port := range b.Ports {
				portClaims(uid, port, add)
			}
			for uid, g := range b.Gateways {
				if p.cache.mayBeGateway(name) {
					gatewayClaims(uid, g, add)
				}
			}
			for uid, c := range b.Claimed {
				if p.cache.mayClaim(name, c.OwnerOf(uid), c) {
					otherClaims(c.OwnerOf(uid), c, add)
				}
			}
		}
	}
	return missing
}

// mayBeGateway says that centralized routers may be on the node: it is a gateway host, or no host of its name is accepted.
func (c *Cache) mayBeGateway(name string) bool {
	_, gateway := c.gateways[name]
	return gateway || c.accepted[hostID(name)] == nil
}

// mayClaim says that the node may report this claim: a floating address, the prefixes behind a router, or the host's own values. A
// host gets back only its own claims, so that no node speaks for another one.
func (c *Cache) mayClaim(name, owner string, r etcdschema.ClaimedReport) bool {
	id, known := c.ids[owner]
	if host := hostID(name); known && id.Kind == host.Kind || strings.HasPrefix(r.For, string(host.Kind)+" ") {
		return r.For == host.String() && (!known || id == host)
	}
	if !known {
		return true
	}
	reported := c.kinds.object(id.Kind).reported
	return reported != nil && reported(r)
}

func portClaims(uid string, port etcdschema.PortReport, add func(k etcdschema.Key, owner, name string)) {
	if !isUID(uid) || !isUID(port.Network) || len(port.ID) > maxReportedName {
		return // no controller has written such a port: the node must not choose keys
	}
	name := "Port " + port.ID
	if !port.MAC.IsZero() {
		add(etcdschema.MACClaim(port.MAC), uid, name)
	}
	for _, a := range port.Addresses {
		if a.IsValid() {
			add(etcdschema.AddressClaim(port.Network, a), uid, name)
		}
	}
	if port.SegmentationID != 0 && port.Physical != "" {
		add(etcdschema.SegmentClaim(port.Physical, port.SegmentationID), port.Network, "the network of "+name)
	}
}

func gatewayClaims(uid string, g etcdschema.GatewayReport, add func(k etcdschema.Key, owner, name string)) {
	otherClaims(uid, etcdschema.ClaimedReport{For: "Router " + g.ID, Network: g.External, MAC: g.MAC, Addresses: g.Addresses}, add)
}

// otherClaims are the claims of a router, a host or a floating address: a MAC, prefixes, and an address of each family on one
// network.
func otherClaims(owner string, c etcdschema.ClaimedReport, add func(k etcdschema.Key, owner, name string)) {
	if !isUID(owner) || len(c.For) > maxReportedOwner || len(c.Addresses) > maxOwnAddresses || len(c.Prefixes) > model.MaxRouterPrefixes {
		return
	}
	if !c.MAC.IsZero() {
		add(etcdschema.MACClaim(c.MAC), owner, c.For)
	}
	for _, p := range c.Prefixes {
		if p.IsValid() && p.Addr().Is6() && isUID(c.Network) {
			add(etcdschema.RoutedPrefixClaim(c.Network, p), owner, c.For)
		}
	}
	for _, a := range c.Addresses {
		if a.IsValid() && isUID(c.Network) {
			add(etcdschema.AddressClaim(c.Network, a), owner, c.For)
		}
	}
}

// maxReportedName bounds project/name in a report: two DNS labels.
const maxReportedName = 127

// maxReportedOwner bounds what a report says of an owner: a kind and project/name.
const maxReportedOwner = len("FloatingIP ") + maxReportedName

// maxOwnAddresses bounds an owner's addresses on one network: one of each family.
const maxOwnAddresses = 2

// isUID says that the text is a uid as controllers make them.
func isUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
