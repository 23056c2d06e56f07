package bridgefilter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// jumpComment is the comment of a port's rule that leads to a group's rules.
const jumpComment = "weft group "

// groupComment is the comment of the n-th of the rules of a group, counted over all of its chains.
func groupComment(version string, n, all int) string {
	return fmt.Sprintf("weft %s %d of %d", version, n, all)
}

// sortChains gives ports and groups what their chains say.
func (d *Driver) sortChains(fresh *cache, f found) {
	groups := map[uint32][]string{}
	for chain := range f.chains {
		if set, device, ok := deviceOf(chain); ok {
			p := fresh.port(device)
			p.chains[set] = true
			fresh.ports[device] = p
		} else if number, _, ok := groupOf(chain); ok {
			groups[number] = append(groups[number], chain)
		}
	}
	for device, p := range fresh.ports {
		fresh.ports[device] = d.judgePort(device, p, f)
	}
	for number, chains := range groups {
		fresh.groups[number] = d.judgeGroup(number, chains, f)
	}
}

// judgePort finds the groups of a port, and what is wrong with it.
func (d *Driver) judgePort(device string, p port, f found) port {
	fault := func(format string, args ...any) {
		if p.fault == "" {
			p.fault = fmt.Sprintf(format, args...)
		}
	}
	for _, set := range portSets() {
		if !p.elements[set] {
			fault("set %s lacks it", set)
		}
	}
	var lists [2][]uint32
	for i, set := range []string{setEgress, setIngress} {
		chain := portChain(set, device)
		if !p.chains[set] {
			fault("chain %s is missing", chain)
		}
		if why := d.replaced(chain, f.chains[chain]); why != "" {
			fault("%s", why)
		}
		for _, r := range f.chains[chain] {
			name, ours := strings.CutPrefix(r.Comment, jumpComment)
			number, ok := groupNumber(name)
			if !ours || !ok {
				fault("chain %s has a rule (handle %d) that is not ours", chain, r.Handle)
				continue
			}
			lists[i] = append(lists[i], number)
		}
		slices.Sort(lists[i])
	}
	p.groups = lists[0]
	if !slices.Equal(lists[0], lists[1]) {
		fault("its chains have different groups")
	}
	if p.fault == "" {
		for _, set := range []string{setEgress, setIngress} {
			d.remember(portChain(set, device), f.chains[portChain(set, device)])
		}
	}
	return p
}

// judgeGroup finds the version of a group's rules, or says what is wrong with them.
func (d *Driver) judgeGroup(number uint32, chains []string, f found) group {
	g := group{chains: map[string]bool{}, remotes: map[uint32]bool{}}
	var rules []own.Rule
	slices.Sort(chains)
	for _, chain := range chains {
		g.chains[chain] = true
		if _, remote, _ := groupOf(chain); remote != 0 {
			g.remotes[remote] = true
		}
		rules = append(rules, f.chains[chain]...)
		if why := d.replaced(chain, f.chains[chain]); why != "" {
			g.version = why
		}
		if !slices.IsSortedFunc(f.chains[chain], func(a, b own.Rule) int { return ruleIndex(a) - ruleIndex(b) }) {
			g.version = "the rules of chain " + chain + " are in another order"
		}
	}
	for _, ingress := range []bool{false, true} {
		if chain := groupChain(number, ingress, 0); !g.chains[chain] {
			g.version = "chain " + chain + " is missing"
		}
	}
	if g.version != "" {
		return g
	}
	version, right := versionOf(rules)
	g.version = version
	for _, chain := range chains {
		if right {
			d.remember(chain, f.chains[chain])
		}
	}
	return g
}

// ruleIndex is the number in the comment of a group's rule; -1 if it is not ours.
func ruleIndex(r own.Rule) int {
	version, n, all := "", 0, 0
	if _, err := fmt.Sscanf(r.Comment, "weft %s %d of %d", &version, &n, &all); err != nil {
		return -1
	}
	return n
}

// versionOf is the version that all rules of a group carry, if each is there once. Otherwise it says what is wrong.
func versionOf(rules []own.Rule) (version string, right bool) {
	if len(rules) == 0 {
		return object.FilterVersion(nil), true
	}
	n, all := 0, 0
	if _, err := fmt.Sscanf(rules[0].Comment, "weft %s %d of %d", &version, &n, &all); err != nil {
		return fmt.Sprintf("a rule (handle %d) is not ours", rules[0].Handle), false
	}
	missing := map[string]bool{}
	for n := range all {
		missing[groupComment(version, n, all)] = true
	}
	for _, r := range rules {
		if !missing[r.Comment] {
			return fmt.Sprintf("a rule (handle %d) is not ours", r.Handle), false
		}
		delete(missing, r.Comment)
	}
	for _, comment := range slices.Sorted(maps.Keys(missing)) {
		return fmt.Sprintf("the rule %q is missing", comment), false
	}
	return version, true
}
