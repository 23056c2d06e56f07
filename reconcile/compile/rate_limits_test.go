package compile_test

import (
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// TestRateLimitsInTheTable: what a router's table gets of limits. A bucket holds a second of the rate, and whatever is beyond that is the
// burst.
func TestRateLimitsInTheTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit desired.RateLimit
		want  object.RateLimit
	}{
		{desired.RateLimit{}, object.RateLimit{}},
		{desired.RateLimit{RateKbps: 8000}, object.RateLimit{Rate: 1_000_000}},
		{desired.RateLimit{RateKbps: 100}, object.RateLimit{Rate: 12_500, Burst: 62_500}},
		{desired.RateLimit{RateKbps: 8000, BurstKbit: 8000}, object.RateLimit{Rate: 1_000_000}},
		{desired.RateLimit{RateKbps: 8000, BurstKbit: 24000}, object.RateLimit{Rate: 1_000_000, Burst: 2_000_000}},
		{desired.RateLimit{RateKbps: 20_000_000}, object.RateLimit{Rate: 2_500_000_000}},
		{desired.RateLimit{PacketRate: 10}, object.RateLimit{Packets: 10, PacketBurst: 16}},
		{desired.RateLimit{PacketRate: 1000}, object.RateLimit{Packets: 1000, PacketBurst: 500}},
		{desired.RateLimit{RateKbps: 8000, PacketRate: 8_000_000}, object.RateLimit{Rate: 1_000_000, Packets: 8_000_000, PacketBurst: 4_000_000}},
	} {
		for _, both := range []desired.RateLimits{{Ingress: c.limit}, {Egress: c.limit}} {
			want := object.RateLimits{}
			if both.Ingress == c.limit {
				want.Ingress = c.want
			}
			if both.Egress == c.limit {
				want.Egress = c.want
			}
			in := fixture.AllPlugged()
			in.Config.Router(fixture.RouterUID).Limits = both
			in.Config.FloatingIP(fixture.FloatWeb).Limits = both
			if table := fixture.First[*object.NATTable](compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))); table.Rates != want || want.Ingress.Fault() != "" {
				t.Errorf("a router with %+v: %s, expected %s", both, table.Rates, want)
			}
			if m := fixture.First[*object.NATMapping](compile.Compile(in, fixture.Key(desired.KindFloatingIP, fixture.FloatWeb))); m.Rates != want {
				t.Errorf("a floating address with %+v: %s, expected %s", both, m.Rates, want)
			}
		}
	}
}

// TestRateLimitsThatCannotBe: whatever is in the node config, no table is asked for what the kernel cannot hold.
func TestRateLimitsThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]desired.RateLimits{
		"limits.egress.rateKbps 99 is out of range":         {Egress: desired.RateLimit{RateKbps: 99}},
		"limits.ingress.rateKbps 4294967295 is out of":      {Ingress: desired.RateLimit{RateKbps: 4294967295}},
		"limits.egress.burstKbit has no rate":               {Egress: desired.RateLimit{BurstKbit: 700}},
		"limits.ingress.burstKbit 999 is out of":            {Ingress: desired.RateLimit{RateKbps: 1000, BurstKbit: 999}},
		"limits.ingress.burstKbit 4294967295 is out of":     {Ingress: desired.RateLimit{RateKbps: 1000, BurstKbit: 4294967295}},
		"limits.egress.packetRate 1 is out of range":        {Egress: desired.RateLimit{PacketRate: 1}},
		"limits.ingress.packetRate 8000001 is out of range": {Ingress: desired.RateLimit{PacketRate: 8000001}},
	} {
		in := fixture.AllPlugged()
		in.Config.Router(fixture.RouterUID).Limits = l
		fixture.CheckReasons(t, "router", compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID)), "", want)
		in = fixture.AllPlugged()
		in.Config.FloatingIP(fixture.FloatWeb).Limits = l
		u := compile.Compile(in, fixture.Key(desired.KindFloatingIP, fixture.FloatWeb))
		fixture.CheckReasons(t, "floating address", u, "", want)
		if len(u.Objects) != 0 {
			t.Errorf("%s: it has %d objects", want, len(u.Objects))
		}
	}
}
