package planner

import (
	"fmt"
	"strings"
	"testing"

	"weft/model"
	"weft/reconcile/control/internal/fixture"
)

// TestTheDHCPServerStandsWhereAddressesAreAllotted: the server's address is never outside the pools, unless it is declared.
func TestTheDHCPServerStandsWhereAddressesAreAllotted(t *testing.T) {
	t.Parallel()
	network := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "provider"}
	spec := func(more string) string {
		return `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.9.0.0/24","gateway":"10.9.0.1"` + more + `}]}}`
	}
	port := func(name, address string) (model.ID, string) {
		return model.ID{Project: "alpha", Kind: model.KindPort, Name: name}, fmt.Sprintf(`{"spec":{"network":"provider","addresses":[%q]}}`, address)
	}
	const pools, small = `,"allocationPools":[{"start":"10.9.0.100","end":"10.9.0.110"}]`, `,"allocationPools":[{"start":"10.9.0.100","end":"10.9.0.100"}]`
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	expect := func(what, server, says string) {
		t.Helper()
		s.settle()
		s.check()
		got := ""
		if a := s.cache().Accepted(network); a != nil && len(a.Allocated.DHCPServers) == 1 {
			got = a.Allocated.DHCPServers[0].String()
		}
		if cond := fmt.Sprint(s.condition(network)); got != server || !strings.Contains(cond, says) {
			t.Errorf("%s: %q, %s; expected %q, %q", what, got, cond, server, says)
		}
	}
	s.put(network, spec(""))
	expect("no pools: after the gateway", "10.9.0.2", "")
	s.put(port("first", "10.9.0.100"))
	s.put(network, spec(pools))
	expect("pools come: it moves, where nobody's address is in the way", "10.9.0.110", "")
	s.put(network, spec(`,"allocationPools":[{"start":"10.9.0.90","end":"10.9.0.120"}]`))
	expect("it stays while it is allotted", "10.9.0.110", "")
	s.put(network, spec(small))
	expect("none is left: what was accepted stays", "10.9.0.110", "no address of the allocation pools of 10.9.0.0/24 is free for the DHCP server")
	s.put(network, spec(small+`,"dhcpServer":"10.9.0.5"`))
	expect("it is declared", "10.9.0.5", "")
	id, _ := port("first", "")
	s.put(id, strings.Replace(`{"spec":{"network":"provider","addresses":["10.9.0.100"]}}`, "100", "101", 1))
	s.put(network, spec(`,"allocationPools":[{"start":"10.9.0.5","end":"10.9.0.6"},{"start":"10.9.0.1","end":"10.9.0.1"}]`))
	expect("a pool that holds the gateway alone is passed over", "10.9.0.5", "")
}
