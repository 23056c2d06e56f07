package planner

import (
	"net/netip"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/internal/fixture"
)

func TestRebuildTakesNoKeysOfANodesMaking(t *testing.T) {
	t.Parallel()
	const good = "99999999-0000-4000-8000-000000000000"
	s := newSim(t)
	report := func(uid, id, network string) {
		s.record(etcdschema.ActualBucket("h1", etcdschema.Bucket(uid)), etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{
			uid: {ID: id, Network: network, MAC: model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}},
		}})
		s.settle()
	}
	for _, c := range []struct {
		uid, id, network string
		want             int
	}{
		{good, "alpha/web", good, 1},
		{good, "alpha/web", "a/../b", 0},
		{good, "alpha/web", strings.Repeat("x", 1<<16), 0},
		{good, strings.Repeat("x", 1<<16), good, 0},
		{good, "alpha/web", good, 1},
	} {
		report(c.uid, c.id, c.network)
		if got := s.rebuildClaims(); len(got) != c.want {
			t.Errorf("%.20q %.20q %.20q: %d claims, expected %d", c.uid, c.id, c.network, len(got), c.want)
		}
	}
}

// After a restore that has lost them, the nodes' reports keep floating addresses and the nodes' own addresses from others.
func TestRebuildKeepsWhatNodesUse(t *testing.T) {
	t.Parallel()
	const uid = "99999999-0000-4000-8000-000000000000"
	s := routedRegion(t)
	s.settle()
	x := s.cache().Accepted(fixture.Internet).UID
	used := model.Address{Addr: netip.MustParseAddr("203.0.113.10")}
	mac := model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}
	bucket := etcdschema.ActualBucket("h2", etcdschema.Bucket(uid))
	for _, c := range []struct {
		item   string
		report etcdschema.ClaimedReport
		want   int
	}{
		{"no uid", etcdschema.ClaimedReport{For: "Host h2", MAC: mac}, 0},
		{uid, etcdschema.ClaimedReport{For: "Host h2", Owner: "a/../b", MAC: mac}, 0},
		{uid, etcdschema.ClaimedReport{For: strings.Repeat("x", 999), MAC: mac}, 0},
		{uid, etcdschema.ClaimedReport{For: "FloatingIP alpha/lost", Network: "a/../b", Addresses: []model.Address{used}}, 0},
		{uid, etcdschema.ClaimedReport{For: "FloatingIP alpha/lost", Network: x, Addresses: make([]model.Address, 1000)}, 0},
		{uid, etcdschema.ClaimedReport{For: "Host h9", MAC: mac}, 0}, // h2 may not report for another host
		{uid, etcdschema.ClaimedReport{For: "FloatingIP alpha/lost", Owner: s.cache().Accepted(fixture.HostH1).UID, Network: x, Addresses: []model.Address{used}}, 0},
		{uid, etcdschema.ClaimedReport{For: "FloatingIP alpha/lost", Owner: s.cache().Accepted(fixture.Blue).UID, MAC: mac}, 0},
		{uid, etcdschema.ClaimedReport{For: "Host h2", MAC: mac}, 1},
		{uid, etcdschema.ClaimedReport{For: "FloatingIP alpha/lost", Network: x, Addresses: []model.Address{used}}, 1},
	} {
		s.record(bucket, etcdschema.BucketReport{Claimed: map[string]etcdschema.ClaimedReport{c.item: c.report}})
		if got := s.restoreClaims(); got != c.want {
			t.Errorf("%s %+.60v: %d claims, expected %d", c.item, c.report, got, c.want)
		}
	}
	s.staysWhileReported(t, x, used, uid, bucket, "floating address")
}

// A host whose own address was lost in a restore keeps it.
func TestRebuildGivesHostsTheirOwnBack(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.settle()
	x, host := s.cache().Accepted(fixture.Internet).UID, s.cache().Accepted(model.HostID("h1")).UID
	own := model.Address{Addr: netip.MustParseAddr("203.0.113.77")}
	mac := model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}
	report := func(item string, c etcdschema.ClaimedReport) {
		s.record(etcdschema.ActualBucket("h1", etcdschema.Bucket(item)), etcdschema.BucketReport{Claimed: map[string]etcdschema.ClaimedReport{item: c}})
	}
	report(x, etcdschema.ClaimedReport{For: "Host h1", Owner: host, Network: x, Addresses: []model.Address{own}})
	report(host, etcdschema.ClaimedReport{For: "Host h1", MAC: mac})
	got := s.rebuildClaims()
	if len(got) != 2 {
		t.Fatalf("%d claims, expected MAC and address: %v", len(got), got)
	}
	for k, cl := range got {
		s.record(k, cl)
	}
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:01"}}`)
	s.settle()
	h := s.cache().Accepted(model.HostID("h1")).Allocated
	if h.MAC != mac || len(h.External) != 1 || len(h.External[0].Addresses) == 0 || h.External[0].Addresses[0] != own {
		t.Errorf("the host was given %+v, expected %s and %s", h, mac, own)
	}
	s.check()
}
