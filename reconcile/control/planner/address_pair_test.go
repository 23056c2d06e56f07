package planner

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

// withPairs is the spec of a port of network blue with these pairs.
func withPairs(pairs string) string {
	return `{"spec":{"network":"blue","allowedAddressPairs":[` + pairs + `]}}`
}

const (
	vip    = `{"address":"10.0.0.50"}`
	vipMAC = `{"address":"10.0.0.50","mac":"00:00:5e:00:01:33"}`
	behind = `{"address":"10.0.0.64/28"}`
)

// TestAddressPairClaims: who gets which addresses beside allowed address pairs, and what is refused.
func TestAddressPairClaims(t *testing.T) {
	t.Parallel()
	a, b, c := fixture.Port("a"), fixture.Port("b"), fixture.Port("c")
	at := func(address string) string {
		return `{"spec":{"network":"blue","addresses":["` + address + `"]}}`
	}
	runSteps(t, map[string][]step{
		"several ports share one": {
			{put: map[model.ID]string{a: withPairs(vip), b: withPairs(vipMAC + `,` + behind), c: withPairs(behind + `,{"address":"10.0.0.72/29"}`)},
				want: map[model.ID]string{a: "Accepted", b: "Accepted", c: "Accepted"}},
		},
		"no port is given an address of one, its own port neither": {
			{put: map[model.ID]string{a: withPairs(`{"address":"10.0.0.3"},{"address":"10.0.0.4/30"},{"address":"fd00:1::2/127"}`)},
				addr: map[model.ID]string{a: "fd00:1::4 10.0.0.8"}},
			{put: map[model.ID]string{b: `{"spec":{"network":"blue"}}`}, addr: map[model.ID]string{b: "fd00:1::5 10.0.0.9"}},
		},
		"an address of another port's pair is refused": {
			{put: map[model.ID]string{a: withPairs(vip + "," + behind)}},
			{put: map[model.ID]string{b: at("10.0.0.50"), c: at("10.0.0.79")}, want: map[model.ID]string{
				b: "Invalid|spec.addresses[0]: address 10.0.0.50 is in spec.allowedAddressPairs of Port alpha/a",
				c: "Invalid|spec.addresses[0]: address 10.0.0.79 is in spec.allowedAddressPairs of Port alpha/a"}},
		},
		"a port may have its own address in its pair": {
			{put: map[model.ID]string{a: `{"spec":{"network":"blue","addresses":["10.0.0.66"],"allowedAddressPairs":[` + behind + `]}}`}, want: map[model.ID]string{a: "Accepted"}},
		},
		"a pair with another port's address is refused": {
			{put: map[model.ID]string{a: at("10.0.0.70")}},
			{put: map[model.ID]string{b: withPairs(`{"address":"10.0.0.70"}`), c: withPairs(vip + "," + behind)}, want: map[model.ID]string{
				b: "Invalid|spec.allowedAddressPairs[0].address: address 10.0.0.70 belongs to Port alpha/a",
				c: "Invalid|spec.allowedAddressPairs[1].address: address 10.0.0.70 of 10.0.0.64/28 belongs to Port alpha/a"}},
		},
		"it is accepted when that port is gone and the hold time has passed": {
			{put: map[model.ID]string{a: at("10.0.0.70")}},
			{put: map[model.ID]string{b: withPairs(behind)}, want: map[model.ID]string{b: "Invalid|belongs to Port alpha/a"}},
			{remove: []model.ID{a}, want: map[model.ID]string{b: "Pending|spec.allowedAddressPairs[0].address: address 10.0.0.70 of 10.0.0.64/28 was released by Port alpha/a"}},
		},
		"a pair that is refused leaves the port as it was": {
			{put: map[model.ID]string{a: at("10.0.0.70"), b: withPairs(vip)}, want: map[model.ID]string{b: "Accepted"}},
			{put: map[model.ID]string{b: withPairs(behind)}, want: map[model.ID]string{b: "Invalid|belongs to Port alpha/a"}},
			{put: map[model.ID]string{c: at("10.0.0.50")}, want: map[model.ID]string{c: "Invalid|is in spec.allowedAddressPairs of Port alpha/b"}},
		},
		"a released pair is held": {
			{put: map[model.ID]string{a: withPairs(vip)}},
			{put: map[model.ID]string{a: `{"spec":{"network":"blue"}}`}, want: map[model.ID]string{a: "Accepted"}},
			{put: map[model.ID]string{b: at("10.0.0.50")}, want: map[model.ID]string{b: "Pending|address 10.0.0.50 was released by Port alpha/a"}},
			{put: map[model.ID]string{c: withPairs(vip)}, want: map[model.ID]string{c: "Accepted"}},
			{put: map[model.ID]string{a: withPairs(vip)}, want: map[model.ID]string{a: "Accepted"}},
		},
		"a port that has the pair is named, not one that has released it": {
			{put: map[model.ID]string{a: withPairs(vip), b: withPairs(vip)}},
			{put: map[model.ID]string{a: `{"spec":{"network":"blue"}}`}},
			{put: map[model.ID]string{c: at("10.0.0.50")}, want: map[model.ID]string{c: "Invalid|is in spec.allowedAddressPairs of Port alpha/b"}},
		},
	})
}

