package planner

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/internal/fixture"
)

func address(s string) model.Address { return model.Address{Addr: netip.MustParseAddr(s)} }

func pool(name string) model.ID {
	return model.ID{Project: model.ClusterProject, Kind: model.KindAddressPool, Name: name}
}

// poolSpec is a pool of network blue. A range is "5-9", in 10.0.1.0/24.
func poolSpec(ranges, more string) string {
	var list []string
	for r := range strings.SplitSeq(ranges, ",") {
		first, last, _ := strings.Cut(r, "-")
		list = append(list, fmt.Sprintf(`{"start":"10.0.1.%s","end":"10.0.1.%s"}`, first, last))
	}
	return `{"spec":{"network":"alpha/blue","ranges":[` + strings.Join(list, ",") + `]` + more + `}}`
}

func onHost(host string) string { return `{"spec":{"network":"blue","host":"` + host + `"}}` }

// hostIn is a host in a group.
func hostIn(group string) string {
	return strings.Replace(fixture.HostSpec, `{"spec":{`, `{"spec":{"group":"`+group+`",`, 1)
}

const (
	rack1, rack2 = `,"hostGroups":["rack1"]`, `,"hostGroups":["rack2"]`
	noHost       = `{"spec":{"network":"blue"}}`
	rackMobility = `{"spec":{"type":"vlan","physicalNetwork":"physnet1","addressMobility":"hostGroup","subnets":[{"cidr":"10.0.0.0/16"},{"cidr":"fd00:1::/64"}]}}`
)

// racks puts h1 into rack1 and h2 into rack2.
func racks() step {
	return step{put: map[model.ID]string{fixture.HostH1: hostIn("rack1"), fixture.HostH2: hostIn("rack2")}}
}

