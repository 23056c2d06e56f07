package control

import (
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
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
		if got := s.planner.rebuildClaims(); len(got) != c.want {
			t.Errorf("%.20q %.20q %.20q: %d claims, expected %d", c.uid, c.id, c.network, len(got), c.want)
		}
	}
}