// TestAddressPairsOnTheirNetwork: what a network has itself, its MACs, and what is in none of its subnets.
func TestAddressPairsOnTheirNetwork(t *testing.T) {
	t.Parallel()
	a, b, c := fixture.Port("a"), fixture.Port("b"), fixture.Port("c")
	at := func(address string) string {
		return `{"spec":{"network":"blue","addresses":["` + address + `"]}}`
	}
	runSteps(t, map[string][]step{
		"Weft's own addresses are refused": {
			{put: map[model.ID]string{a: withPairs(`{"address":"10.0.0.1"}`), b: withPairs(`{"address":"10.0.0.2"}`), c: withPairs(`{"address":"fd00:1::/64"}`)}, want: map[model.ID]string{
				a: "Invalid|spec.allowedAddressPairs[0].address: 10.0.0.1 has 10.0.0.1, which is the gateway of 10.0.0.0/16",
				b: "Invalid|spec.allowedAddressPairs[0].address: address 10.0.0.2 belongs to Network alpha/blue",
				c: "Invalid|spec.allowedAddressPairs[0].address: fd00:1::/64 has fd00:1::1, which is the gateway of fd00:1::/64"}},
		},
		"a network takes no address of a pair for its gateway": {
			{put: map[model.ID]string{a: withPairs(vip)}},
			{put: map[model.ID]string{fixture.Blue: strings.Replace(fixture.BlueSpec, `"10.0.0.0/16"`, `"10.0.0.0/16","dhcpServer":"10.0.0.50"`, 1)}, want: map[model.ID]string{
				fixture.Blue: "Invalid|spec.subnets[0].dhcpServer: DHCP server address 10.0.0.50 is in spec.allowedAddressPairs of Port alpha/a"}},
		},
		"no DHCP server is chosen out of a pair": {
			{put: map[model.ID]string{a: `{"spec":{"network":"blue","addresses":["10.0.0.9"],"allowedAddressPairs":[{"address":"10.1.0.0/29"}]}}`}},
			{put: map[model.ID]string{fixture.Blue: strings.Replace(fixture.BlueSpec, `{"cidr":"10.0.0.0/16"}`, `{"cidr":"10.0.0.0/16"},{"cidr":"10.1.0.0/16","gateway":"10.1.0.9"}`, 1)}, want: map[model.ID]string{
				fixture.Blue: "Accepted"}},
			{put: map[model.ID]string{b: at("10.1.0.10")}, want: map[model.ID]string{b: "Invalid|address 10.1.0.10 belongs to Network alpha/blue"}},
		},
		"outside of all subnets": {
			{put: map[model.ID]string{a: withPairs(`{"address":"172.16.0.0/12"}`), b: withPairs(`{"address":"172.16.5.5"}`)}, want: map[model.ID]string{a: "Accepted", b: "Accepted"}},
		},
		"MACs": {
			{put: map[model.ID]string{
				a: `{"spec":{"network":"blue","mac":"52:54:00:00:00:01","allowedAddressPairs":[{"address":"10.0.0.50","mac":"52:54:00:00:00:01"}]}}`,
				b: withPairs(`{"address":"10.0.0.50","mac":"fa:16:3e:00:00:99"}`)}, want: map[model.ID]string{
				a: "Accepted", b: "Invalid|spec.allowedAddressPairs[0].mac: fa:16:3e:00:00:99 begins with fa:16:3e"}},
			{put: map[model.ID]string{b: withPairs(`{"address":"10.0.0.50","mac":"52:54:00:00:00:01"}`)}, want: map[model.ID]string{
				b: "Invalid|spec.allowedAddressPairs[0].mac: MAC 52:54:00:00:00:01 belongs to Port alpha/a"}},
			{put: map[model.ID]string{b: withPairs(vipMAC), c: withPairs(vipMAC)}, want: map[model.ID]string{b: "Accepted", c: "Accepted"}},
			{put: map[model.ID]string{fixture.Port("d"): `{"spec":{"network":"blue","mac":"00:00:5e:00:01:33"}}`}, want: map[model.ID]string{
				fixture.Port("d"): "Invalid|spec.mac: MAC 00:00:5e:00:01:33 is in spec.allowedAddressPairs of Port alpha/b"}},
		},
		"isolated guests are recognised by their MACs": {
			{put: map[model.ID]string{fixture.Blue: blueWith(`"isolateGuests":true`), a: withPairs(vip)}, want: map[model.ID]string{a: "Accepted"}},
			{put: map[model.ID]string{a: withPairs(vipMAC)}, want: map[model.ID]string{a: "Invalid|the network isolates its guests"}},
			{put: map[model.ID]string{fixture.Blue: fixture.BlueSpec}, want: map[model.ID]string{a: "Accepted"}},
			{put: map[model.ID]string{fixture.Blue: blueWith(`"isolateGuests":true`)}, want: map[model.ID]string{
				fixture.Blue: "Invalid|spec.isolateGuests: Port alpha/a has MAC 00:00:5e:00:01:33"}},
		},
	})
}