// TestAddressPools: which pool a port gets its address of.
func TestAddressPools(t *testing.T) {
	t.Parallel()
	a, b, c := fixture.Port("a"), fixture.Port("b"), fixture.Port("c")
	runSteps(t, map[string][]step{
		"each group has its own; a family without pools is as before": {racks(), {
			put:  map[model.ID]string{pool("one"): poolSpec("10-19", rack1), pool("two"): poolSpec("20-29", rack2), a: onHost("h1"), b: onHost("h2")},
			want: map[model.ID]string{pool("one"): "Accepted", pool("two"): "Accepted", a: "Accepted"},
			addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10", b: "fd00:1::3 10.0.1.20"},
		}},
		"the higher priority first, then the name, then the lowest address; a full one is passed over": {racks(), {
			put: map[model.ID]string{
				pool("zeta"): poolSpec("10-10", rack1+`,"priority":5`), pool("beta"): poolSpec("29-29,20-20", ""), pool("alpha"): poolSpec("30-30", `,"priority":-1`),
				a: onHost("h1"), b: onHost("h1"), c: onHost("h1"), fixture.Port("d"): onHost("h1"),
			},
			addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10", b: "fd00:1::3 10.0.1.20", c: "fd00:1::4 10.0.1.29", fixture.Port("d"): "fd00:1::5 10.0.1.30"},
		}},
		"both families have pools": {racks(), {
			put: map[model.ID]string{
				pool("one"): strings.Replace(poolSpec("10-19", rack1), `]`, `,{"start":"fd00:1::a:0","end":"fd00:1::a:f"}]`, 1), a: onHost("h1"), b: onHost("h2"),
			},
			want: map[model.ID]string{b: "Pending|spec.addresses: no address pool of Network alpha/blue has IPv6 addresses for host h2 (group rack2) (one is for rack1)|IPv4 addresses for host h2"},
			addr: map[model.ID]string{a: "fd00:1::a:0 10.0.1.10"},
		}},
		"excluded addresses, the gateway and the server are never given": {
			{put: map[model.ID]string{pool("one"): `{"spec":{"network":"alpha/blue","ranges":[{"start":"10.0.0.1","end":"10.0.0.9"}],"exclude":["10.0.0.3","10.0.0.5-10.0.0.6"]}}`}},
			{
				put:  map[model.ID]string{a: onHost("h1"), b: onHost("h1"), c: `{"spec":{"network":"blue","addresses":["10.0.0.5"]}}`},
				want: map[model.ID]string{c: "Invalid|spec.addresses[0]: 10.0.0.5 is excluded by AddressPool one"},
				addr: map[model.ID]string{a: "fd00:1::2 10.0.0.4", b: "fd00:1::3 10.0.0.7"},
			},
			{
				put:  map[model.ID]string{pool("one"): `{"spec":{"network":"alpha/blue","ranges":[{"start":"10.0.0.1","end":"10.0.0.9"}],"exclude":["10.0.0.4"]}}`},
				want: map[model.ID]string{c: "Accepted", pool("one"): "Accepted"},
				addr: map[model.ID]string{a: "fd00:1::2 10.0.0.4"},
			},
		},
		"explicit addresses are free in all of the subnet": {racks(), {
			put: map[model.ID]string{
				pool("one"): poolSpec("10-19", rack1), a: `{"spec":{"network":"blue","host":"h2","addresses":["10.0.1.12"]}}`,
				b: `{"spec":{"network":"blue","host":"h2","addresses":["10.0.99.1"]}}`,
			},
			want: map[model.ID]string{a: "Accepted", b: "Accepted"},
		}},
		"the DHCP server leaves an excluded address": {
			{put: map[model.ID]string{pool("one"): `{"spec":{"network":"alpha/blue","ranges":[{"start":"10.0.0.1","end":"10.0.0.9"}],"exclude":["10.0.0.2-10.0.0.4"]}}`}},
			{
				put:  map[model.ID]string{a: `{"spec":{"network":"blue","addresses":["10.0.0.5"]}}`},
				want: map[model.ID]string{a: "Invalid|spec.addresses[0]: address 10.0.0.5 belongs to Network alpha/blue"},
			},
		},
		"what a port has stays, whatever pools come": {racks(),
			{put: map[model.ID]string{a: onHost("h1")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.0.3"}},
			{put: map[model.ID]string{pool("one"): poolSpec("10-19", rack2)}, want: map[model.ID]string{a: "Accepted"}, addr: map[model.ID]string{a: "fd00:1::2 10.0.0.3"}},
			{put: map[model.ID]string{fixture.HostH1: hostIn("rack7")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.0.3"}},
		},
	})
}

// TestPortsWithoutAHost: a port that has no host yet gets an address of the pools for every host. If there is none, it waits for its host.
func TestPortsWithoutAHost(t *testing.T) {
	t.Parallel()
	a, h7 := fixture.Port("a"), model.HostID("h7")
	runSteps(t, map[string][]step{
		"pools for groups only": {racks(), {
			put:  map[model.ID]string{pool("one"): poolSpec("10-19", rack1), a: noHost},
			want: map[model.ID]string{a: "Pending|spec.host: is not set, and the address pools of Network alpha/blue are for host groups (one is for rack1)"},
		}, {
			put: map[model.ID]string{a: onHost("h1")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"},
		}},
		"a pool for every host": {racks(), {
			put:  map[model.ID]string{pool("one"): poolSpec("10-19", rack1), pool("all"): poolSpec("20-29", ""), a: noHost},
			addr: map[model.ID]string{a: "fd00:1::2 10.0.1.20"},
		}, {
			put: map[model.ID]string{a: onHost("h1")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.20"},
		}},
		"a host that is not there yet": {{
			put:  map[model.ID]string{pool("one"): poolSpec("10-19", rack1), pool("all"): poolSpec("20-29", `,"priority":-1`), a: onHost("h7")},
			want: map[model.ID]string{a: "Pending|spec.host: host h7 does not exist or is not accepted yet, and its group decides"},
		}, {
			put: map[model.ID]string{h7: hostIn("rack1")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"},
		}},
		"it does not matter which": {{
			put: map[model.ID]string{pool("all"): poolSpec("20-29", ""), a: onHost("h7")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.20"},
		}},
		"a host comes into a group": {{
			put:  map[model.ID]string{pool("one"): poolSpec("10-19", rack1), a: onHost("h1")},
			want: map[model.ID]string{a: "Pending|spec.addresses: no address pool of Network alpha/blue has IPv4 addresses for host h1 (without a group) (one is for rack1): name the group"},
		}, {
			put: map[model.ID]string{fixture.HostH1: hostIn("rack1")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"},
		}},
	})
}

// TestExhaustedPools: a port without an address says which pools are full, and goes on by itself when an address is there.
func TestExhaustedPools(t *testing.T) {
	t.Parallel()
	a, b := fixture.Port("a"), fixture.Port("b")
	full := []step{racks(), {
		put:  map[model.ID]string{pool("one"): poolSpec("10-10", rack1), pool("two"): poolSpec("20-20", rack2), a: onHost("h1"), b: onHost("h1")},
		want: map[model.ID]string{a: "Accepted", b: "Pending|spec.addresses: no free IPv4 address is left for host h1 (group rack1) in AddressPool one: add ranges to it, or declare another pool"},
	}}
	then := func(s ...step) []step { return append(slices.Clone(full), s...) }
	runSteps(t, map[string][]step{
		"it grows":          then(step{put: map[model.ID]string{pool("one"): poolSpec("10-11", rack1)}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.11"}}),
		"another comes":     then(step{put: map[model.ID]string{pool("more"): poolSpec("30-39", rack1)}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.30"}}),
		"another is opened": then(step{put: map[model.ID]string{pool("two"): poolSpec("20-20", `,"hostGroups":["rack2","rack1"]`)}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.20"}}),
		"an excluded address is given free": then(
			step{put: map[model.ID]string{pool("one"): poolSpec("10-12", rack1+`,"exclude":["10.0.1.11-10.0.1.12"]`)}, want: map[model.ID]string{b: "Pending|AddressPool one"}},
			step{put: map[model.ID]string{pool("one"): poolSpec("10-12", rack1+`,"exclude":["10.0.1.11"]`)}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.12"}}),
		"a drained one": then(
			step{put: map[model.ID]string{pool("one"): poolSpec("10-19", rack1+`,"drain":true`)}, want: map[model.ID]string{
				b: "Pending|spec.addresses: no IPv4 address is given to host h1 (group rack1): AddressPool one is drained or deleted"}},
			step{put: map[model.ID]string{pool("half"): poolSpec("50-50", rack1)}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.50"}},
			step{put: map[model.ID]string{fixture.Port("c"): onHost("h1")}, want: map[model.ID]string{
				fixture.Port("c"): "Pending|is left for host h1 (group rack1) in AddressPool half, and nothing is given of one, which is drained or deleted"}},
			step{put: map[model.ID]string{pool("one"): poolSpec("10-19", rack1)}, addr: map[model.ID]string{fixture.Port("c"): "fd00:1::4 10.0.1.11"}}),
		"a deleted one that is declared again": then(
			step{remove: []model.ID{pool("one")}, want: map[model.ID]string{
				pool("one"): "Pending|is deleted and gives nothing any more, but 1 of its addresses is in use, 10.0.1.10 by Port alpha/a", b: "Pending|is drained or deleted"}},
			step{put: map[model.ID]string{pool("one"): poolSpec("10-11", rack1)}, want: map[model.ID]string{pool("one"): "Accepted"}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.11"}}),
	})
}

// An address that was released comes back to its pool when its hold time is over, and only ports that wait for this pool are looked at.
func TestAFreedAddressGoesToWhoWaitsForItsPool(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.putAll(racks().put)
	s.putAll(map[model.ID]string{
		pool("one"): poolSpec("10-10", rack1+`,"holdTime":"90s"`), pool("two"): poolSpec("20-20", rack2),
		fixture.Port("a"): onHost("h1"), fixture.Port("b"): onHost("h2"),
	})
	s.settle()
	s.putAll(map[model.ID]string{fixture.Port("c"): onHost("h1"), fixture.Port("d"): onHost("h2")})
	s.settle()
	for _, id := range []model.ID{fixture.Port("c"), fixture.Port("d")} {
		if cond := s.condition(id); cond.Good() {
			t.Fatalf("%s: %+v", id, cond)
		}
	}
	k := etcdschema.AddressClaim(s.cache().Accepted(fixture.Blue).UID, address("10.0.1.10"))
	s.remove(fixture.Port("a"))
	s.settle()
	if cl, _ := s.cache().Claim(k); cl.State != etcdschema.ClaimHeld || s.cache().Accepted(fixture.Port("c")) != nil {
		t.Fatalf("released: %+v; c has %v", cl, s.cache().Accepted(fixture.Port("c")))
	}
	s.event(k, nil) // its lease has ended
	if queued := s.queued(); !slices.Contains(queued, fixture.Port("c")) || slices.Contains(queued, fixture.Port("d")) {
		t.Errorf("queued are %v", queued)
	}
	s.settle()
	s.check()
	if acc := s.cache().Accepted(fixture.Port("c")); acc == nil || !slices.Contains(acc.Allocated.Addresses, address("10.0.1.10")) {
		t.Errorf("c has %+v", acc)
	}
}

// queued are the objects that are to be evaluated.
func (s *sim) queued() (ids []model.ID) {
	for i := range s.planner.Queue.piles {
		for u := range s.planner.Queue.piles[i].dirty {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

// A pool says how long its addresses are held. Others have the controllers' own time.
func TestAPoolHasItsOwnHoldTime(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.putAll(map[model.ID]string{
		pool("one"): poolSpec("10-10", `,"holdTime":"90s","priority":1`), pool("two"): poolSpec("20-20", ""),
		fixture.Port("a"): onHost("h1"), fixture.Port("b"): onHost("h2"),
	})
	s.settle()
	s.remove(fixture.Port("a"))
	s.remove(fixture.Port("b"))
	tx, _ := s.planner.Fill()
	defer tx.Abandon()
	network := s.cache().Accepted(fixture.Blue).UID
	for addr, want := range map[string]time.Duration{"10.0.1.10": 90 * time.Second, "10.0.1.20": 0, "fd00:1::2": 0} {
		if w := tx.Writes[etcdschema.AddressClaim(network, address(addr))]; w == nil || !w.Held || w.Hold != want {
			t.Errorf("%s is released with %+v, expected %s", addr, w, want)
		}
	}
	if times := tx.HoldTimes(); len(times) != 2 {
		t.Errorf("hold times %v", times)
	}
}

// TestShrinkingPools: what is in use cannot be taken away. The pool waits until it is released.
func TestShrinkingPools(t *testing.T) {
	t.Parallel()
	a, b := fixture.Port("a"), fixture.Port("b")
	begin := []step{racks(), {put: map[model.ID]string{pool("one"): poolSpec("10-19", rack1), a: onHost("h1"), b: onHost("h1")}, addr: map[model.ID]string{b: "fd00:1::3 10.0.1.11"}}}
	then := func(s ...step) []step { return append(slices.Clone(begin), s...) }
	red := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "red"}
	runSteps(t, map[string][]step{
		"what nobody uses goes at once": then(
			step{put: map[model.ID]string{pool("one"): poolSpec("10-11", rack1)}, want: map[model.ID]string{pool("one"): "Accepted"}},
			step{put: map[model.ID]string{fixture.Port("c"): onHost("h1")}, want: map[model.ID]string{fixture.Port("c"): "Pending|AddressPool one"}}),
		"what is used goes with its last user": then(
			step{put: map[model.ID]string{pool("one"): poolSpec("12-19", rack1)}, want: map[model.ID]string{
				pool("one"): "Pending|spec.ranges: takes addresses away, and 2 of its addresses are in use, for example 10.0.1.10 by Port alpha/a: the pool stays as it was"}},
			step{remove: []model.ID{a}, want: map[model.ID]string{pool("one"): "Pending|1 of its addresses is in use, 10.0.1.11 by Port alpha/b"}},
			step{remove: []model.ID{b}, want: map[model.ID]string{pool("one"): "Accepted"}}),
		"while it waits, what it was is in force": then(
			step{put: map[model.ID]string{pool("one"): poolSpec("15-19", rack1), fixture.Port("c"): onHost("h1")}, addr: map[model.ID]string{fixture.Port("c"): "fd00:1::4 10.0.1.12"}}),
		"an excluded range is emptied": then(
			step{put: map[model.ID]string{pool("one"): poolSpec("10-19", rack1+`,"exclude":["10.0.1.10-10.0.1.14"]`), fixture.Port("c"): onHost("h1")},
				want: map[model.ID]string{pool("one"): "Accepted", a: "Accepted"}, addr: map[model.ID]string{fixture.Port("c"): "fd00:1::4 10.0.1.15"}},
			step{remove: []model.ID{a, b}},
			step{put: map[model.ID]string{pool("one"): poolSpec("15-19", rack1)}, want: map[model.ID]string{pool("one"): "Accepted"}}),
		"another network is another pool": then(
			step{put: map[model.ID]string{red: fixture.BlueSpec, pool("one"): strings.Replace(poolSpec("10-19", rack1), "alpha/blue", "alpha/red", 1)},
				want: map[model.ID]string{pool("one"): "Pending|spec.network: takes addresses away, and 2 of its addresses"}},
			step{remove: []model.ID{a, b}, want: map[model.ID]string{pool("one"): "Accepted"}}),
		"deletion waits": then(
			step{remove: []model.ID{pool("one")}, want: map[model.ID]string{pool("one"): "Pending|is deleted and gives nothing any more, but 2 of its addresses are in use, for example 10.0.1.10 by Port alpha/a: it goes when they are released"}},
			step{put: map[model.ID]string{fixture.Port("c"): onHost("h1")}, want: map[model.ID]string{fixture.Port("c"): "Pending|AddressPool one is drained or deleted"}},
			step{remove: []model.ID{a}, want: map[model.ID]string{pool("one"): "Pending|1 of its addresses is in use"}},
			step{remove: []model.ID{b}, want: map[model.ID]string{pool("one"): "gone"}, addr: map[model.ID]string{fixture.Port("c"): "fd00:1::4 10.0.0.3"}}),
		"its network cannot go before it": then(
			step{remove: []model.ID{a, b}},
			step{remove: []model.ID{fixture.Blue}, want: map[model.ID]string{fixture.Blue: "Pending|still used by AddressPool one"}},
			step{remove: []model.ID{pool("one")}, want: map[model.ID]string{fixture.Blue: "gone", pool("one"): "gone"}}),
		"its subnet cannot go before it": {
			{put: map[model.ID]string{pool("one"): poolSpec("10-19", "")}},
			{put: map[model.ID]string{fixture.Blue: strings.Replace(fixture.BlueSpec, "10.0.0.0/16", "10.9.0.0/16", 1)}, want: map[model.ID]string{
				fixture.Blue: "Invalid|would make AddressPool one wrong (spec.ranges[0].start: 10.0.1.10 is in no subnet of Network alpha/blue"}},
		},
	})
}

// TestPoolsDoNotShareAddresses: the pool that was first keeps its ranges.
func TestPoolsDoNotShareAddresses(t *testing.T) {
	t.Parallel()
	runSteps(t, map[string][]step{
		"the second is invalid until the first leaves it": {
			{put: map[model.ID]string{pool("one"): poolSpec("10-19", "")}},
			{put: map[model.ID]string{pool("two"): poolSpec("30-39,19-25", "")}, want: map[model.ID]string{
				pool("two"): "Invalid|spec.ranges[1]: 10.0.1.19 to 10.0.1.25 overlaps 10.0.1.10 to 10.0.1.19 of AddressPool one", pool("one"): "Accepted"}},
			{put: map[model.ID]string{pool("one"): poolSpec("10-18", "")}, want: map[model.ID]string{pool("two"): "Accepted"}},
		},
		"what was accepted stays in force": {
			{put: map[model.ID]string{pool("one"): poolSpec("10-19", `,"priority":1`), pool("two"): poolSpec("20-29", "")}},
			{put: map[model.ID]string{pool("two"): poolSpec("15-29", ""), fixture.Port("a"): noHost}, want: map[model.ID]string{pool("two"): "Invalid|overlaps"},
				addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2 10.0.1.10"}},
			{put: map[model.ID]string{pool("two"): `{"spec":{"network":"alpha/blue","ranges":[{"start":"10.0.1.20","end":"10.0.1.2"}],"colour":1}}`,
				pool("one"): poolSpec("10-19", `,"drain":true`), fixture.Port("b"): noHost},
				want: map[model.ID]string{pool("two"): "Invalid|colour|exchange them"}, addr: map[model.ID]string{fixture.Port("b"): "fd00:1::3 10.0.1.20"}},
		},
		"they may touch": {
			{put: map[model.ID]string{pool("one"): poolSpec("10-19", ""), pool("two"): poolSpec("20-29,5-9", "")}, want: map[model.ID]string{pool("two"): "Accepted"}},
		},
		"without a network": {
			{put: map[model.ID]string{pool("one"): strings.Replace(poolSpec("10-19", ""), "alpha/blue", "beta/blue", 1)}, want: map[model.ID]string{
				pool("one"): "Invalid|spec.network: Network beta/blue does not exist"}},
		},
	})
}

// TestAddressMobility: where a network keeps addresses in the host groups of their pools, a port that would take one to another group is
// refused, and stays where it is.
func TestAddressMobility(t *testing.T) {
	t.Parallel()
	a := fixture.Port("a")
	moving, moved := `{"spec":{"network":"blue","host":"h1","migrateTo":"h2"}}`, onHost("h2")
	begin := func(network string, pools map[model.ID]string) []step {
		return []step{racks(), {put: map[model.ID]string{fixture.Blue: network}}, {put: pools}, {put: map[model.ID]string{a: onHost("h1")}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"}}}
	}
	two := map[model.ID]string{pool("one"): poolSpec("10-19", rack1), pool("two"): poolSpec("20-29", rack2)}
	const refused = "host h2 is in group rack2, and the port's address 10.0.1.10 is of AddressPool one, which is for rack1: Network alpha/blue keeps addresses"
	const standby = "Pending|spec.migrateTo: needs feature standby" // accepted: the nodes here have no weftd
	then := func(begin []step, s ...step) []step { return append(begin, s...) }
	runSteps(t, map[string][]step{
		"by default it keeps its address everywhere": then(begin(fixture.BlueSpec, two),
			step{put: map[model.ID]string{a: moving}, want: map[model.ID]string{a: standby}},
			step{put: map[model.ID]string{a: moved}, want: map[model.ID]string{a: "Accepted"}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"}}),
		"a migration is refused": then(begin(rackMobility, two),
			step{put: map[model.ID]string{a: moving}, want: map[model.ID]string{a: "Invalid|spec.migrateTo: " + refused}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"}},
			step{put: map[model.ID]string{fixture.HostH2: hostIn("rack1")}, want: map[model.ID]string{a: standby}}),
		"another host is refused": then(begin(rackMobility, two),
			step{put: map[model.ID]string{a: moved}, want: map[model.ID]string{a: "Invalid|spec.host: " + refused}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"}},
			step{put: map[model.ID]string{pool("one"): poolSpec("10-19", `,"hostGroups":["rack1","rack2"]`)}, want: map[model.ID]string{a: "Accepted"}}),
		"the network lets it go": then(begin(rackMobility, two),
			step{put: map[model.ID]string{a: moving}, want: map[model.ID]string{a: "Invalid|" + refused}},
			step{put: map[model.ID]string{fixture.Blue: fixture.BlueSpec}, want: map[model.ID]string{a: standby}}),
		"a move that has begun goes on": then(begin(fixture.BlueSpec, two),
			step{put: map[model.ID]string{a: moving}},
			step{put: map[model.ID]string{fixture.Blue: rackMobility}, want: map[model.ID]string{a: standby}},
			step{put: map[model.ID]string{a: moved}, want: map[model.ID]string{a: "Accepted"}},
			step{put: map[model.ID]string{a: onHost("h1")}, want: map[model.ID]string{a: "Accepted"}}),
		"the host changes its group": then(begin(rackMobility, two),
			step{put: map[model.ID]string{fixture.HostH1: hostIn("rack9")}, want: map[model.ID]string{a: "Accepted"}, addr: map[model.ID]string{a: "fd00:1::2 10.0.1.10"}}),
		"a pool for every host": then(begin(rackMobility, map[model.ID]string{pool("one"): poolSpec("10-19", "")}),
			step{put: map[model.ID]string{a: moving}, want: map[model.ID]string{a: standby}}),
		"a host that is not there yet": then(begin(rackMobility, two),
			step{put: map[model.ID]string{a: strings.Replace(moving, "h2", "h7", 1)}, want: map[model.ID]string{a: "Pending|spec.migrateTo: host h7 does not exist or is not accepted yet"}},
			step{put: map[model.ID]string{model.HostID("h7"): hostIn("rack1")}, want: map[model.ID]string{a: standby}}),
		"an address that it asks for": then(begin(rackMobility, two), step{
			put: map[model.ID]string{
				fixture.Port("b"): `{"spec":{"network":"blue","host":"h2","addresses":["10.0.1.15"]}}`, fixture.Port("c"): `{"spec":{"network":"blue","host":"h2","addresses":["10.0.77.15"]}}`,
			},
			want: map[model.ID]string{fixture.Port("b"): "Invalid|spec.host: host h2 is in group rack2, and the port's address 10.0.1.15", fixture.Port("c"): "Accepted"},
		}),
	})
}
