package view

import (
	"strings"
	"testing"

	"time"
	"weft/etcdschema"
	"weft/model/desired"
)

// TestLimitsAreShown: with their units, and nothing where there are none.
func TestLimitsAreShown(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]desired.PortLimits{
		"": {},
		"limits: egress (what the guest sends) 1000 kbit/s, burst 700 kbit, 50 packets/s": {Egress: desired.RateLimit{RateKbps: 1000, BurstKbit: 700, PacketRate: 50}},
		"limits: egress (what the guest sends) 1000 kbit/s; ingress (what it receives) 50 packets/s": {Egress: desired.RateLimit{RateKbps: 1000},
			Ingress: desired.RateLimit{PacketRate: 50}},
		"limits: broadcast (what it sends to many) unlimited": {Broadcast: desired.BroadcastLimit{Unlimited: true}},
		"limits: ingress (what it receives) 50 packets/s; broadcast (what it sends to many) 20 packets/s, burst 40 packets": {
			Ingress: desired.RateLimit{PacketRate: 50}, Broadcast: desired.BroadcastLimit{PacketRate: 20, BurstPackets: 40}},
		"limits: broadcast (what it sends to many) 20 packets/s": {Broadcast: desired.BroadcastLimit{PacketRate: 20}},
	} {
		lines := portOnHost(etcdschema.NodeStatus{}, HostRecords{Port: &desired.Port{State: desired.StateActive, Limits: l}}, time.Time{})
		if got := strings.Join(lines[1:], "\n"); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
