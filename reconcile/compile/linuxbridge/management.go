package linuxbridge

import (
	"weft/hostnet/object"
	"weft/reconcile/compile"
)

// addManagement keeps all guests from the prefixes of management networks: one element of port security for each prefix.
func addManagement(b *compile.Builder, s compile.Site) {
	all := &object.PortSecurityElements{OwnerUID: s.Host.UID, Name: object.PortSecurityForAll}
	for _, p := range s.Management() {
		set := object.PortSecurityManagement6
		if p.Addr().Is4() {
			set = object.PortSecurityManagement4
		}
		all.Elements = append(all.Elements, object.PortSecurityElement{Set: set, Block: p})
	}
	if len(all.Elements) > 0 {
		b.Add(all)
	}
}
