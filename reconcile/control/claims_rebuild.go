package control

import (
	"github.com/google/uuid"

	"weft/etcdschema"
)

// rebuildClaims lists the claims that stand behind what nodes report and that etcd does not have, by key: after a
// restore they keep what guests use from being given out again.
func (p *planner) rebuildClaims() map[etcdschema.Key]etcdschema.Claim {
	missing := map[etcdschema.Key]etcdschema.Claim{}
	add := func(k etcdschema.Key, owner, name string) {
		if _, claimed := p.cache.claim(k); !claimed {
			missing[k] = etcdschema.Claim{Owner: owner, State: etcdschema.ClaimBound, Since: p.now(), For: name}
		}
	}
	for _, n := range p.cache.nodes {
		for _, b := range n.buckets {
			for uid, port := range b.Ports {
				portClaims(uid, port, add)
			}
			for uid, g := range b.Gateways {
				gatewayClaims(uid, g, add)
			}
		}
	}
	return missing
}

func portClaims(uid string, port etcdschema.PortReport, add func(k etcdschema.Key, owner, name string)) {
	if !isUID(uid) || !isUID(port.Network) || len(port.ID) > maxReportedName {
		return // no controller has ever desired that: it would only become a key of somebody's making
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
	if !isUID(uid) || len(g.ID) > maxReportedName || len(g.Addresses) > maxGatewayAddresses {
		return
	}
	name := "Router " + g.ID
	if !g.MAC.IsZero() {
		add(etcdschema.MACClaim(g.MAC), uid, name)
	}
	for _, a := range g.Addresses {
		if a.IsValid() && isUID(g.External) {
			add(etcdschema.AddressClaim(g.External, a), uid, name)
		}
	}
}

// maxReportedName bounds project/name in a report: two DNS labels.
const maxReportedName = 127

// maxGatewayAddresses bounds a router's own addresses: one of each family.
const maxGatewayAddresses = 2

// isUID says that a node's report names an incarnation as controllers do.
func isUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
