package object

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// BridgeFilter is the nftables table "weft_filter" of family bridge: the security groups of guests on the kernel's bridges. Its rules are the
// same on every host. What the other kinds of this file hold is in the same table.
type BridgeFilter struct {
	OwnerUID string
	// Rules says what is wrong with the rules. It is "" if nothing is, and always desired "".
	Rules string
}

// FilterNetwork makes the connection tracker look at a bridge.
type FilterNetwork struct {
	OwnerUID string
	Bridge   string
	Zone     uint16 // of the connection tracker; 1 or more
	// Router is the number of the router whose members of groups are seen on the network; 0 for none.
	Router uint32
}

// FilterPort filters what the guest on a device sends and receives: only what a rule of its groups allows passes.
type FilterPort struct {
	OwnerUID string
	Device   string
	Groups   []uint32 // numbers, in no order
	// Fault says what is wrong with it besides its groups. It is "" if nothing is, and always desired "".
	Fault string
	// After are the groups, and the network.
	After []Key
}

// FilterGroup is what the rules of a security group allow.
type FilterGroup struct {
	OwnerUID string
	Number   uint32
	Rules    []FilterRule
	// Version is FilterVersion of the rules. The kernel's rules carry it, or it says what is wrong with them.
	Version string
}

// FilterRule allows connections of one family in one direction. It is comparable.
type FilterRule struct {
	Ingress bool // to the guest, as the guest sees it
	IPv6    bool
	// Protocol is an IP protocol; 0 for any.
	Protocol uint8
	// Ports says that First and Last count. They are destination ports, both included. For ICMP they are the type, shifted by eight bits, and the
	// code, of which 0 and 0 is one.
	Ports       bool
	First, Last uint16
	// Remote has the addresses of the other side; not valid for any.
	Remote netip.Prefix
	// Group is the number of the group whose members are the other side; 0 for none. Then Remote is not valid.
	Group uint32
}

// FilterMembers is a shard of the addresses of a security group, for rules that name the group. They are seen on one network, or on all networks
// of one router.
type FilterMembers struct {
	OwnerUID string
	Group    uint32 // number
	Bridge   string // of the network; empty for a router's
	Router   uint32 // number; 0 for a network's
	Shard    uint16
	Members  []netip.Prefix // each once, in no order
}

// filterFormat changes when the same rules are written to the kernel in another way.
const filterFormat = "1"

// FilterVersion is a digest of a group's rules, in any order.
func FilterVersion(rules []FilterRule) string {
	if len(rules) == 0 {
		return "no rules"
	}
	lines := ruleTexts(rules)
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(filterFormat + "\n" + strings.Join(slices.Compact(lines), "\n")))
	return hex.EncodeToString(sum[:8])
}

// Key implements Object.
func (f *BridgeFilter) Key() Key { return Key{KindBridgeFilter, "weft"} }

// Owner implements Object.
func (f *BridgeFilter) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *BridgeFilter) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (f *BridgeFilter) Diff(observed Object) []Difference {
	var d differ
	d.field("rules", observed.(*BridgeFilter).Rules, f.Rules)
	return d
}

// Key implements Object.
func (f *FilterNetwork) Key() Key { return Key{KindFilterNetwork, f.Bridge} }

// Owner implements Object.
func (f *FilterNetwork) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *FilterNetwork) DependsOn() []Key { return []Key{(&BridgeFilter{}).Key()} }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (f *FilterNetwork) Diff(observed Object) []Difference {
	o := observed.(*FilterNetwork)
	var d differ
	d.field("zone", o.Zone, f.Zone)
	d.field("router", o.Router, f.Router)
	return d
}

// Key implements Object.
func (f *FilterPort) Key() Key { return Key{KindFilterPort, f.Device} }

// Owner implements Object.
func (f *FilterPort) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *FilterPort) DependsOn() []Key {
	return append([]Key{(&BridgeFilter{}).Key()}, f.After...)
}

// Diff implements Object. The owner is not in the kernel and is not compared.
func (f *FilterPort) Diff(observed Object) []Difference {
	o := observed.(*FilterPort)
	var d differ
	d.set("groups", groupNames(o.Groups), groupNames(f.Groups))
	d.field("fault", o.Fault, f.Fault)
	return d
}

func groupNames(numbers []uint32) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = GroupName(n)
	}
	return names
}

// GroupName is the name of a security group on a host, as chains and sets have it.
func GroupName(number uint32) string { return fmt.Sprintf("g%08x", number) }

// Key implements Object.
func (f *FilterGroup) Key() Key { return FilterGroupKey(f.Number) }

// FilterGroupKey is the key of the group with the number.
func FilterGroupKey(number uint32) Key { return Key{KindFilterGroup, GroupName(number)} }

// Owner implements Object.
func (f *FilterGroup) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *FilterGroup) DependsOn() []Key { return []Key{(&BridgeFilter{}).Key()} }

// Diff implements Object. The version stands for the rules, which a kernel does not give back: an observed group has none. The owner is not in
// the kernel and is not compared.
func (f *FilterGroup) Diff(observed Object) []Difference {
	o := observed.(*FilterGroup)
	var d differ
	d.field("version", o.Version, f.Version)
	if len(o.Rules) > 0 {
		d.set("rules", ruleTexts(o.Rules), ruleTexts(f.Rules))
	}
	return d
}

func ruleTexts(rules []FilterRule) []string {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = fmt.Sprintf("%+v", r)
	}
	return texts
}

// Key implements Object.
func (f *FilterMembers) Key() Key {
	scope := f.Bridge
	if scope == "" {
		scope = fmt.Sprintf("router-%08x", f.Router)
	}
	return Key{KindFilterMembers, fmt.Sprintf("%s/%s/%d", GroupName(f.Group), scope, f.Shard)}
}

// Owner implements Object.
func (f *FilterMembers) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *FilterMembers) DependsOn() []Key { return []Key{(&BridgeFilter{}).Key()} }

// Diff implements Object. It lists missing and extra members. The owner is not in the kernel and is not compared.
func (f *FilterMembers) Diff(observed Object) []Difference {
	have, want := map[netip.Prefix]bool{}, map[netip.Prefix]bool{}
	for _, p := range observed.(*FilterMembers).Members {
		have[p] = true
	}
	var d differ
	for _, p := range f.Members {
		want[p] = true
		if !have[p] {
			d = append(d, Difference{"member", "", p.String()})
		}
	}
	for _, p := range observed.(*FilterMembers).Members {
		if !want[p] {
			d = append(d, Difference{"member", p.String(), ""})
		}
	}
	return d
}

// Protects implements Protector. Without the rules everything passes.
func (f *BridgeFilter) Protects(Object) bool { return true }

// Protects implements Protector. With another zone, connections of another network are taken for this one's.
func (f *FilterNetwork) Protects(Object) bool { return true }

// Protects implements Protector. Without it everything passes.
func (f *FilterPort) Protects(Object) bool { return true }

// Protects implements Protector. Other rules may allow more.
func (f *FilterGroup) Protects(observed Object) bool { return observed != nil }

// Protects implements Protector. More members are allowed more.
func (f *FilterMembers) Protects(observed Object) bool { return observed != nil }
