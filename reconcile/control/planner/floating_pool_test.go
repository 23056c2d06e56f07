package planner

import (
	"net/netip"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/internal/fixture"
)

// pooledInternet is an external network with a range for everybody and two pools, one of both families.
const pooledInternet = `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":190,"external":{},"subnets":[
	{"cidr":"203.0.113.0/24","gateway":"203.0.113.1","allocationPools":[{"start":"203.0.113.10","end":"203.0.113.19"},
		{"name":"gold","start":"203.0.113.20","end":"203.0.113.21"},{"name":"silver","start":"203.0.113.30","end":"203.0.113.31"}]},
	{"cidr":"2001:db8:ffff::/64","gateway":"2001:db8:ffff::1","allocationPools":[{"name":"gold","start":"2001:db8:ffff::20","end":"2001:db8:ffff::21"}]}]}}`

// TestFloatingPools: only floating addresses that name a pool get its addresses.
func TestFloatingPools(t *testing.T) {
	t.Parallel()
	a, b, c := fixture.Floating("a"), fixture.Floating("b"), fixture.Floating("c")
	operator := model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}
	begin := step{put: map[model.ID]string{operator: `{"spec":{}}`, fixture.Internet: pooledInternet}, want: map[model.ID]string{fixture.Internet: "Accepted"}}
	ask := func(more string) string { return `{"spec":{"network":"operator/internet"` + more + `}}` }
	runSteps(t, map[string][]step{
		"each has its own": {begin, {
			put:  map[model.ID]string{a: ask(`,"pool":"gold"`), b: ask(``), c: ask(`,"pool":"silver"`)},
			addr: map[model.ID]string{a: "203.0.113.20", b: "203.0.113.10", c: "203.0.113.30"},
		}},
		"a full one makes wait, whatever others have": {begin, {
			put:  map[model.ID]string{a: ask(`,"pool":"gold"`), b: ask(`,"pool":"gold"`), c: ask(`,"pool":"gold"`)},
			want: map[model.ID]string{a: "Accepted", b: "Accepted", c: "Pending|spec.pool: no free address is left in the pool gold of 203.0.113.0/24"},
		}},
		"another pool is another address": {
			begin, {put: map[model.ID]string{a: ask(`,"pool":"gold"`)}, addr: map[model.ID]string{a: "203.0.113.20"}},
			{put: map[model.ID]string{a: ask(`,"pool":"silver"`)}, addr: map[model.ID]string{a: "203.0.113.30"}},
			{put: map[model.ID]string{a: ask(``)}, addr: map[model.ID]string{a: "203.0.113.30"}},
		},
		"addresses asked for": {begin, {
			put: map[model.ID]string{
				a: ask(`,"address":"203.0.113.20"`), b: ask(`,"pool":"gold","address":"203.0.113.10"`), c: ask(`,"pool":"gold","address":"203.0.113.21"`),
			},
			want: map[model.ID]string{
				a: "Invalid|spec.address: 203.0.113.20 is in the pool gold", b: "Invalid|spec.address: 203.0.113.10 is outside the pool gold", c: "Accepted",
			},
		}},
		"the family of the fixed address": {begin, {
			put: map[model.ID]string{
				fixture.Port("p"): `{"spec":{"network":"blue","addresses":["fd00:1::5"]}}`,
				a:                 ask(`,"pool":"gold","port":"p","fixedAddress":"fd00:1::5"`), b: ask(`,"pool":"silver","port":"p","fixedAddress":"fd00:1::5"`),
			},
			want: map[model.ID]string{b: "Invalid|spec.pool: the pool silver of Network operator/internet has no floating addresses of the family"},
			addr: map[model.ID]string{a: "2001:db8:ffff::20"},
		}},
		"one that is not there yet": {
			{put: map[model.ID]string{operator: `{"spec":{}}`, fixture.Internet: strings.ReplaceAll(pooledInternet, "gold", "bronze"), a: ask(`,"pool":"gold"`)},
				want: map[model.ID]string{a: "Invalid|spec.pool: Network operator/internet has no allocation pool"}},
			{put: map[model.ID]string{fixture.Internet: pooledInternet}, want: map[model.ID]string{a: "Accepted"}},
		},
		"one in use cannot go": {
			begin, {put: map[model.ID]string{a: ask(`,"pool":"gold"`)}},
			{
				put:  map[model.ID]string{fixture.Internet: strings.ReplaceAll(pooledInternet, "gold", "bronze")},
				want: map[model.ID]string{fixture.Internet: "Invalid|would make FloatingIP alpha/a wrong", a: "Accepted"},
			},
		},
		"without a range for everybody": {begin, {
			put:  map[model.ID]string{fixture.Internet: strings.Replace(pooledInternet, `{"start"`, `{"name":"copper","start"`, 1), a: ask(``)},
			want: map[model.ID]string{a: "Pending|spec.address: no free address is left in 203.0.113.0/24"},
		}},
	})
}

// A network that is deleted and declared again is another one. The floating address leads to the same address on the new one.
func TestAFloatingAddressFollowsANetworkMadeAgain(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.remove(fixture.Router("edge")) // the floating address evaluates nothing else of the network
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:01","addresses":["10.0.0.9","fd00:1::9"]}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	before := s.cache().Accepted(fixture.Blue).UID
	s.rev++ // another create revision
	s.cache().Set(etcdschema.Intent(fixture.Blue), nil)
	s.put(fixture.Blue, fixture.BlueSpec)
	s.settle()
	s.check()
	now := s.cache().Accepted(fixture.Blue).UID
	a := model.Address{Addr: netip.MustParseAddr("10.0.0.9")}
	if cl, ok := s.cache().Claim(etcdschema.FixedClaim(now, a)); before == now || !ok || cl.Owner != s.cache().Accepted(fixture.Floating("web")).UID {
		t.Errorf("the network was %s and is %s, the claim there is %+v", before, now, cl)
	}
}
