package planner

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// What a node writes below its prefix that is no report, or is larger than a report may be, takes no memory of the controllers.
func TestJunkOfANodeIsNotTakenIn(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.settle()
	counted := map[string]int{}
	s.planner.Refused.Count = func(node, reason string) { counted[node+" "+reason]++ }
	before := s.cache().Size()
	put := func(key, value string) { s.event(etcdschema.ParseKey(key), []byte(value)) }
	for i := range 150 {
		put(fmt.Sprintf("actual/h1/junk-%d", i), strings.Repeat("x", 1<<20))
	}
	put("actual/h1/bucket/1", `{"ports":{}}`) // the key of this bucket would end with 01
	put("actual/h1/bucket/02", `{"exceptions":{"u":{"reason":"`+strings.Repeat("x", etcdschema.MaxBucketReportBytes)+`"}}}`)
	put("actual/h1/bucket/03", `{"exceptions":`)
	put("actual/h1/bucket/04", `{"exceptions":{`+manyEntries(cache.MaxBucketEntries+1)+`}}`)
	put("actual/h1/bucket/05", `{"ports":{"u":{"addresses":[`+strings.TrimSuffix(strings.Repeat(`"::1",`, cache.MaxReportedAddresses+1), ",")+`]}}}`)
	put("actual/h3/node", `{"clusterID":"`+strings.Repeat("f", 100)+`"}`)
	if n := s.cache().Size(); n != before {
		t.Errorf("%d keys are kept", n-before)
	}
	want := map[string]int{"h1 unknown": 151, "h1 too-large": 1, "h1 unreadable": 3, "h3 unreadable": 1}
	if fmt.Sprint(counted) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
	if said := s.planner.Refused.Nodes["h1"].String(); !strings.Contains(said, "155 keys") || !strings.Contains(said, "actual/h1/bucket/05") {
		t.Errorf("told as %q", said)
	}
	// A key that is deleted, or becomes a valid report, is not counted any more.
	for i := range 150 {
		s.event(etcdschema.ParseKey(fmt.Sprintf("actual/h1/junk-%d", i)), nil)
	}
	put("actual/h1/bucket/02", `{}`)
	if said := s.planner.Refused.Nodes["h1"].String(); !strings.Contains(said, "4 keys") {
		t.Errorf("told as %q", said)
	}
	put("actual/h3/node", `{}`)
	if s.planner.Refused.Nodes["h3"] != nil {
		t.Error("h3 reports as it should, and is named")
	}
	s.settle()
	s.check()
}

func manyEntries(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"%d":{}`, i)
	}
	return strings.Join(list, ",")
}

// The buckets of a node have a common bound. Overwriting one does not use it up.
func TestAReportHasABoundAltogether(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	full := []byte(`{"x":"` + strings.Repeat("x", etcdschema.MaxBucketReportBytes-10) + `"}`)
	for range 3 {
		for b := range etcdschema.Buckets {
			s.event(etcdschema.ActualBucket("h1", b), full)
		}
	}
	if n := s.cache().ReportBytes("h1", etcdschema.Key{}); n > cache.MaxReportBytes || n < cache.MaxReportBytes-len(full) {
		t.Errorf("%d bytes are kept", n)
	}
	for b := range etcdschema.Buckets {
		s.event(etcdschema.ActualBucket("h1", b), nil)
	}
	if n := s.cache().ReportBytes("h1", etcdschema.Key{}); n != 0 || len(s.planner.Refused.Nodes) != 0 {
		t.Errorf("all is gone, %d bytes are counted", n)
	}
}

// However long a reason on one node is, the status of an object on several nodes can be written.
func TestAReasonIsShortened(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.settle()
	uid := s.cache().Accepted(fixture.Blue).UID
	s.record(etcdschema.ActualBucket("h1", etcdschema.Bucket(uid)), etcdschema.BucketReport{Exceptions: map[string]etcdschema.Exception{
		uid: {State: etcdschema.ExceptionFailed, Reason: strings.Repeat("ä", 50_000)},
	}})
	s.settle()
	st, _ := s.planner.StatusFor(etcdschema.StatusKey(fixture.Blue))
	if st == nil || len(st.Nodes["h1"].Reason) > 2*cache.MaxReportedText || !strings.HasSuffix(st.Nodes["h1"].Reason, "ä…") {
		t.Errorf("the status is %+v", st)
	}
}

// A node cannot report for others: neither a host's own MAC and addresses, nor a router that cannot be on it.
func TestANodeSpeaksForItself(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.settle()
	const uid = "99999999-0000-4000-8000-000000000000"
	h1 := s.cache().Accepted(fixture.HostH1).UID
	mac := model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}
	s.record(etcdschema.ActualBucket("h2", etcdschema.Bucket(h1)), etcdschema.BucketReport{
		Claimed: map[string]etcdschema.ClaimedReport{h1: {For: "Host h1", MAC: mac}},
	})
	s.record(etcdschema.ActualBucket("h2", etcdschema.Bucket(uid)), etcdschema.BucketReport{
		Gateways: map[string]etcdschema.GatewayReport{uid: {ID: "alpha/edge", State: etcdschema.GatewayActive, MAC: mac}},
	})
	if got := s.rebuildClaims(); len(got) != 0 {
		t.Errorf("claims are made of it: %v", got)
	}
	// The same report of the host itself is believed.
	s.record(etcdschema.ActualBucket("h1", etcdschema.Bucket(h1)), etcdschema.BucketReport{
		Claimed: map[string]etcdschema.ClaimedReport{h1: {For: "Host h1", MAC: mac}},
	})
	if got := s.rebuildClaims(); len(got) != 1 {
		t.Errorf("claims of what h1 has: %v", got)
	}
}
