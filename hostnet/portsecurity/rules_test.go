package portsecurity

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// rejects is the end of a rule that counts what it drops.
var rejects = regexp.MustCompile(`meta mark set 0x[0-9a-f]+ goto rejected$`)

// chainRules are the rules of each chain as they are in the file. One that counts what it drops is written as one that drops.
func chainRules() map[string][]string {
	chains, chain := map[string][]string{}, ""
	for line := range strings.Lines(ruleset()) {
		words := strings.Fields(line)
		switch {
		case len(words) == 3 && words[0] == "chain":
			chain = words[1]
			chains[chain] = nil
		case len(words) == 1 && words[0] == "}":
			chain = ""
		case chain != "" && len(words) > 0 && words[0][0] != '#':
			chains[chain] = append(chains[chain], rejects.ReplaceAllString(strings.Join(words, " "), "drop"))
		}
	}
	return chains
}

// hooks are the chains that the kernel calls. The value is how their last rule must end.
var hooks = map[string]string{
	"prerouting": "meta ibrname @bridges drop", "forward": "meta obrname @bridges goto towards",
	"input": "meta ibrname @bridges drop", "output": "meta obrname @bridges drop", "copied": "goto bounded",
}

// hookLine begins the chain of a hook. The chain copied judges what chain prerouting has accepted.
func hookLine(name string) string {
	if name == "copied" {
		return "type filter hook prerouting priority -290; policy accept;"
	}
	return "type filter hook " + name + " priority -300; policy accept;"
}

// TestEveryChainEndsInADrop: what no rule names does not pass. Rules use goto and never jump, so no chain returns.
func TestEveryChainEndsInADrop(t *testing.T) {
	t.Parallel()
	gone := map[string]bool{"rejected": true} // by the rules that count
	chains := chainRules()
	target := regexp.MustCompile(`(?:^| )goto ([a-z0-9_]+)$`)
	notes := regexp.MustCompile(`^update @[a-z]+ \{[^{}]*\}$`) // it notes why, or counts, before the drop
	for name, list := range chains {
		last := list[len(list)-1]
		if want, hook := hooks[name]; hook {
			if last != want || list[0] != hookLine(name) {
				t.Errorf("hook %s begins %q and ends %q", name, list[0], last)
			}
		} else if last != "drop" {
			t.Errorf("chain %s ends in %q", name, last)
		}
		for _, r := range list {
			if strings.Contains(r, "jump") || strings.Contains(r, "return") || strings.Contains(r, "continue") {
				t.Errorf("chain %s: %q comes back", name, r)
			}
			if m := target.FindStringSubmatch(r); m != nil {
				gone[m[1]] = true
				if _, there := chains[m[1]]; !there {
					t.Errorf("chain %s goes to %s, which is not there", name, m[1])
				}
			} else if _, hook := hooks[name]; !hook && !strings.HasSuffix(r, "drop") && !strings.HasSuffix(r, "accept") && !notes.MatchString(r) {
				t.Errorf("chain %s: %q decides nothing", name, r)
			}
		}
	}
	for name := range chains {
		if _, hook := hooks[name]; !hook && !gone[name] {
			t.Errorf("nothing goes to chain %s", name)
		}
	}
	for hook := range hooks {
		if chains[hook] == nil {
			t.Errorf("hook %s is missing", hook)
		}
	}
}

// TestEverySetIsAsked: every set is used by a rule, because an unused element protects nobody. Its key has the type that the
// driver writes.
func TestEverySetIsAsked(t *testing.T) {
	t.Parallel()
	keys := map[second][]string{
		nothing:   {"type ifname;"},
		mac:       {"type ifname . ether_addr;", "typeof meta iifname . @th,208,48;"},
		ipv4:      {"type ifname . ipv4_addr;"},
		ipv6:      {"typeof meta iifname . @th,64,128;", "typeof meta iifname . @th,64,104;"},
		macData:   {"type ifname : ether_addr;"},
		macPrefix: {"typeof meta oifname . @ll,48,24;"},
		macBlock4: {"typeof meta iifname . @th,208,48 . ip saddr;"},
		macBlock6: {"typeof meta iifname . @th,208,48 . @th,64,128;"},
		block4:    {"typeof meta protocol . ip daddr;"},
		block6:    {"typeof meta protocol . ip6 daddr;"},
	}
	declared := regexp.MustCompile(`(?m)^add (set|map) bridge weft ([a-z0-9_]+) \{ (.*?;) `)
	types := map[string]string{}
	for _, m := range declared.FindAllStringSubmatch(ruleset(), -1) {
		types[m[2]] = m[3]
		if (m[1] == "map") != (keyOf(object.PortSecuritySet(m[2])) == macData || m[2] == setForeign) {
			t.Errorf("%s is a %s", m[2], m[1])
		}
	}
	asked := map[string]int{}
	for _, list := range chainRules() {
		for _, r := range list {
			for _, m := range regexp.MustCompile(`@([a-z_]+[46]?)\b`).FindAllStringSubmatch(r, -1) {
				asked[m[1]]++
			}
		}
	}
	for _, set := range object.PortSecuritySets() {
		if !slices.Contains(keys[keyOf(set)], types[string(set)]) {
			t.Errorf("set %s has keys %q", set, types[string(set)])
		}
		if asked[string(set)] == 0 {
			t.Errorf("no rule asks set %s", set)
		}
	}
	for name := range types {
		if asked[name] == 0 {
			t.Errorf("no rule asks set %s", name)
		}
	}
}

