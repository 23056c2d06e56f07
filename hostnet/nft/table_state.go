package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// tableComment is the text in the table's user data: the owner, and which rules are in the table.
func tableComment(t *object.NATTable, version string) string {
	return fmt.Sprintf("weft %s %s %d/%d/%d %s", t.Role, version, t.Limits.Connections, t.Limits.PerDestination, t.Limits.PerSecond,
		t.OwnerUID)
}

// table is the namespace's NAT table. If somebody changed its rules, the role says so. The rules are compared by their digest,
// which the seal keeps as the kernel showed it right after the rules were written.
func (v *cache) table(namespace string, versions *versions) (*object.NATTable, bool) {
	if !v.exists {
		return nil, false
	}
	t := &object.NATTable{Namespace: namespace}
	words := strings.SplitN(v.comment, " ", 5)
	if len(words) != 5 || words[0] != "weft" {
		t.Role = "unknown"
		return t, true
	}
	t.Role, t.OwnerUID = object.NATRole(words[1]), words[4]
	if _, err := fmt.Sscanf(words[3], "%d/%d/%d", &t.Limits.Connections, &t.Limits.PerDestination, &t.Limits.PerSecond); err != nil {
		t.Limits = object.NATLimits{}
	}
	var outside, seals []string
	var sources []netip.Addr
	var ends []element
	rates := map[string]element{}
	for e := range v.small {
		switch e.set {
		case setOutside:
			outside = append(outside, unix.ByteSliceToString([]byte(e.key)))
		case setRouted:
			if e == routedElement(setsOf(netip.IPv6Unspecified())) {
				t.RoutedIPv6 = true
			} else {
				outside = append(outside, "(alien routed family)")
			}
		case setSeal:
			seals = append(seals, e.key)
		case ingress.rateSet(""), ingress.overSet(""), egress.rateSet(""), egress.overSet(""):
			if _, second := rates[e.set]; second {
				e.value = unknownLimit
			}
			rates[e.set] = e
		case "management4", "management6":
			ends = append(ends, e)
		case "source4", "source6":
			if a := readAddress(e.value); sourceElement(a) == e {
				sources = append(sources, a)
			} else {
				outside = append(outside, "(alien source)")
			}
		}
	}
	management, ok := managementOf(ends)
	if t.Management = management; !ok {
		outside = append(outside, "(alien management network)")
	}
	slices.Sort(outside)
	t.Outside = strings.Join(outside, ",")
	slices.SortFunc(sources, netip.Addr.Compare)
	t.Sources = sources
	t.Rates = object.RateLimits{Ingress: routerRate(ingress, rates, t.Outside), Egress: routerRate(egress, rates, t.Outside)}
	switch {
	case words[2] != versions.of(ruleKey{t.Role, t.Limits}):
		t.Role += ", rules of another version"
	case len(seals) != 1 || seals[0] != v.digest:
		t.Role += ", rules changed by somebody else"
	}
	return t, true
}

// routerRate is a router's limit in a direction, from the elements of both sets.
func routerRate(d direction, elements map[string]element, outside string) object.RateLimit {
	rate, limited := elements[d.rateSet("")]
	over, counted := elements[d.overSet("")]
	key := outsideElement(outside).key
	switch {
	case !limited && !counted:
		return object.RateLimit{}
	case rate.key != key || over.key != key || over.value != "":
		return strangeRate
	}
	return readRate(rate.value)
}

// sound says whether the table has the desired rules, independent of its elements.
func (v *cache) sound(want *object.NATTable, versions *versions) bool {
	have, ok := v.table(want.Namespace, versions)
	return ok && have.Role == want.Role && have.OwnerUID == want.OwnerUID && have.Limits == want.Limits
}

// hostElements are the desired elements of the namespace's own sets, without the seal.
func hostElements(t *object.NATTable) map[element]bool {
	all := map[element]bool{outsideElement(t.Outside): true}
	for _, a := range t.Sources {
		all[sourceElement(a)] = true
	}
	for _, p := range t.Management {
		for _, e := range managementElements(p) {
			all[e] = true
		}
	}
	for _, e := range routerRates(t) {
		all[e] = true
	}
	if t.RoutedIPv6 {
		all[routedElement(setsOf(netip.IPv6Unspecified()))] = true
	}
	return all
}

// checkTable refuses a table that the kernel cannot hold.
func checkTable(t *object.NATTable) error {
	if t.Outside == "" || len(t.Outside) > 15 {
		return fmt.Errorf("%s: outside %q: expected the name of a device, 1 to 15 bytes", t.Key(), t.Outside)
	}
	if err := checkLimits(t.Limits); err != nil {
		return fmt.Errorf("%s: %w", t.Key(), err)
	}
	if err := checkRates(t.Rates); err != nil {
		return fmt.Errorf("%s: %w", t.Key(), err)
	}
	if t.Role != object.NATRouter && t.Rates != (object.RateLimits{}) {
		return fmt.Errorf("%s: rates: expected none in a table of role %q", t.Key(), t.Role)
	}
	if why := managementFault(t.Management); why != "" {
		return fmt.Errorf("%s: management networks: %s", t.Key(), why)
	}
	seen := map[byte]bool{}
	for _, a := range t.Sources {
		if !a.IsValid() || a.Is4In6() || seen[setsOf(a).proto] {
			return fmt.Errorf("%s: sources %v: expected at most one address for each family", t.Key(), t.Sources)
		}
		seen[setsOf(a).proto] = true
	}
	return nil
}
