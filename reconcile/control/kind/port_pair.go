package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// claimPairs claims what a port's allowed address pairs name. The port's MAC is known already, and its addresses are not: none is chosen out
// of its pairs.
func claimPairs(a *claim.Allocation, s *model.PortSpec, network *etcdschema.Accepted) {
	for i, p := range s.AllowedAddressPairs {
		at := fmt.Sprintf("spec.allowedAddressPairs[%d]", i)
		a.RequestPair(at+".address", network, p.Address)
		switch isolates := network.Object.Spec.(*model.NetworkSpec).IsolateGuests; {
		case p.MAC.IsZero() || p.MAC == a.Result.MAC:
		case recognisable(a, p.MAC):
			a.Invalid(at+".mac", fmt.Sprintf("%s begins with %s, as MACs do that Weft chooses for guests and routers: use another one, or leave it out for the port's own %s",
				p.MAC, prefixes(a), a.Result.MAC))
		case isolates:
			a.Invalid(at+".mac", fmt.Sprintf("%s does not begin with %s: the network isolates its guests, and hosts recognise them by that; leave it out for the port's own %s",
				p.MAC, prefixes(a), a.Result.MAC))
		default:
			a.RequestPairMAC(at+".mac", p.MAC)
		}
	}
}

// usablePairs are the pairs of a port that its hosts are told: those that it has claimed on the present incarnation of its network, and of
// which no other object has an address. Two replicas that claim at the same time can give an address of a pair away.
func usablePairs(p *Placement, network *etcdschema.Accepted) (out []desired.AddressPair) {
	acc := p.accepted
	spec := acc.Object.Spec.(*model.PortSpec)
	if len(spec.AllowedAddressPairs) == 0 {
		return nil
	}
	p.Reader.PairUse(acc.UID)
	for i, pair := range spec.AllowedAddressPairs {
		k := etcdschema.AddressPairClaim(network.UID, pair.Address.Prefix, acc.UID)
		if !p.Reader.Owns(acc.UID, k) {
			p.Pending(fmt.Sprintf("spec.allowedAddressPairs[%d]", i), fmt.Sprintf("is used nowhere: %s is not its own on the present incarnation of the network", k))
			continue
		}
		if addr, owner, taken := claim.TakenOf(p.Cache, network.UID, pair.Address, acc.UID); taken {
			p.Pending(fmt.Sprintf("spec.allowedAddressPairs[%d]", i), fmt.Sprintf("is used nowhere: address %s of it belongs to %s", addr, owner))
			continue
		}
		one := desired.AddressPair{Address: pair.Address, MAC: pair.MAC}
		if one.MAC.IsZero() {
			one.MAC = acc.Allocated.MAC
		}
		out = append(out, one)
	}
	return out
}

// pairsOn says that a node must be told that ports of the network have allowed address pairs.
func pairsOn(s *cache.Reader, name, network string) bool {
	if s.Pairs(network).Empty() {
		return false
	}
	_, lacks := s.Lacks(name, desired.FeatureAddressPairs)
	return !lacks
}

// macsOf are the MACs of a port, and those of its allowed address pairs.
func macsOf(port *etcdschema.Accepted) []model.MAC {
	list := []model.MAC{port.Allocated.MAC}
	for _, p := range port.Object.Spec.(*model.PortSpec).AllowedAddressPairs {
		if !p.MAC.IsZero() {
			list = append(list, p.MAC)
		}
	}
	return list
}
