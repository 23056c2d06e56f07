package model

import (
	"testing"
)

// TestPortLimitFaults: on a port, a network and a project, in both directions.
func TestPortLimitFaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		kind          Kind
		before, field string
	}{{KindPort, `"network": "n", `, "limits"}, {KindNetwork, `"type": "vlan", "physicalNetwork": "p", `, "portLimits"}, {KindProject, "", "portLimits"}} {
		for _, direction := range []string{"ingress", "egress"} {
			l := func(s string) string { return kind.before + `"` + kind.field + `": {"` + direction + `": {` + s + `}}` }
			at := "spec." + kind.field + "." + direction
			only(t, kind.kind, []fault{
				{l(`"rateKbps": 100`), "", ""},
				{l(`"rateKbps": 99`), at + ".rateKbps", "99 is out of range: use 100 to 20000000"},
				{l(`"rateKbps": -1`), at + ".rateKbps", "is out of range"},
				{l(`"rateKbps": 20000000`), "", ""},
				{l(`"rateKbps": 20000001`), at + ".rateKbps", "is out of range"},
				{l(`"rateKbps": 4294967396`), at + ".rateKbps", "is out of range"}, // 2^32 + 100
				{l(`"rateKbps": 9223372036854775808`), at + ".rateKbps", "is out of range"},
				{l(`"rateKbps": 1.5`), at + ".rateKbps", "expected a whole decimal number"},
				{l(`"rateKbps": 0`), at, "limits nothing"},
				{l(``), at, "limits nothing"},
				{l(`"packetRate": 10`), "", ""},
				{l(`"packetRate": 9`), at + ".packetRate", "is out of range: use 10 to 8000000"},
				{l(`"packetRate": -10`), at + ".packetRate", "is out of range"},
				{l(`"packetRate": 8000000`), "", ""},
				{l(`"packetRate": 8000001`), at + ".packetRate", "is out of range"},
				{l(`"burstKbit": 600`), at + ".burstKbit", "has no rate"},
				{l(`"burstKbit": 600, "packetRate": 10`), at + ".burstKbit", "has no rate"},
				{l(`"rateKbps": 1000, "burstKbit": 600`), "", ""},
				{l(`"rateKbps": 1000, "burstKbit": 599`), at + ".burstKbit", "use 600 to 4000000"},
				{l(`"rateKbps": 1000, "burstKbit": -600`), at + ".burstKbit", "is out of range"},
				{l(`"rateKbps": 10000, "burstKbit": 2000, "packetRate": 1000`), "", ""},
				{l(`"rateKbps": 10000, "burstKbit": 1999`), at + ".burstKbit", "use 2000 to 4000000"},
				{l(`"rateKbps": 20000000, "burstKbit": 4000000`), "", ""},
				{l(`"rateKbps": 1000, "burstKbit": 4000001`), at + ".burstKbit", "is out of range"},
				{l(`"unlimited": true`), "", ""},
				{l(`"unlimited": false`), at, "limits nothing"},
				{l(`"unlimited": true, "rateKbps": 1000`), at + ".unlimited", "is set beside a limit"},
			})
		}
	}
	only(t, KindPort, []fault{{`"network": "n", "limits": {"both": {}}`, "spec.limits.both", "unknown field"}})
}

