package compile

import (
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// minManagementBits is the length of the largest prefix of a management network, as in the model.
const minManagementBits = 8

// Management are the prefixes of management networks from which this host keeps its guests: those that are declared and have no fault.
func (s Site) Management() []netip.Prefix { return usableManagement(s.Host, nil) }

// usableManagement are the declared prefixes without a fault. refuse, if there is one, is told of each of the others.
func usableManagement(h *desired.Host, refuse func(format string, args ...any)) (usable []netip.Prefix) {
	for _, p := range h.ManagementCIDRs {
		why := managementFault(p.Prefix)
		switch {
		case why != "":
		case slices.ContainsFunc(usable, p.Overlaps):
			why = "overlaps another one"
		case len(usable) == model.MaxManagementPrefixes:
			why = "is one too many"
		default:
			usable = append(usable, p.Prefix)
			continue
		}
		if refuse != nil {
			refuse("prefix %s of a management network %s: guests are not kept from it", p, why)
		}
	}
	return usable
}

// managementFault says why a prefix cannot be closed; empty when it can. What guests and routers need among themselves stays open.
func managementFault(p netip.Prefix) string {
	if !p.IsValid() || p.Addr().Is4In6() || p != p.Masked() {
		return "is not in canonical form"
	}
	if p.Bits() < minManagementBits {
		return "is too large"
	}
	for _, block := range []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/3"),
		netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"), object.TransitV6,
	} {
		if block.Overlaps(p) {
			return "touches " + block.String()
		}
	}
	return ""
}

// managementInterface says that the device is the host's own, on a management network.
func managementInterface(h *desired.Host, device string) bool {
	return slices.Contains(h.ManagementInterfaces, device)
}
