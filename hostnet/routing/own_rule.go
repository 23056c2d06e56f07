package routing

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// strangeTable is a table that no desired rule has.
const strangeTable = ^uint32(0)

// ruleKey names one routing rule of ours.
type ruleKey struct {
	priority uint32
	from     netip.Prefix
}

// ownRules are our rules in a namespace, by key. A key has more than one rule if somebody added rules.
func ownRules(rules []ruleEntry) map[ruleKey][]ruleEntry {
	own := map[ruleKey][]ruleEntry{}
	for _, r := range rules {
		if r.protocol == object.RouteProtocol {
			k := ruleKey{r.priority, r.from}
			own[k] = append(own[k], r)
		}
	}
	return own
}

// otherRules are the rules that are not ours.
func otherRules(rules []ruleEntry) []ruleEntry {
	return slices.DeleteFunc(slices.Clone(rules), func(r ruleEntry) bool { return r.protocol == object.RouteProtocol })
}

func (s *state) ownRules(priority uint32, from netip.Prefix) []ruleEntry {
	return ownRules(s.rules)[ruleKey{priority, from}]
}

// rule is the rule with this name. If it differs from what our rules can be, it has a table that no desired rule has.
func (s *space) rule(name string) object.Object {
	number, prefix, _ := strings.Cut(name, "/")
	priority, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return nil
	}
	from, err := netip.ParsePrefix(prefix)
	if err != nil {
		return nil
	}
	have := s.state.ownRules(uint32(priority), from)
	if len(have) == 0 {
		return nil
	}
	r := &object.Rule{Namespace: s.name, Priority: uint32(priority), From: from, Table: have[0].object(), MoreSpecific: have[0].specific}
	if len(have) > 1 || have[0].odd {
		r.Table = strangeTable
	}
	return r
}

// object is the rule's table in the form that objects use.
func (r ruleEntry) object() uint32 {
	if r.table == unix.RT_TABLE_MAIN {
		return 0
	}
	return r.table
}

// ruleOrders add the desired rule if it is missing. Then they remove all other rules with its key.
func (s *space) ruleOrders(n int, want *object.Rule) (out []order) {
	is := func(r ruleEntry) bool {
		return !r.odd && r.object() == want.Table && r.specific == want.MoreSpecific
	}
	have := s.state.ownRules(want.Priority, want.From)
	if !slices.ContainsFunc(have, is) {
		out = append(out, order{n, newRule(want), []error{unix.EEXIST}})
	}
	for _, r := range have {
		if !is(r) {
			out = append(out, order{n, r.removal(), gone})
		}
	}
	return out
}

// removal removes the rule exactly as the kernel showed it.
func (r ruleEntry) removal() *netlink.Request {
	return netlink.NewRequest(unix.RTM_DELRULE, netlink.FlagsAct, []byte(r.message))
}

// newRule adds one rule of ours.
func newRule(want *object.Rule) *netlink.Request {
	fixed := make([]byte, ruleHeader)
	fixed[0], fixed[2], fixed[7] = family(want.From.Addr()), byte(want.From.Bits()), unix.FR_ACT_TO_TBL
	table := want.Table
	if table == 0 {
		table = unix.RT_TABLE_MAIN
	}
	r := netlink.NewRequest(unix.RTM_NEWRULE, netlink.FlagsMake, fixed).Uint32(unix.FRA_PRIORITY, want.Priority).
		Uint32(unix.FRA_TABLE, table).Attr(unix.FRA_PROTOCOL, object.RouteProtocol)
	if want.From.Bits() > 0 {
		r.Attr(unix.FRA_SRC, want.From.Addr().AsSlice()...)
	}
	if want.MoreSpecific {
		r.Uint32(unix.FRA_SUPPRESS_PREFIXLEN, 0)
	}
	return r
}
