package planner

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// The claims of a deleted port are released by its uid alone. The reports of other nodes are not read: they are nil here, and
// reading one would panic.
func TestADeletedPortCostsNoLookAtOtherReports(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("a"), fixture.PortOnH1)
	s.settle()
	uid := s.cache().Accepted(fixture.Port("a")).UID
	bucket := etcdschema.ActualBucket("h1", etcdschema.Bucket(uid))
	s.record(bucket, etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{uid: {ID: "alpha/a"}}})
	s.record(etcdschema.MACClaim(model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}), etcdschema.Claim{Owner: uid, State: etcdschema.ClaimBound})
	s.remove(fixture.Port("a"))
	s.settle()
	for i := range 100 {
		s.cache().Node(fmt.Sprint("other", i)).Buckets[0] = nil
	}
	s.event(bucket, nil)
	s.settle()
	owned := s.cache().Owned(uid)
	if len(owned) == 0 {
		t.Fatal("nothing is held of the port")
	}
	for k := range owned {
		if cl, _ := s.cache().Claim(k); cl.State != etcdschema.ClaimHeld {
			t.Errorf("%s is %s", k, cl.State)
		}
	}
}

// Counting the reports change by change gives the same as reading all of them, whatever was added, changed, refused and removed
// before.
func TestReportedOwnersAreThoseOfAllBuckets(t *testing.T) {
	t.Parallel()
	uids := []string{"", "a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t)
		uid := func(what string) string { return rapid.SampledFrom(uids[1:]).Draw(t, what) }
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			node := rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "node")
			k := etcdschema.ActualBucket(node, rapid.IntRange(0, 2).Draw(t, "bucket"))
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				s.event(k, nil)
				continue
			case 1:
				s.event(k, []byte(`{"ports":`))
				continue
			case 2:
				s.event(k, []byte(`{"exceptions":{"u":{"reason":"`+strings.Repeat("x", etcdschema.MaxBucketReportBytes)+`"}}}`))
				continue
			}
			r := etcdschema.BucketReport{
				Ports: map[string]etcdschema.PortReport{}, Gateways: map[string]etcdschema.GatewayReport{}, Claimed: map[string]etcdschema.ClaimedReport{},
			}
			for range rapid.IntRange(0, 3).Draw(t, "ports") {
				r.Ports[uid("port")] = etcdschema.PortReport{Network: rapid.SampledFrom(uids).Draw(t, "network")}
			}
			for range rapid.IntRange(0, 2).Draw(t, "gateways") {
				r.Gateways[uid("gateway")] = etcdschema.GatewayReport{}
			}
			for range rapid.IntRange(0, 2).Draw(t, "claimed") {
				r.Claimed[uid("claimed")] = etcdschema.ClaimedReport{Owner: rapid.SampledFrom(uids).Draw(t, "owner")}
			}
			s.record(k, r)
		}
		for _, u := range uids {
			if got, want := s.cache().Reported(u), mentioned(s.cache(), u); got != want {
				t.Fatalf("%q is reported: %v, want %v", u, got, want)
			}
		}
		for k := range s.cache().Entries() {
			s.event(k, nil)
		}
		for _, u := range uids {
			if s.cache().Reported(u) {
				t.Fatalf("nothing is reported any more, and %q is", u)
			}
		}
	})
}

// mentioned looks for the uid in all that nodes report.
func mentioned(c *cache.Cache, uid string) bool {
	for _, n := range c.Nodes() {
		for _, b := range n.Buckets {
			if _, ok := b.Gateways[uid]; ok {
				return true
			}
			for port, r := range b.Ports {
				if port == uid || r.Network == uid {
					return true
				}
			}
			for item, r := range b.Claimed {
				if r.OwnerOf(item) == uid {
					return true
				}
			}
		}
	}
	return false
}
