package nft

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

const policyAccept = 1 // NF_ACCEPT

// chain is a chain of the table. One without kind is not a base chain: other rules jump to it.
type chain struct {
	name     string
	kind     string // "nat", "filter" or none
	hook     uint32
	priority int32
}

// rule is one rule of a role. Its title is stored in the user data as a comment for people.
type rule struct {
	chain string
	title string
	exprs []expr.Any
}

// ruleSet is everything of a role that is the same on every host.
type ruleSet struct {
	counters []string
	chains   []chain
	sets     []set
	dynamic  []dynamicSet
	rules    []rule
}

// chainsOfAll are the chains of both roles. A packet that would go back to where it came from is dropped before it is translated.
func chainsOfAll() []chain {
	return []chain{
		chainSource,
		{"prerouting", "nat", unix.NF_INET_PRE_ROUTING, -100},
		{"forward", "filter", unix.NF_INET_FORWARD, 0},
		{"postrouting", "nat", unix.NF_INET_POST_ROUTING, 100},
		chainLeave,
		chainLimit,
		chainResolve,
		chainNeighbor,
	}
}

// ruleSetOf is the content of the table of a role.
func ruleSetOf(k ruleKey) (ruleSet, error) {
	s := ruleSet{counters: Reasons(), chains: chainsOfAll(), sets: hostSets(), rules: []rule{
		{"forward", "from outside to outside: drop", join(fromOutside(true), toOutside(true), drop(counterBounce))}}}
	s.rules = append(s.rules, managementForward()...)
	s.dynamic = resolveSets(k.role)
	s.rules = append(s.rules, resolveRules(k.role)...)
	switch k.role {
	case object.NATRouter:
		s.chains = append(append(s.chains, chainWithin, chainOutbound, chainShared), rateChains()...)
		s.dynamic = append(s.dynamic, routerMeters()...)
		s.sets = append(append(s.sets, mappingSets()...), rateSets()...)
		s.rules = append(append(s.rules, routerSources()...), rateRules()...)
		for _, f := range families() {
			s.rules = append(append(s.rules, routerWithin(f)), routerRules(f)...)
		}
		s.rules = append(append(s.rules, routerLeave()...), routerLimits(k.limits)...)
		return s, nil
	case object.NATExternal:
		s.dynamic = append(s.dynamic, externalMeters()...)
		s.rules = append(append(s.rules, externalSources()...), externalLimits(k.limits)...)
		for _, f := range families() {
			s.rules = append(s.rules, rule{"postrouting", f.name + ": transit address to the host's own",
				join(f.is(), fromOutside(false), f.sourceIn(f.transit), f.destinationNotIn(f.transit), f.toShared())})
			s.rules = append(s.rules, externalLeave(f)...)
		}
		return s, nil
	}
	return ruleSet{}, fmt.Errorf("role %q: expected %q or %q", k.role, object.NATRouter, object.NATExternal)
}

// routerRules are the rules of a router for one family. The first matching rule decides. Only the first packet of a connection
// comes here. The other packets and the ICMP errors of the connection follow it.
func routerRules(f family) []rule {
	hairpin := join(f.is(), fromOutside(false), toOutside(false), destinationTranslated())
	out := join(f.is(), fromOutside(false), toOutside(true))
	return []rule{
		{"prerouting", f.name + ": floating address to fixed address",
			join(f.is(), f.load(f.destination), lookup(f.floatingSet), f.nat(expr.NATTypeDestNAT, false))},
		{"prerouting", f.name + ": forwarded port",
			join(f.is(), f.loadService(), lookup(f.forwardSet), f.nat(expr.NATTypeDestNAT, true))},
		{"postrouting", f.name + ": hairpin from a floating address",
			join(hairpin, f.load(f.source), lookup(f.fixedSet), f.nat(expr.NATTypeSourceNAT, false))},
		{"postrouting", f.name + ": hairpin without one", join(hairpin, f.toOwn())},
		{"postrouting", f.name + ": fixed address to floating address",
			join(out, f.load(f.source), lookup(f.fixedSet), f.nat(expr.NATTypeSourceNAT, false))},
		{"postrouting", f.name + ": no floating address", join(out, f.toOwn())},
	}
}

