package bridgefilter

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestGroupText: rules without ports are one lookup, rules of a protocol with ports another one, and members of a group are asked before the rules
// that name it.
func TestGroupText(t *testing.T) {
	t.Parallel()
	g := &object.FilterGroup{Number: 1, Rules: []object.FilterRule{
		{}, {Ingress: true, Protocol: 47}, {Ingress: true, Protocol: 6, Ports: true, First: 80, Last: 81, Remote: netip.MustParsePrefix("10.0.0.0/8")},
		{Ingress: true, Protocol: 6, Ports: true, First: 22, Last: 22}, {Ingress: true, IPv6: true, Protocol: 58, Ports: true, First: 0x8000, Last: 0x80ff}, {Ingress: true, Group: 2},
		{Ingress: true, Protocol: 1, Ports: true}, // ICMP type 0, code 0
	}}
	var b strings.Builder
	for _, c := range chainsOf(g) {
		fmt.Fprintln(&b, c.name)
		for _, r := range c.rules {
			fmt.Fprintln(&b, " ", r)
		}
	}
	const want = `g00000001-out
  ct original protocol . ct original ip daddr { 0-255 . 0.0.0.0/0 } accept
g00000001-in-g00000002
  ct original protocol . ct original ip saddr { 0-255 . 0.0.0.0/0 } accept
g00000001-in
  ct original protocol . ct original ip saddr { 47 . 0.0.0.0/0 } accept
  ether type ip ct original protocol 1 ct original proto-dst . ct original ip saddr { 0 . 0.0.0.0/0 } accept
  ether type ip ct original protocol 6 ct original proto-dst . ct original ip saddr { 80-81 . 10.0.0.0/8, 22 . 0.0.0.0/0 } accept
  ether type ip6 ct original protocol 58 ct original proto-dst . ct original ip6 saddr { 32768-33023 . ::/0 } accept
  meta ibrname . ct original ip saddr @members-g00000002-bridge4 jump g00000001-in-g00000002
  ct mark . ct original ip saddr @members-g00000002-router4 jump g00000001-in-g00000002
  meta ibrname . ct original ip6 saddr @members-g00000002-bridge6 jump g00000001-in-g00000002
  ct mark . ct original ip6 saddr @members-g00000002-router6 jump g00000001-in-g00000002
  meta ibrname . ct original ip saddr @members-g00000002-bridge4-blocks jump g00000001-in-g00000002
  ct mark . ct original ip saddr @members-g00000002-router4-blocks jump g00000001-in-g00000002
  meta ibrname . ct original ip6 saddr @members-g00000002-bridge6-blocks jump g00000001-in-g00000002
  ct mark . ct original ip6 saddr @members-g00000002-router6-blocks jump g00000001-in-g00000002
`
	if b.String() != want {
		t.Errorf("the chains are\n%s\nexpected\n%s", &b, want)
	}
}

// TestChainNames: every chain says what it is for.
func TestChainNames(t *testing.T) {
	t.Parallel()
	for _, ingress := range []bool{false, true} {
		for _, remote := range []uint32{0, 1, 0xffffffff} {
			name := groupChain(0x7fffffff, ingress, remote)
			if number, of, ok := groupOf(name); !ok || number != 0x7fffffff || of != remote {
				t.Errorf("%s is of group %x and names %x, %v", name, number, of, ok)
			}
			if _, _, aPort := deviceOf(name); aPort {
				t.Errorf("%s is a port's", name)
			}
		}
	}
	for _, name := range []string{"", "g1-in", "g00000001", "g00000001-in-", "g00000001-up", "g00000001-in-g00000002-x", "gG0000001-in"} {
		if _, _, ok := groupOf(name); ok {
			t.Errorf("%q is taken for a group's chain", name)
		}
	}
	for _, device := range []string{"tap1", "egress-x", "a-b.c", "0x61", "*", "a\"b", "ä;}"} {
		for _, set := range []string{setEgress, setIngress} {
			if s, d, ok := deviceOf(portChain(set, device)); !ok || s != set || d != device {
				t.Errorf("%s of %s is read as %s of %s", set, device, s, d)
			}
			if strings.ContainsFunc(portChain(set, device), unusual) {
				t.Errorf("the chain of %q is %q", device, portChain(set, device))
			}
		}
	}
}
