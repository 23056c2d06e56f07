package linuxbridge

import (
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// pairElements are what port security must know of a guest's allowed address pairs. A block within another one with the same MAC adds
// nothing, and the kernel's sets do not hold both.
func pairElements(device string, p *desired.Port) (list []object.PortSecurityElement) {
	for _, mac := range compile.PairMACs(p) {
		list = append(list, object.PortSecurityElement{Set: object.PortSecurityPairMACs, Interface: device, MAC: mac})
	}
	for _, pair := range p.AddressPairs {
		e := object.PortSecurityElement{Set: object.PortSecurityPairs6, Interface: device, MAC: object.MAC(pair.MAC), Block: pair.Address.Prefix}
		if pair.Address.Addr().Is4() {
			e.Set = object.PortSecurityPairs4
		}
		within := slices.ContainsFunc(p.AddressPairs, func(o desired.AddressPair) bool {
			return o.MAC == pair.MAC && o.Address.Bits() < pair.Address.Bits() && o.Address.Contains(pair.Address.Addr())
		})
		if !within && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list
}
