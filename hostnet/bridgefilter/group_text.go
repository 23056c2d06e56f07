package bridgefilter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weft/hostnet/object"
)

// chainText is a chain of a group, with its rules as nft reads them.
type chainText struct {
	name  string
	rules []string
}

// The chains of a group: what its rules allow in each direction.
const (
	suffixIngress = "-in"
	suffixEgress  = "-out"
)

// groupChain is the name of a group's chain. With another group, it is the chain of the rules that name the other one.
func groupChain(group uint32, ingress bool, remote uint32) string {
	name := object.GroupName(group) + suffixEgress
	if ingress {
		name = object.GroupName(group) + suffixIngress
	}
	if remote != 0 {
		name += "-" + object.GroupName(remote)
	}
	return name
}

// chainsOf are the chains of a group. Those that are jumped to come first.
func chainsOf(g *object.FilterGroup) (all []chainText) {
	for _, ingress := range []bool{false, true} {
		entry := chainText{groupChain(g.Number, ingress, 0), allowing(g.Rules, ingress, 0)}
		for _, remote := range remotesOf(g.Rules, ingress) {
			of := chainText{groupChain(g.Number, ingress, remote), allowing(g.Rules, ingress, remote)}
			all = append(all, of)
			for _, s := range memberSets(remote) {
				entry.rules = append(entry.rules, fmt.Sprintf("%s @%s jump %s", s.match(ingress), s.name(), of.name))
			}
		}
		all = append(all, entry)
	}
	return all
}

// remotesOf are the groups that the rules of a direction name, each once, in order.
func remotesOf(rules []object.FilterRule, ingress bool) (numbers []uint32) {
	for _, r := range rules {
		if r.Group != 0 && r.Ingress == ingress {
			numbers = append(numbers, r.Group)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// allowing are the rules of one direction that name the group, or no group. Rules of one protocol with ports are looked up together, and so are
// all rules without ports.
func allowing(rules []object.FilterRule, ingress bool, remote uint32) (lines []string) {
	for _, ipv6 := range []bool{false, true} {
		type lookup struct {
			protocol uint8
			ports    bool
		}
		boxes := map[lookup][]box{}
		var order []lookup
		for _, r := range rules {
			if r.Ingress != ingress || r.Group != remote || r.IPv6 != ipv6 {
				continue
			}
			l := lookup{}
			if r.Ports {
				l = lookup{r.Protocol, true}
			}
			if boxes[l] == nil {
				order = append(order, l)
			}
			boxes[l] = append(boxes[l], boxOf(r))
		}
		slices.SortFunc(order, func(a, b lookup) int { return cmp.Compare(a.protocol, b.protocol) })
		for _, l := range order {
			for _, layer := range layers(boxes[l]) {
				lines = append(lines, lookupText(layer, l.ports, ipv6, ingress)+" accept")
			}
		}
	}
	return lines
}

// lookupText matches the first packet of a connection against the boxes of a layer. The connection tracker has the type and code of an ICMP message
// where other protocols have their destination port (struct nf_conntrack_tuple). nft reads "proto-dst" only after the family and the protocol.
func lookupText(layer []box, ports, ipv6, ingress bool) string {
	elements := make([]string, len(layer))
	for i, b := range layer {
		if ports {
			elements[i] = fmt.Sprintf("%s . %s", spanText(b.port), b.remote)
		} else {
			elements[i] = fmt.Sprintf("%s . %s", spanText(b.protocol), b.remote)
		}
	}
	key, family := "ct original protocol", "ip"
	if ipv6 {
		family = "ip6"
	}
	if ports {
		key = fmt.Sprintf("ether type %s ct original protocol %d ct original proto-dst", family, layer[0].protocol[0])
	}
	return fmt.Sprintf("%s . %s { %s }", key, remoteText(ipv6, ingress), strings.Join(elements, ", "))
}

// remoteText is the address of the other side: who began the connection for ingress, and to whom for egress.
func remoteText(ipv6, ingress bool) string {
	family, side := "ip", "daddr"
	if ipv6 {
		family = "ip6"
	}
	if ingress {
		side = "saddr"
	}
	return "ct original " + family + " " + side
}

func spanText[N uint8 | uint16](span [2]N) string {
	if span[0] == span[1] {
		return fmt.Sprint(span[0])
	}
	return fmt.Sprintf("%d-%d", span[0], span[1])
}
