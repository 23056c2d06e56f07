package etcdschema

import (
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"weft/etcdschema/etcdserver"
)

func TestExamineTellsOfMembersAlarmsAndHistory(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	e := startTest(t, etcdserver.Config{})
	const nobody = "http://127.0.0.1:1"
	c := openTest(t, e)
	put(t, c, "intent/a", "1")
	h := Examine(ctx, c)
	if len(h.Warnings) != 0 || len(h.Members) != 1 || !h.Members[0].Leads || h.Members[0].Name == "" || h.Members[0].Size == 0 || h.Revision < 2 || h.Compacted != 0 {
		t.Errorf("a healthy one: %+v", h)
	}
	if _, err := c.Etcd().Compact(ctx, h.Revision); err != nil {
		t.Fatal(err)
	}
	status, err := c.Etcd().Status(ctx, e.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	alarm := &etcdserverpb.AlarmRequest{Action: etcdserverpb.AlarmRequest_ACTIVATE, Alarm: etcdserverpb.AlarmType_NOSPACE, MemberID: status.Header.MemberId}
	if _, err := etcdserverpb.NewMaintenanceClient(c.Etcd().ActiveConnection()).Alarm(ctx, alarm); err != nil {
		t.Fatal(err)
	}
	c.config.Endpoints = append(c.config.Endpoints, nobody)
	h = Examine(ctx, c)
	said := strings.Join(h.Warnings, "\n")
	for _, want := range []string{"alarm NOSPACE of member", "etcdctl alarm disarm", nobody + " does not answer"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	if h.Compacted != status.Header.Revision || h.Members[1].Error == "" || h.Members[0].Error != "" {
		t.Errorf("compacted at %d: %+v", status.Header.Revision, h)
	}
}

func TestHealthSaysWhatToDo(t *testing.T) {
	t.Parallel()
	good := MemberHealth{Endpoint: "http://e1", Name: "m1", Version: "3.7.3", Size: 100 << 20, InUse: 90 << 20, Quota: 4 << 30, id: 1, leader: 1}
	for name, c := range map[string]struct {
		change func(h *Health)
		want   string // part of the only warning; empty for none
	}{
		"good":        {func(*Health) {}, ""},
		"old":         {func(h *Health) { h.Members[0].Version = "3.5.9" }, "3.6.14"},
		"small quota": {func(h *Health) { h.Members[0].Quota = 1 << 30 }, "--quota-backend-bytes"},
		"full":        {func(h *Health) { h.Members[0].Size, h.Members[0].InUse = 3900<<20, 3800<<20 }, "compact, or raise"},
		"fragmented":  {func(h *Health) { h.Members[0].Size = 3900 << 20 }, "etcdctl defrag"},
		"history":     {func(h *Health) { h.Revision, h.Compacted = longHistory+11, 10 }, "--auto-compaction-retention=1h"},
		"kept short":  {func(h *Health) { h.Revision, h.Compacted = 10*longHistory, 10*longHistory-50 }, ""},
	} {
		h := Health{Members: []MemberHealth{good}, Revision: 1000}
		c.change(&h)
		h.warn()
		if (c.want == "") != (len(h.Warnings) == 0) || len(h.Warnings) > 1 || !strings.Contains(strings.Join(h.Warnings, ""), c.want) {
			t.Errorf("%s: %q", name, h.Warnings)
		}
	}
	h := Health{Members: []MemberHealth{good}}
	h.Members[0].leader = 0
	h.warn()
	if said := strings.Join(h.Warnings, "\n"); !strings.Contains(said, "knows no leader") || !strings.Contains(said, "more than half") {
		t.Errorf("no leader: %s", said)
	}
	h = Health{Members: []MemberHealth{good}}
	h.warnOfMembers([]*etcdserverpb.Member{{ID: 1, Name: "m1"}, {ID: 2, Name: "m2", ClientURLs: []string{"http://e2"}}, {ID: 3}, {ID: 4, Name: "m4", ClientURLs: []string{"http://e1"}}})
	if said := strings.Join(h.Warnings, "\n"); len(h.Warnings) != 3 || !strings.Contains(said, "m2") || !strings.Contains(said, "never started") || !strings.Contains(said, "odd number") {
		t.Errorf("members: %s", said)
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	t.Parallel()
	for version, old := range map[string]bool{"3.4.23": true, "3.3.0": true, "2.3.8": true, "3.5.0": false, "3.7.3": false, "4.0.0": false, "x": false, "": false} {
		if err := tooOld(version); (err != nil) != old {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// TestEachAlarmHasItsAdvice: who reads of a corrupt member must not defragment it.
func TestEachAlarmHasItsAdvice(t *testing.T) {
	t.Parallel()
	for alarm, want := range map[etcdserverpb.AlarmType]string{
		etcdserverpb.AlarmType_NOSPACE: "accepts no writes", etcdserverpb.AlarmType_CORRUPT: "remove it from the cluster", 99: "see etcd's documentation",
	} {
		if got := alarmAdvice(alarm); !strings.Contains(got, want) || !strings.Contains(got, "etcdctl alarm disarm") {
			t.Errorf("%s: %q, want %q in it", alarm, got, want)
		}
	}
}