func join(parts ...[]expr.Any) (all []expr.Any) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// fromOutside and toOutside check whether the packet's device is in the set of outside devices.
func fromOutside(yes bool) []expr.Any { return device(expr.MetaKeyIIFNAME, yes) }
func toOutside(yes bool) []expr.Any   { return device(expr.MetaKeyOIFNAME, yes) }

func device(key expr.MetaKey, yes bool) []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: key, Register: unix.NFT_REG_1}}, inSet(setOutside, yes))
}

// destinationTranslated is "ct status dnat" (IPS_DST_NAT, linux/netfilter/nf_conntrack_common.h).
func destinationTranslated() []expr.Any { return ctStatus(1 << 5) }

// ctStatus matches packets whose connection has the status bit.
func ctStatus(bit uint32) []expr.Any {
	zero := make([]byte, 4)
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: unix.NFT_REG_1},
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4, Mask: hostNumber(bit), Xor: zero},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: unix.NFT_REG_1, Data: zero},
	}
}

// lookup replaces the key in register 1 by the map's value. If there is no value, the rule does not match.
func lookup(name string) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, IsDestRegSet: true, SetName: name}}
}

// requests are the messages that make the rule set in an empty table.
func (s ruleSet) requests() ([]*netlink.Request, error) {
	var all []*netlink.Request
	for _, name := range s.counters {
		all = append(all, counterRequest(name))
	}
	for _, v := range s.sets {
		all = append(all, v.create())
	}
	for _, d := range s.dynamic {
		all = append(all, d.create())
	}
	for _, c := range s.chains {
		all = append(all, c.create())
	}
	for _, r := range s.rules {
		m, err := r.create()
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// version changes whenever the rules in the source change.
func (s ruleSet) version() (string, error) {
	all, err := s.requests()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, r := range all {
		h.Write(r.Bytes())
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// counterRequest makes a counter of packets and bytes.
func counterRequest(name string) *netlink.Request {
	r := newRequest(unix.NFT_MSG_NEWOBJ, unix.NLM_F_CREATE).Text(unix.NFTA_OBJ_TABLE, tableName).Text(unix.NFTA_OBJ_NAME, name).
		NetworkUint32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER)
	return nest(r, unix.NFTA_OBJ_DATA, func() {})
}

func (c chain) create() *netlink.Request {
	r := newRequest(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE).Text(unix.NFTA_CHAIN_TABLE, tableName).Text(unix.NFTA_CHAIN_NAME, c.name)
	if c.kind == "" {
		return r
	}
	nest(r, unix.NFTA_CHAIN_HOOK, func() {
		r.NetworkUint32(unix.NFTA_HOOK_HOOKNUM, c.hook).NetworkUint32(unix.NFTA_HOOK_PRIORITY, uint32(c.priority))
	})
	return r.NetworkUint32(unix.NFTA_CHAIN_POLICY, policyAccept).Text(unix.NFTA_CHAIN_TYPE, c.kind)
}

func (r rule) create() (*netlink.Request, error) {
	m := newRequest(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND).
		Text(unix.NFTA_RULE_TABLE, tableName).Text(unix.NFTA_RULE_CHAIN, r.chain)
	var failed error
	nest(m, unix.NFTA_RULE_EXPRESSIONS, func() {
		for _, e := range r.exprs {
			b, err := expr.Marshal(unix.NFPROTO_INET, e)
			if err != nil && failed == nil {
				failed = fmt.Errorf("rule %q: encode %T: %w", r.title, e, err)
			}
			m.Attr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, b...)
		}
	})
	return m.Attr(unix.NFTA_RULE_USERDATA, comment(r.title)...), failed
}

// comment is user data in the form that nft shows beside a rule or a table: type 0, length, text with its NUL.
func comment(s string) []byte {
	s = s[:min(len(s), 127)]
	return append([]byte{0, byte(len(s) + 1)}, append([]byte(s), 0)...)
}

// commentOf reads what comment wrote. It is "" if there is no comment.
func commentOf(b []byte) string {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if b[0] == 0 {
			return unix.ByteSliceToString(b[2 : 2+int(b[1])])
		}
		b = b[2+int(b[1]):]
	}
	return ""
}
