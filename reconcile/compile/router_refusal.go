package compile

import (
	"net/netip"
	"slices"

	"weft/model/desired"
)

// Bounds on the size of one item on a host.
const (
	maxInterfaces = 64
	maxNeighbors  = 1000
	maxForwards   = 1000
)

// maxUID bounds the uid of an item that has a name in the file system.
const maxUID = 64

// routerFault says why a router cannot be wired anywhere; empty when it can.
func routerFault(r *desired.Router) string {
	switch {
	case uidFault(r.UID) != "":
		return "uid " + Quote(r.UID) + " " + uidFault(r.UID)
	case r.External != "" && uidFault(r.External) != "":
		return "external network " + Quote(r.External) + " " + uidFault(r.External)
	case len(r.Interfaces) > maxInterfaces:
		return "more than 64 networks"
	case rateLimitsFault(r.Limits) != "":
		return rateLimitsFault(r.Limits)
	}
	for i, iface := range r.Interfaces {
		switch {
		case slices.ContainsFunc(r.Interfaces[:i], func(o desired.RouterInterface) bool { return o.Network == iface.Network }):
			return "network " + Quote(iface.Network) + " is listed twice"
		case iface.Network == r.External:
			return "network " + Quote(iface.Network) + " is its external network too"
		}
	}
	return ""
}

// uidFault says why a text is no uid. Only uids become parts of file names.
func uidFault(uid string) string {
	if uid == "" || len(uid) > maxUID {
		return "is empty or longer than 64 bytes"
	}
	for _, c := range []byte(uid) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' {
			return "holds a byte that no uid has"
		}
	}
	return ""
}

// interfaceFault says why a router cannot have its addresses on a network; empty when it can.
func interfaceFault(n *desired.Network, iface desired.RouterInterface) string {
	if len(iface.Addresses) == 0 || len(iface.Addresses) > maxSubnets {
		return "the router has no address there, or more than 64"
	}
	return prefixesFault(n, iface.Addresses)
}

// prefixesFault says which of our addresses is in no subnet of the network; empty when all are.
func prefixesFault(n *desired.Network, prefixes []netip.Prefix) string {
	for _, p := range prefixes {
		if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			return "address " + Quote(p.String()) + " is not in canonical form"
		}
		if s, ok := subnetOf(n, p.Addr()); !ok || s.CIDR.Bits() != p.Bits() {
			return "address " + p.String() + " is in no subnet of the network"
		}
	}
	return ""
}