// TestReservedIdentities: the rules have the addresses of Weft's servers and gateways, all of them filled in.
func TestReservedIdentities(t *testing.T) {
	t.Parallel()
	number := func(a netip.Addr) string { b := a.As16(); return "0x" + hex.EncodeToString(b[:]) }
	both := fmt.Sprintf("{ %s, %s }", object.ServerMAC, object.GatewayMAC)
	locals := fmt.Sprintf("{ %s, %s, %s }", object.ServerLinkLocal, object.GatewayLinkLocal, object.MetadataIPv6)
	numbers := fmt.Sprintf("{ %s, %s, %s }", number(object.ServerLinkLocal), number(object.GatewayLinkLocal), number(object.MetadataIPv6))
	servers := fmt.Sprintf("{ %s, %s }", number(object.ServerLinkLocal), number(object.MetadataIPv6))
	service4, service6 := object.MetadataIPv4.String(), object.MetadataIPv6.String()
	derived := object.DefaultMACPrefix.DerivedLinkLocal()
	prefix := number(derived.Addr())[:2+derived.Bits()/4]
	chains := chainRules()
	if _, name, left := strings.Cut(ruleset()[strings.Index(ruleset(), "add table"):], "$"); left {
		t.Errorf("no address is filled in for $%.30s", name)
	}
	for _, c := range []struct{ chain, rule string }{
		{"guest", fmt.Sprintf("ether daddr %s drop", object.ServerMAC)},
		{"router", fmt.Sprintf("ether saddr != %s drop", object.GatewayMAC)},
		{"to_network", fmt.Sprintf("ether daddr %s drop", object.GatewayMAC)},
		{"from_network", "ether saddr " + both + " drop"},
		{"from_network", "ether daddr " + both + " drop"},
		{"guest_ipv6", "ip6 saddr " + locals + " drop"},
		{"from_network_ipv6", "ip6 saddr " + locals + " drop"},
		{"guest_ipv6", fmt.Sprintf("ip6 saddr %s drop", derived)},
		{"guest_dad", "@th,64,128 " + numbers + " drop"},
		{"guest_dad", fmt.Sprintf("@th,64,%d %s drop", derived.Bits(), prefix)},
		{"guest_solicits", "@th,64,128 " + servers + " drop"},
		{"guest_arp", "arp daddr ip " + service4 + " drop"},
		{"guest_ipv6", "ip6 daddr " + service6 + " drop"},
		{"from_network_arp", "arp saddr ip " + service4 + " drop"},
		{"from_network_arp", "arp daddr ip " + service4 + " drop"},
		{"from_network_ipv4", "ip saddr " + service4 + " drop"},
		{"from_network_ipv4", "ip daddr " + service4 + " drop"},
		{"from_network_ipv6", "ip6 daddr " + service6 + " drop"},
		{"from_network_neighbors", "@th,64,128 " + numbers + " drop"},
	} {
		if !slices.Contains(chains[c.chain], c.rule) {
			t.Errorf("chain %s has no rule %q", c.chain, c.rule)
		}
	}
}

