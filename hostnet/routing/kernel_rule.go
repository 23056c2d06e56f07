package routing

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// ruleEntry is one routing rule (linux/fib_rules.h).
type ruleEntry struct {
	family   byte
	priority uint32
	table    uint32
	from     netip.Prefix // the sources; a length of 0 means all sources
	// specific says that default routes of the table are ignored.
	specific bool
	// odd says that the rule has something that neither the kernel's rules nor ours have.
	odd      bool
	protocol byte
	message  string // as the kernel shows it; a removal names the rule this way
}

// kernelRule is one of the rules that the kernel makes in every namespace. Without them nothing is looked up.
type kernelRule struct {
	family          byte
	priority, table uint32
	name            string
}

// kernelRules are the rules of net/ipv4/fib_rules.c and net/ipv6/fib6_rules.c.
var kernelRules = []kernelRule{
	{unix.AF_INET, 0, unix.RT_TABLE_LOCAL, "local"},
	{unix.AF_INET, 0x7ffe, unix.RT_TABLE_MAIN, "main"},
	{unix.AF_INET, 0x7fff, unix.RT_TABLE_DEFAULT, "default"},
	{unix.AF_INET6, 0, unix.RT_TABLE_LOCAL, "local"},
	{unix.AF_INET6, 0x7ffe, unix.RT_TABLE_MAIN, "main"},
}

func (k kernelRule) is(r ruleEntry) bool {
	return !r.odd && !r.specific && r.from.Bits() == 0 && r.family == k.family && r.priority == k.priority && r.table == k.table
}

func familyName(family byte) string {
	if family == unix.AF_INET {
		return "IPv4"
	}
	return "IPv6"
}

// lackingRules are the kernel's rules that are missing. strangeRules are rules that are neither the kernel's nor of our protocol.
// No foreign rule stays in a namespace of ours, because one rule decides for every packet.
func (s *state) lackingRules() (out []kernelRule) {
	for _, k := range kernelRules {
		if (s.ipv6 || k.family == unix.AF_INET) && !slices.ContainsFunc(s.rules, k.is) {
			out = append(out, k)
		}
	}
	return out
}

func (s *state) strangeRules() (out []ruleEntry) {
	seen := map[kernelRule]bool{}
	for _, r := range s.rules {
		i := slices.IndexFunc(kernelRules, func(k kernelRule) bool { return k.is(r) })
		switch {
		case i >= 0 && !seen[kernelRules[i]]:
			seen[kernelRules[i]] = true
		case r.protocol != object.RouteProtocol:
			out = append(out, r)
		}
	}
	return out
}

// ruleDeviations are the deviations of the rules.
func (s *state) ruleDeviations() (out []string) {
	for _, k := range s.lackingRules() {
		out = append(out, fmt.Sprintf("the %s routing rule for table %s is missing", familyName(k.family), k.name))
	}
	for _, r := range s.strangeRules() {
		out = append(out, fmt.Sprintf("a foreign %s routing rule of priority %d", familyName(r.family), r.priority))
	}
	return out
}

// mendRules adds missing rules before it removes foreign ones.
func (s *state) mendRules() (out []step) {
	for _, k := range s.lackingRules() {
		out = append(out, step{k.request(), []error{unix.EEXIST}})
	}
	for _, r := range s.strangeRules() {
		out = append(out, step{r.removal(), gone})
	}
	return out
}

// request adds the rule as the kernel makes it.
func (k kernelRule) request() *netlink.Request {
	fixed := make([]byte, ruleHeader)
	fixed[0], fixed[4], fixed[7] = k.family, byte(k.table), unix.FR_ACT_TO_TBL
	return netlink.NewRequest(unix.RTM_NEWRULE, netlink.FlagsMake, fixed).Uint32(unix.FRA_PRIORITY, k.priority).
		Uint32(unix.FRA_TABLE, k.table).Attr(unix.FRA_PROTOCOL, unix.RTPROT_KERNEL)
}

// dumpRules reads the rules of one family.
func dumpRules(family byte) *netlink.Request {
	fixed := make([]byte, ruleHeader)
	fixed[0] = family
	return netlink.NewRequest(unix.RTM_GETRULE, netlink.FlagsDump, fixed)
}

// parseRule reads a fib_rule_hdr. ok is false for other families.
func parseRule(m netlink.Message) (r ruleEntry, ok bool, err error) {
	if len(m.Data) < ruleHeader {
		return r, false, netlink.ErrShort
	}
	h := m.Data[:ruleHeader]
	r = ruleEntry{family: h[0], table: uint32(h[4]), message: strings.Clone(string(m.Data))}
	r.odd = h[1] != 0 || h[3] != 0 || h[7] != unix.FR_ACT_TO_TBL || binary.NativeEndian.Uint32(h[8:]) != 0
	source := netip.IPv4Unspecified()
	if r.family == unix.AF_INET6 {
		source = netip.IPv6Unspecified()
	}
	err = netlink.EachAttribute(m.Data, ruleHeader, func(kind uint16, v []byte) {
		switch kind {
		case unix.FRA_PRIORITY:
			r.priority = netlink.Number(v)
		case unix.FRA_TABLE:
			r.table = netlink.Number(v)
		case unix.FRA_PROTOCOL:
			if len(v) == 1 {
				r.protocol = v[0]
			}
		case unix.FRA_SRC:
			source, _ = netip.AddrFromSlice(v)
		case unix.FRA_SUPPRESS_PREFIXLEN: // -1: nothing is suppressed; 0: prefixes of length 0 are suppressed
			r.specific = netlink.Number(v) == 0
			r.odd = r.odd || netlink.Number(v) != 0 && netlink.Number(v) != ^uint32(0)
		case unix.FRA_SUPPRESS_IFGROUP:
			r.odd = r.odd || netlink.Number(v) != ^uint32(0)
		case unix.FRA_PAD:
		default:
			r.odd = true
		}
	})
	r.from = netip.PrefixFrom(source, int(h[2]))
	return r, err == nil && (r.family == unix.AF_INET || r.family == unix.AF_INET6), err
}

// readRules reads the rules of every family that the kernel has.
func (s *space) readRules(fresh *state) error {
	all := map[byte][]ruleEntry{}
	for _, family := range fresh.families() {
		err := s.dump("routing rules", dumpRules(family), func() { all[family] = nil }, func(m netlink.Message) {
			if r, ok, err := parseRule(m); err == nil && ok && r.family == family {
				all[family] = append(all[family], r)
			}
		})
		if err != nil {
			return err
		}
	}
	fresh.rules = nil
	for _, family := range fresh.families() {
		fresh.rules = append(fresh.rules, all[family]...)
	}
	return nil
}