// pairsOn are the pairs in a port's item on h1, and whether h1 was told that the network has some.
func (s *sim) pairsOnH1(name string) (list []string, network bool) {
	s.t.Helper()
	s.settle()
	s.check()
	if p, ok := fixture.ItemOn[*desired.Port](s.cache(), "h1", fixture.Port(name)); ok {
		for _, pair := range p.AddressPairs {
			list = append(list, pair.Address.String()+" "+pair.MAC.String())
		}
	}
	n, _ := fixture.ItemOn[*desired.Network](s.cache(), "h1", fixture.Blue)
	return list, n != nil && n.AddressPairs
}

// TestAddressPairsOnHosts: a host is told of the pairs of its ports, with the MAC filled in, and of the network that has some. A change
// comes at once. A host that does not know them gets neither, and the port says so.
func TestAddressPairsOnHosts(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.feature("h1", append(desired.Baseline(), desired.FeatureAddressPairs)...)
	s.feature("h2", desired.Baseline()...)
	expect := func(what, name string, network bool, want ...string) {
		t.Helper()
		if got, told := s.pairsOnH1(name); !slices.Equal(got, want) || told != network {
			t.Errorf("%s: %q, %v; expected %q, %v", what, got, told, want, network)
		}
	}
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1","mac":"52:54:00:00:00:01"}}`)
	expect("none", "web", false)
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1","mac":"52:54:00:00:00:01","allowedAddressPairs":[`+vip+`,`+vipMAC+`]}}`)
	expect("two", "web", true, "10.0.0.50 52:54:00:00:00:01", "10.0.0.50 00:00:5e:00:01:33")
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1","mac":"52:54:00:00:00:01"}}`)
	expect("taken back", "web", true) // the claims are held

	s.put(fixture.Port("other"), `{"spec":{"network":"blue","host":"h2","allowedAddressPairs":[`+vip+`]}}`)
	s.settle()
	s.check()
	if got := s.reasons(fixture.Port("other")); !strings.Contains(got, "needs feature address-pairs, which host h2 does not have: upgrade weftd there") {
		t.Errorf("a port on an old host says %q", got)
	}
	if fixture.Placed(s.cache(), "h2", "other") {
		t.Error("an old host got the port")
	}
	s.put(fixture.Port("plain"), `{"spec":{"network":"blue","host":"h2"}}`)
	s.settle()
	if n, ok := fixture.ItemOn[*desired.Network](s.cache(), "h2", fixture.Blue); !ok || n.AddressPairs {
		t.Errorf("an old host has the network %+v", n)
	}
	s.feature("h2", append(desired.Baseline(), desired.FeatureAddressPairs)...)
	s.settle()
	s.check()
	if n, _ := fixture.ItemOn[*desired.Network](s.cache(), "h2", fixture.Blue); n == nil || !n.AddressPairs || !fixture.Placed(s.cache(), "h2", "other") {
		t.Errorf("after the upgrade h2 has %+v", n)
	}
}

// TestPairOfAnAddressThatWasGivenAway: two replicas that claim at the same time can give an address of a pair to somebody else. Then hosts
// are not told of the pair, until the address is free.
func TestPairOfAnAddressThatWasGivenAway(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.feature("h1", append(desired.Baseline(), desired.FeatureAddressPairs)...)
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1","allowedAddressPairs":[`+behind+`,`+vip+`]}}`)
	s.settle()
	both, _ := s.pairsOnH1("web")
	k := etcdschema.AddressClaim(s.cache().Accepted(fixture.Blue).UID, model.Address{Addr: netip.MustParseAddr("10.0.0.70")})
	s.record(k, etcdschema.Claim{Owner: "somebody", State: etcdschema.ClaimBound, For: "Port alpha/other"})
	withdrawn, reason := false, ""
	for !s.planner.Queue.Empty() && !withdrawn {
		s.transact()
		p, _ := fixture.ItemOn[*desired.Port](s.cache(), "h1", fixture.Port("web"))
		if withdrawn = len(p.AddressPairs) == 1 && p.AddressPairs[0].Address.String() == "10.0.0.50"; withdrawn {
			reason = s.reasons(fixture.Port("web"))
		}
	}
	if !withdrawn || !strings.Contains(reason, "spec.allowedAddressPairs[0]: is used nowhere: address 10.0.0.70 of it belongs to Port alpha/other") {
		t.Errorf("the pair was withdrawn: %v; %s", withdrawn, reason)
	}
	s.event(k, nil)
	if again, _ := s.pairsOnH1("web"); !slices.Equal(again, both) || len(both) != 2 {
		t.Errorf("h1 has %q, and had %q", again, both)
	}
}