// TestRateLimitFaults: on a floating address and a router, in both directions.
func TestRateLimitFaults(t *testing.T) {
	t.Parallel()
	for kind, before := range map[Kind]string{KindFloatingIP: `"network": "n", `, KindRouter: `"networks": ["a"], "externalNetwork": "x", `} {
		for _, direction := range []string{"ingress", "egress"} {
			l := func(s string) string { return before + `"limits": {"` + direction + `": {` + s + `}}` }
			at := "spec.limits." + direction
			only(t, kind, []fault{
				{l(`"rateKbps": 100`), "", ""},
				{l(`"rateKbps": 99`), at + ".rateKbps", "99 is out of range: use 100 to 20000000"},
				{l(`"rateKbps": -100`), at + ".rateKbps", "is out of range"},
				{l(`"rateKbps": 20000000`), "", ""},
				{l(`"rateKbps": 20000001`), at + ".rateKbps", "is out of range"},
				{l(`"rateKbps": 4294967396`), at + ".rateKbps", "is out of range"}, // 2^32 + 100
				{l(`"rateKbps": 1e3`), at + ".rateKbps", "expected a whole decimal number"},
				{l(``), at, "limits nothing"},
				{l(`"packetRate": 0`), at, "limits nothing"},
				{l(`"packetRate": 10`), "", ""},
				{l(`"packetRate": 9`), at + ".packetRate", "is out of range: use 10 to 8000000"},
				{l(`"packetRate": -10`), at + ".packetRate", "is out of range"},
				{l(`"packetRate": 8000000`), "", ""},
				{l(`"packetRate": 8000001`), at + ".packetRate", "is out of range"},
				{l(`"burstKbit": 600, "packetRate": 10`), at + ".burstKbit", "has no rate"},
				{l(`"rateKbps": 100, "burstKbit": 600`), "", ""},
				{l(`"rateKbps": 100, "burstKbit": 599`), at + ".burstKbit", "use 600 to 4000000"},
				{l(`"rateKbps": 100, "burstKbit": 4000000`), "", ""},
				{l(`"rateKbps": 100, "burstKbit": 4000001`), at + ".burstKbit", "is out of range"},
				{l(`"rateKbps": 10000, "burstKbit": 10000, "packetRate": 1000`), "", ""},
				{l(`"rateKbps": 10000, "burstKbit": 9999`), at + ".burstKbit", "use 10000 to 4000000"},
				{l(`"rateKbps": 10000, "burstKbit": -10000`), at + ".burstKbit", "is out of range"},
				{l(`"rateKbps": 20000000, "burstKbit": 20000000`), "", ""},
				{l(`"rateKbps": 20000000, "burstKbit": 20000001`), at + ".burstKbit", "use 20000000 to 20000000"},
				{l(`"unlimited": true`), at + ".unlimited", "unknown field"},
			})
		}
		only(t, kind, []fault{{before + `"limits": {"both": {}}`, "spec.limits.both", "unknown field"}})
	}
	only(t, KindRouter, []fault{{`"networks": ["a"], "limits": {"egress": {"rateKbps": 1000}}`, "spec.limits", "needs spec.externalNetwork"}})
}

// TestBroadcastLimitFaults: on a port, a network and a project.
func TestBroadcastLimitFaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		kind          Kind
		before, field string
	}{{KindPort, `"network": "n", `, "limits"}, {KindNetwork, `"type": "vlan", "physicalNetwork": "p", `, "portLimits"}, {KindProject, "", "portLimits"}} {
		l := func(s string) string { return kind.before + `"` + kind.field + `": {"broadcast": {` + s + `}}` }
		at := "spec." + kind.field + ".broadcast"
		only(t, kind.kind, []fault{
			{l(`"packetRate": 10`), "", ""},
			{l(`"packetRate": 9`), at + ".packetRate", "9 is out of range: use 10 to 8000000 packets a second"},
			{l(`"packetRate": -10`), at + ".packetRate", "is out of range"},
			{l(`"packetRate": 8000000`), "", ""},
			{l(`"packetRate": 8000001`), at + ".packetRate", "is out of range"},
			{l(`"packetRate": 4294967306`), at + ".packetRate", "is out of range"}, // 2^32 + 10
			{l(`"packetRate": 0`), at, "limits nothing"},
			{l(``), at, "limits nothing"},
			{l(`"burstPackets": 16`), at + ".burstPackets", "has no rate"},
			{l(`"packetRate": 10, "burstPackets": 16`), "", ""},
			{l(`"packetRate": 10, "burstPackets": 15`), at + ".burstPackets", "at 10 packets a second use 16 to 4000000"},
			{l(`"packetRate": 10, "burstPackets": -16`), at + ".burstPackets", "is out of range"},
			{l(`"packetRate": 1000, "burstPackets": 100`), "", ""},
			{l(`"packetRate": 1000, "burstPackets": 99`), at + ".burstPackets", "use 100 to 4000000"},
			{l(`"packetRate": 8000000, "burstPackets": 4000000`), "", ""},
			{l(`"packetRate": 10, "burstPackets": 4000001`), at + ".burstPackets", "is out of range"},
			{l(`"unlimited": true`), "", ""},
			{l(`"unlimited": false`), at, "limits nothing"},
			{l(`"unlimited": true, "packetRate": 1000`), at + ".unlimited", "is set beside a limit"},
			{l(`"rateKbps": 1000`), at + ".rateKbps", "unknown field"},
		})
	}
}
