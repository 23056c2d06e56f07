package engine

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
)

// The security groups of these tests: the second one is named by the first.
const (
	groupOne = "00000000-0000-4000-8000-0000000000a1"
	groupTwo = "00000000-0000-4000-8000-0000000000a2"
)

// filteredPort is a port with security groups.
func filteredPort(groups ...string) *desired.Port {
	p := portItem(1, 1)
	p.SecurityGroups = groups
	return p
}

func membersItem(address string) *desired.GroupMembers {
	return &desired.GroupMembers{UID: groupTwo + "." + networkUID(1) + "-0", Group: groupTwo, Network: networkUID(1),
		Addresses: []model.AddressBlock{{Prefix: netip.MustParsePrefix(address)}}}
}

// filtered runs a test on a bridge host whose first port is filtered by both groups, and whose second one is not.
func filtered(t *testing.T, fn func(b *testbed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, model.DriverBridge)
		b.wire(2)
		b.etcd.put(&desired.SecurityGroup{UID: groupOne, Project: "alpha", Name: "one", Rules: []desired.SecurityGroupRule{
			{Direction: model.DirectionIngress, Family: model.FamilyIPv4, RemoteGroup: groupTwo}}})
		b.etcd.put(&desired.SecurityGroup{UID: groupTwo, Project: "alpha", Name: "two"}, membersItem("10.1.0.9/32"))
		b.etcd.put(filteredPort(groupOne, groupTwo))
		b.settle(2 * deviceSettles)
		b.converged()
		fn(b)
	})
}

func filterKeys() (table, network, port, group, members object.Key) {
	number := compile.SecurityGroupNumber(groupTwo)
	bridge := linuxbridge.BridgeName(networkUID(1))
	return (&object.BridgeFilter{}).Key(), object.Key{Kind: object.KindFilterNetwork, Name: bridge}, object.Key{Kind: object.KindFilterPort, Name: "tap1"},
		object.FilterGroupKey(number), (&object.FilterMembers{Group: number, Bridge: bridge}).Key()
}

// TestFilteredPortComesAndGoes: what filters it is there as long as a port needs it. A group goes after the chains that lead to it.
func TestFilteredPortComesAndGoes(t *testing.T) {
	t.Parallel()
	filtered(t, func(b *testbed) {
		table, network, port, group, members := filterKeys()
		for _, k := range []object.Key{table, network, port, group, members} {
			if b.host.Objects()[k] == nil {
				b.t.Errorf("%s is not there", k)
			}
		}
		b.etcd.drop(desired.Key{Kind: desired.KindSecurityGroup, UID: groupTwo})
		b.etcd.put(filteredPort(groupOne))
		b.settle(time.Second)
		b.converged()
		if p := b.host.Objects()[port].(*object.FilterPort); len(p.Groups) != 1 || b.host.Objects()[group] != nil {
			b.t.Errorf("one group went, and the port has %v", p.Groups)
		}
		b.etcd.put(filteredPort())
		b.etcd.drop(desired.Key{Kind: desired.KindSecurityGroup, UID: groupOne}, membersItem("10.1.0.9/32").Key())
		b.settle(time.Second)
		b.converged()
		for _, k := range []object.Key{table, network, port, members} {
			if b.host.Objects()[k] != nil {
				b.t.Errorf("no port is filtered, and %s is there", k)
			}
		}
		if x := b.exception(portUID(1)); x.Reason != "" {
			b.t.Errorf("reported %+v", x)
		}
	})
}

// TestFilterDriftIsRepairedAndCounted damages everything that filters a port, one thing after the other.
func TestFilterDriftIsRepairedAndCounted(t *testing.T) {
	t.Parallel()
	filtered(t, func(b *testbed) {
		table, network, port, group, members := filterKeys()
		for name, damage := range map[string]func(){
			"the rules are others":  func() { alter(b, table, func(f *object.BridgeFilter) { f.Rules = "one is missing" }) },
			"the table is deleted":  func() { b.host.Damage(table) },
			"another zone":          func() { alter(b, network, func(f *object.FilterNetwork) { f.Zone++ }) },
			"a group less":          func() { alter(b, port, func(f *object.FilterPort) { f.Groups = f.Groups[1:] }) },
			"an element is missing": func() { alter(b, port, func(f *object.FilterPort) { f.Fault = "set filtered lacks it" }) },
			"another rule":          func() { alter(b, group, func(f *object.FilterGroup) { f.Version = "a rule is not ours" }) },
			"a member too many": func() {
				alter(b, members, func(f *object.FilterMembers) {
					f.Members = append(f.Members[:1:1], netip.MustParsePrefix("10.0.0.0/8"))
				})
			},
		} {
			before := repairs(b.node())
			damage()
			b.settle(20 * time.Second) // each repair is alone, otherwise it would be a fight
			b.converged()
			if repairs(b.node()) == before {
				b.t.Errorf("%s: repaired and not counted", name)
			}
		}
	})
}

// TestGuestWaitsForItsFilter: a guest whose filter cannot be made is not heard. Its neighbour is.
func TestGuestWaitsForItsFilter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, model.DriverBridge)
		for _, device := range []string{"tap1", "tap2"} {
			b.host.Plug(device)
		}
		_, _, port, _, _ := filterKeys()
		b.host.FailKey(port, slices.Repeat([]error{errors.New("no such thing")}, 100)...)
		b.etcd.put(b.hostItem(), networkItem(1), filteredPort(groupTwo), portItem(2, 1), &desired.SecurityGroup{UID: groupTwo, Project: "alpha", Name: "two"})
		b.start()
		b.settle(time.Second)
		if b.host.Objects()[b.protection(1)] != nil || b.host.Objects()[b.place("tap1")] != nil {
			b.t.Error("the guest is on its bridge without its filter")
		}
		if x := b.exception(portUID(1)); x.State != etcdschema.ExceptionFailed {
			b.t.Errorf("reported %+v", x)
		}
		if b.host.Objects()[b.protection(2)] == nil || b.exception(portUID(2)).Reason != "" {
			b.t.Errorf("its neighbour: %+v", b.exception(portUID(2)))
		}
	})
}
