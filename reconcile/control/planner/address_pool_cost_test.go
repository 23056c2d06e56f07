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
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// A preview tells which address of which pool a port would get, and changes nothing.
func TestAPreviewGivesAddressesOfPools(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.putAll(racks().put)
	s.putAll(map[model.ID]string{pool("one"): poolSpec("10-19", rack1), pool("two"): poolSpec("20-29", rack2), fixture.Port("a"): onHost("h1")})
	s.settle()
	for host, want := range map[string]string{"h1": "10.0.1.11", "h2": "10.0.1.20"} {
		r := s.reader()
		pv, err := PreviewOf(t.Context(), r, kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.Port("new"), onHost(host))}, nil)
		if err != nil || len(pv.Objects) != 1 || !slices.Contains(pv.Objects[0].Allocated.Addresses, address(want)) {
			t.Errorf("on %s: %+v, %v; expected %s", host, pv.Objects, err, want)
		}
		if slices.Contains(r.listed, etcdschema.AcceptedPrefix().String()) {
			t.Errorf("everything was read: %v", r.listed)
		}
	}
	pv, err := PreviewOf(t.Context(), s.reader(), kind.AllKinds(), [3]byte{}, nil, []model.ID{pool("one")})
	if err != nil || len(pv.Objects) != 1 || pv.Objects[0].Phase != etcdschema.PhasePending || !strings.Contains(pv.Objects[0].Reasons[0].Message, "10.0.1.10 by Port alpha/a") {
		t.Errorf("deleting a pool in use: %+v, %v", pv.Objects, err)
	}
}

// When the claims of addresses are lost, the nodes' reports restore them, and the pool counts them again.
func TestPoolsCountRestoredClaims(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.putAll(map[model.ID]string{pool("one"): poolSpec("10-19", ""), fixture.Port("a"): onHost("h1"), fixture.Port("b"): onHost("h2")})
	s.settle()
	s.checkPools()
	a, network := s.cache().Accepted(fixture.Port("a")), s.cache().Accepted(fixture.Blue).UID
	s.record(etcdschema.ActualBucket("h1", etcdschema.Bucket(a.UID)), etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{
		a.UID: {ID: "alpha/a", Network: network, MAC: a.Allocated.MAC, Addresses: a.Allocated.Addresses},
	}})
	for _, k := range s.keysIn("claim") {
		if _, _, ok := etcdschema.ParseAddressClaim(k); ok {
			s.event(k, nil)
		}
	}
	for k, cl := range s.rebuildClaims() {
		s.record(k, cl)
	}
	s.put(fixture.Port("c"), onHost("h1"))
	s.settle()
	s.check()
	status, _ := s.planner.StatusFor(etcdschema.StatusKey(pool("one")))
	if c := status.AddressPool.IPv4; c.Used != 3 || c.Free != 7 {
		t.Errorf("counted are %+v", c)
	}
	if acc := s.cache().Accepted(fixture.Port("c")); !slices.Contains(acc.Allocated.Addresses, address("10.0.1.12")) {
		t.Errorf("c has %v", acc.Allocated.Addresses)
	}
}

// TestAChangedPoolConcernsWhoWaits: a pool that changes is no work for the ports that have an address already, and a port that comes or
// goes is none for other pools.
func TestAChangedPoolConcernsWhoWaits(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.putAll(racks().put)
	s.putAll(map[model.ID]string{pool("one"): poolSpec("10-12", rack1), pool("two"): poolSpec("20-29", rack2)})
	for _, name := range []string{"a", "b", "c", "waits"} {
		s.put(fixture.Port(name), onHost("h1"))
	}
	s.put(fixture.Port("asks"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.5.5"]}}`)
	s.settle()
	evaluated := func(what string, want ...model.ID) {
		t.Helper()
		did := map[model.ID]bool{}
		tx := s.cache().Begin()
		works := map[cache.Work]struct{}{}
		if err := s.planner.exhaust(tx, works); err != nil {
			t.Fatal(err)
		}
		tx.Abandon()
		for u := range works {
			s.planner.Queue.Add(u)
			if u.Kind == cache.WorkObject {
				did[u.ID] = true
			}
		}
		for _, id := range want {
			if !did[id] {
				t.Errorf("%s: %s is not evaluated", what, id)
			}
			delete(did, id)
		}
		if len(did) > 0 {
			t.Errorf("%s: evaluated are also %v", what, did)
		}
	}
	s.put(pool("one"), poolSpec("10-13", rack1))
	evaluated("a pool grows", pool("one"), fixture.Port("waits"), fixture.Blue) // the network owns the guard
	s.settle()
	s.put(pool("one"), poolSpec("10-13", rack1+`,"priority":7`))
	evaluated("nobody waits", pool("one"))
	s.settle()
	s.put(fixture.Port("new"), onHost("h2"))
	evaluated("a port comes", fixture.Port("new"), pool("two"), fixture.HostH2)
}

// TestAddressesOfALargePool: what the choice of an address costs does not depend on how many of its pool are in use.
func TestAddressesOfALargePool(t *testing.T) {
	t.Parallel()
	const all = `{"spec":{"network":"alpha/blue","ranges":[{"start":"10.0.0.1","end":"10.0.255.254"},{"start":"fd00:1::1","end":"fd00:1::ffff:ffff:ffff:ffff"}]}}`
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(pool("all"), all)
	s.settle()
	network := s.cache().Accepted(fixture.Blue).UID
	other := &etcdschema.Claim{Owner: "99999999-0000-4000-8000-000000000000", State: etcdschema.ClaimBound, For: "Port alpha/lost"}
	data, err := etcdschema.Encode(other)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 60000 { // others have them
		a := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		if k := etcdschema.AddressClaim(network, model.Address{Addr: a}); n > 2 && s.cache().Entry(k) == nil {
			s.cache().Set(k, &cache.Entry{Data: data, Value: other, ModRevision: s.rev, CreateRevision: s.rev})
		}
	}
	began := time.Now()
	const ports = 200
	for i := range ports {
		s.put(fixture.Port(fmt.Sprintf("p%03d", i)), onHost("h1"))
	}
	s.settle()
	t.Logf("%d ports beside 60,000: %s", ports, time.Since(began))
	acc := s.cache().Accepted(fixture.Port("p199"))
	if acc == nil || !slices.Contains(acc.Allocated.Addresses, address("10.0.235.39")) {
		t.Fatalf("the last port has %+v", acc)
	}
	status, _ := s.planner.StatusFor(etcdschema.StatusKey(pool("all")))
	v4, v6 := status.AddressPool.IPv4, status.AddressPool.IPv6
	if v4.Size != 65532 || v4.Used != 60000-3+ports || v4.Free != v4.Size-v4.Used || v6.Used != ports {
		t.Errorf("counted are %+v %+v", v4, v6)
	}
}