// TestFirstRules: source checks come before everything else in a chain.
func TestFirstRules(t *testing.T) {
	t.Parallel()
	chains := chainRules()
	for chain, first := range map[string]string{
		"gateway": "iifname . @ll,48,48 != @macs drop", "guest_ipv4": "meta protocol . ip daddr @management4 counter name management drop",
		"guest_ipv6": "meta protocol . ip6 daddr @management6 counter name management drop",
		"guest_arp":  "@nh,0,48 != 0x000108000604 drop", "from_network_arp": "@nh,0,48 != 0x000108000604 drop",
		"guest_icmpv6": "frag frag-off != 0 accept", "guest_solicits": "ip6 nexthdr != 58 drop", "from_network_neighbors": "ip6 nexthdr != 58 drop",
		"guest_dad": "icmpv6 type { 131, 133, 143 } drop",
	} {
		if chains[chain][0] != first {
			t.Errorf("chain %s begins with %q, expected %q", chain, chains[chain][0], first)
		}
	}
	for _, r := range chains["guest"] { // the chain drops and notes everything but frames the guest's own MACs
		if !strings.HasSuffix(r, " drop") && r != "drop" && !strings.HasPrefix(r, "update ") && !strings.Contains(r, " iifname . @ll,48,48 @macs goto ") && !strings.Contains(r, " iifname . @ll,48,48 @pair_macs goto ") {
			t.Errorf("chain guest lets something pass whoever it is from: %q", r)
		}
	}
	dispatch := []string{"iifname @guests goto guest", "iifname @uplinks goto from_network", "iifname @legs goto router", "iifname @exits goto gateway"}
	if got := chains["prerouting"][1:5]; !slices.Equal(got, dispatch) {
		t.Errorf("prerouting: %q", got)
	}
	sources := []string{"meta protocol . ip daddr @management4 counter name management drop",
		"meta protocol . ip saddr @management4 counter name management drop", "ip daddr 169.254.169.254 drop",
		"iifname . @ll,48,48 . ip saddr @pairs4 goto guest_ipv4_says", "iifname . ip saddr @ipv4 goto guest_ipv4_says",
		"ip saddr 0.0.0.0 udp dport 67 drop", "drop"}
	if got := chains["guest_ipv4"]; !slices.Equal(got, sources) {
		t.Errorf("guest_ipv4: %q", got)
	}
}

// TestGuestsAreCounted: a rule that drops what a guest sends counts it, except what weftd answers itself and what nobody needs. Each reason is one
// that the rules can find.
func TestGuestsAreCounted(t *testing.T) {
	t.Parallel()
	silent := map[string][]string{
		"guest": {"ether daddr " + object.ServerMAC.String() + " drop"}, "guest_ipv4": {"ip saddr 0.0.0.0 udp dport 67 drop", "ip daddr 169.254.169.254 drop"}, "udp4": {"udp dport 67 drop"},
		"guest_arp":  {"meta ibrname . arp daddr ip @servers drop", "arp daddr ip 169.254.169.254 drop"},
		"guest_ipv6": {"ip6 daddr fe80::a9fe:a9fe drop"}, "guest_dad": {"icmpv6 type { 131, 133, 143 } drop"}, "udp6": {"udp dport 547 drop"},
		"guest_icmpv6": {"icmpv6 type 133 drop"}, "guest_solicits": {fmt.Sprintf("@th,64,128 { 0x%x, 0x%x } drop", object.ServerLinkLocal.AsSlice(), object.MetadataIPv6.AsSlice())},
	}
	chain, found := "", map[string]bool{}
	for line := range strings.Lines(ruleset()) {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == "chain" {
			chain = words[1]
		}
		if len(words) < 2 || !strings.HasPrefix(chain, "guest") && !strings.HasPrefix(chain, "udp") && chain != "authenticated" {
			continue
		}
		rule := strings.Join(words, " ")
		if strings.HasSuffix(rule, " drop") && !slices.Contains(silent[chain], rule) {
			t.Errorf("chain %s: %q is not counted", chain, rule)
		}
		found[rejects.FindString(rule)] = true
	}
	for _, r := range object.RejectReasons() {
		switch r {
		case object.RejectIsolated, object.RejectEgressRule, object.RejectEgressInvalid, object.RejectIngressRule, object.RejectIngressInvalid,
			object.RejectConnections, object.RejectEgressRate, object.RejectIngressRate, object.RejectBroadcastRate:
			continue // other chains, and other tables
		}
		if !found[fmt.Sprintf("meta mark set %#x goto rejected", uint8(r))] {
			t.Errorf("nothing is rejected because of %s", r)
		}
	}
}

// TestUplinkText: each device has its own chain at its ingress, which is emptied before its one rule is added.
func TestUplinkText(t *testing.T) {
	t.Parallel()
	text := uplinkText("eth0.7")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	chain := "netdev weft " + chainOf("eth0.7")
	for i, begin := range []string{"add table netdev weft", "add chain " + chain + ` { type filter hook ingress device "eth0.7" `, "flush chain " + chain, "add rule " + chain + " @ll,96,16 { 0x8100, 0x88a8 } @ll,116,12 0 @ll,128,16 { 0x8100, 0x88a8 } drop"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], begin) {
			t.Fatalf("line %d is not %q:\n%s", i, begin, text)
		}
	}
	if len(lines) != 4 || !strings.HasSuffix(lines[3], fmt.Sprintf("comment %q", uplinkComment)) {
		t.Errorf("%s", text)
	}
	for device, want := range map[string]bool{"eth0": false, "bond0.7": false, `a"b`: true, `a\b`: true, "eth*": true, "a\nb": true} {
		if wordless(device) != want {
			t.Errorf("nft has words for %q: %v", device, want)
		}
	}
}
