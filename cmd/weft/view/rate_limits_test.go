package view

import (
	"slices"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// TestRateLimitsAreShown: of routers and floating addresses, with their units and with what they dropped, and nothing where there are none.
func TestRateLimitsAreShown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	host := HostRecords{Rejected: []etcdschema.RejectedFrames{{Reason: "egress-rate", Frames: 12, Last: now.Add(-20 * time.Second)}}}
	for want, l := range map[string]model.RateLimits{
		"": {},
		"egress (to outside) 1000 kbit/s, burst 2000 kbit; ingress (from outside) 50 packets/s": {
			Egress: &model.RateLimit{RateKbps: 1000, BurstKbit: 2000}, Ingress: &model.RateLimit{PacketRate: 50}},
	} {
		for kind, spec := range map[*Kind]model.Spec{new(router()): &model.RouterSpec{Limits: l}, new(floatingIP()): &model.FloatingIPSpec{Limits: l}} {
			facts := kind.Facts(Entry{Object: model.Object{Spec: spec}}, Records{}, now)
			i := slices.IndexFunc(facts, func(f Fact) bool { return f.Name == "limits" })
			if i < 0 || facts[i].Text != want {
				t.Errorf("%s: %+v, expected %q", kind.Of, facts, want)
			}
			if lines := kind.OnHost(etcdschema.NodeStatus{}, host, now); !slices.Equal(lines, []string{"dropped above the limit: egress-rate 12 packets (last 20s ago)"}) {
				t.Errorf("%s: on its host %q", kind.Of, lines)
			}
			if lines := kind.OnHost(etcdschema.NodeStatus{}, HostRecords{}, now); len(lines) > 0 {
				t.Errorf("%s: on a host that dropped nothing %q", kind.Of, lines)
			}
		}
	}
}
