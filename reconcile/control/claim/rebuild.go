package claim

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

// Rebuild lists, by key, the claims that nodes use according to their reports and that etcd does not have. After a restore
// they prevent that values in use are given out again. When nodes contradict each other, an owner that etcd knows has precedence
// over one that only a node knows. gateway says whether a node may report centralized routers.
func (c *Claimer) Rebuild(gateway func(node string) bool) map[etcdschema.Key]etcdschema.Claim {
	missing := map[etcdschema.Key]etcdschema.Claim{}
	add := func(k etcdschema.Key, owner, name string) {
		if _, claimed := c.Cache.Claim(k); claimed {
			return
		}
		_, known := c.Cache.ID(owner)
		if other, twice := missing[k]; twice {
			if _, otherKnown := c.Cache.ID(other.Owner); otherKnown || !known {
				return
			}
		}
		missing[k] = etcdschema.Claim{Owner: owner, State: etcdschema.ClaimBound, Since: c.Settings.now(), For: name}
	}
	for _, name := range slices.Sorted(c.Cache.NodeNames()) {
		n := c.Cache.Node(name)
		for _, b := range n.Buckets {
			for uid, port := range b.Ports {
				portClaims(uid, port, add)
			}
			for uid, g := range b.Gateways {
				if gateway(name) {
					gatewayClaims(uid, g, add)
				}
			}
			for uid, r := range b.Claimed {
				if c.mayClaim(name, r.OwnerOf(uid), r) {
					otherClaims(r.OwnerOf(uid), r, add)
				}
			}
		}
	}
	return missing
}

// mayClaim says that the node may report this claim: a floating address, the prefixes behind a router, or the host's own values. A
// host gets back only its own claims, so that no node speaks for another one.
func (c *Claimer) mayClaim(name, owner string, r etcdschema.ClaimedReport) bool {
	id, known := c.Cache.ID(owner)
	if host := model.HostID(name); known && id.Kind == host.Kind || strings.HasPrefix(r.For, string(host.Kind)+" ") {
		return r.For == host.String() && (!known || id == host)
	}
	if !known {
		return true
	}
	reported := c.Kinds[id.Kind].Reported
	return reported != nil && reported(r)
}

func portClaims(uid string, port etcdschema.PortReport, add func(k etcdschema.Key, owner, name string)) {
	if !isUID(uid) || !isUID(port.Network) || len(port.ID) > cache.MaxReportedName {
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
	if port.Physical != "" { // without a VLAN id it is a flat network's
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

// maxReportedOwner bounds what a report says of an owner: a kind and project/name.
const maxReportedOwner = len("FloatingIP ") + cache.MaxReportedName

// maxOwnAddresses bounds an owner's addresses on one network: one of each family.
const maxOwnAddresses = 2

// isUID says that the text is a uid as controllers make them.
func isUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
