package object

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Rule is one routing rule of a namespace of ours: packets with a source in From are looked up in a table. Every rule of
// RouteProtocol there is a Rule. Lower priority numbers come first. The kernel's own rule for the main table has 32766.
type Rule struct {
	OwnerUID  string // not in the kernel, not compared
	Namespace string
	Priority  uint32
	From      netip.Prefix // masked; a length of 0 means every source of its family
	Table     uint32       // 0: the main table
	// MoreSpecific ignores the default routes of the table.
	MoreSpecific bool
	// After lists what must exist first: the routes of the table.
	After []Key
}

// routeTable precedes the number of a table in the name of a route.
const routeTable = " table "

// ParseRouteName reads what RouteName writes after the namespace.
func ParseRouteName(rest string) (table uint32, destination netip.Prefix, err error) {
	prefix, number, other := strings.Cut(rest, routeTable)
	if destination, err = netip.ParsePrefix(prefix); err != nil || !other {
		return 0, destination, err
	}
	n, err := strconv.ParseUint(number, 10, 32)
	return uint32(n), destination, err
}

// RuleName is the name in the key of a Rule.
func RuleName(namespace string, priority uint32, from netip.Prefix) string {
	return inNamespace(namespace, fmt.Sprintf("%d/%s", priority, from))
}

// Key implements Object.
func (r *Rule) Key() Key { return Key{KindRule, RuleName(r.Namespace, r.Priority, r.From)} }

// Owner implements Object.
func (r *Rule) Owner() string { return r.OwnerUID }

// DependsOn implements Object.
func (r *Rule) DependsOn() []Key { return append(namespaceKeys(r.Namespace), r.After...) }

// Diff implements Object.
func (r *Rule) Diff(observed Object) []Difference {
	o := observed.(*Rule)
	var d differ
	d.field("table", o.Table, r.Table)
	d.field("more specific", o.MoreSpecific, r.MoreSpecific)
	return d
}
