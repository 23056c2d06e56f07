package openvswitch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// limited is the fixture with limits on one port.
func limited(uid string, l desired.PortLimits) compile.Input {
	in := fixture.Plain()
	p := *in.Config.Port(uid)
	p.Limits = l
	in.Config.Put(&p)
	return in
}

func everyLimit() desired.PortLimits {
	return desired.PortLimits{Egress: desired.RateLimit{RateKbps: 10000, BurstKbit: 4000, PacketRate: 2000}, Ingress: desired.RateLimit{RateKbps: 20000, PacketRate: 1000}}
}

func TestLimitsGolden(t *testing.T) {
	t.Parallel()
	for name, uid := range map[string]string{"port_limited": fixture.PortWeb, "port_limited_adopted": fixture.PortDB, "port_limited_standby": fixture.PortMove} {
		golden(t, name, fixture.Text(compile.Compile(limited(uid, everyLimit()), fixture.Key(desired.KindPort, uid))))
	}
}

// objectsOf are a result's objects of a kind.
func objectsOf[T object.Object](u compile.Result) (list []T) {
	for _, o := range u.Objects {
		if x, ok := o.(T); ok {
			list = append(list, x)
		}
	}
	return list
}

// TestMetersComeBeforeTheirFlows: each limit alone has its meter, which a flow names, and the flows depend on it. What the guest receives is
// limited on its device, and the flows depend on that.
func TestMetersComeBeforeTheirFlows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits desired.PortLimits
		meters []object.Meter
		shaper object.Shaper
		// broadcast says that what the guest sends to many is limited too.
		broadcast bool
	}{
		"none":                     {},
		"the default of broadcast": {meters: []object.Meter{{ID: 196613, Unit: object.MeterPktps, Rate: 1000, Burst: 2000}}, broadcast: true},
		"broadcast": {limits: desired.PortLimits{Broadcast: desired.BroadcastLimit{PacketRate: 50, BurstPackets: 70}},
			meters: []object.Meter{{ID: 196613, Unit: object.MeterPktps, Rate: 50, Burst: 70}}, broadcast: true},
		"little broadcast": {limits: desired.PortLimits{Broadcast: desired.BroadcastLimit{PacketRate: 10}},
			meters: []object.Meter{{ID: 196613, Unit: object.MeterPktps, Rate: 10, Burst: 20}}, broadcast: true},
		"the most broadcast": {limits: desired.PortLimits{Broadcast: desired.BroadcastLimit{PacketRate: 8_000_000}},
			meters: []object.Meter{{ID: 196613, Unit: object.MeterPktps, Rate: 8_000_000, Burst: 4_000_000}}, broadcast: true},
		"egress rate": {limits: desired.PortLimits{Egress: desired.RateLimit{RateKbps: 10000}},
			meters: []object.Meter{{ID: 15, Unit: object.MeterKbps, Rate: 10000, Burst: 5000}}},
		"a low egress rate": {limits: desired.PortLimits{Egress: desired.RateLimit{RateKbps: 100}},
			meters: []object.Meter{{ID: 15, Unit: object.MeterKbps, Rate: 100, Burst: 600}}},
		"the highest egress rate": {limits: desired.PortLimits{Egress: desired.RateLimit{RateKbps: 20_000_000}},
			meters: []object.Meter{{ID: 15, Unit: object.MeterKbps, Rate: 20_000_000, Burst: 4_000_000}}},
		"egress packets": {limits: desired.PortLimits{Egress: desired.RateLimit{PacketRate: 10}},
			meters: []object.Meter{{ID: 16, Unit: object.MeterPktps, Rate: 10, Burst: 16}}},
		"egress": {limits: desired.PortLimits{Egress: desired.RateLimit{RateKbps: 1000, BurstKbit: 900, PacketRate: 100}},
			meters: []object.Meter{{ID: 15, Unit: object.MeterKbps, Rate: 1000, Burst: 900}, {ID: 16, Unit: object.MeterPktps, Rate: 100, Burst: 50}}},
		"ingress packets": {limits: desired.PortLimits{Ingress: desired.RateLimit{PacketRate: 100}},
			meters: []object.Meter{{ID: 17, Unit: object.MeterPktps, Rate: 100, Burst: 50}}},
		"ingress rate": {limits: desired.PortLimits{Ingress: desired.RateLimit{RateKbps: 1000}},
			shaper: object.Shaper{Rate: 125_000, Burst: 524_288 * time.Microsecond, Limit: 64<<10 + 6250}},
		"a high ingress rate": {limits: desired.PortLimits{Ingress: desired.RateLimit{RateKbps: 1_000_000}},
			shaper: object.Shaper{Rate: 125_000_000, Burst: 4 * time.Millisecond, Limit: 500_000 + 6_250_000}},
		"ingress burst": {limits: desired.PortLimits{Ingress: desired.RateLimit{RateKbps: 8000, BurstKbit: 1600}},
			shaper: object.Shaper{Rate: 1_000_000, Burst: 200 * time.Millisecond, Limit: 250_000}},
	} {
		c.limits.Broadcast.Unlimited = !c.broadcast
		u := compile.Compile(limited(fixture.PortWeb, c.limits), fixture.Key(desired.KindPort, fixture.PortWeb))
		flows, qdisc := objectsOf[*object.FlowSet](u)[0], objectsOf[*object.Qdisc](u)[0]
		if qdisc.Shaper != c.shaper || (qdisc.Root == "tbf") != (c.shaper.Rate != 0) || qdisc.Ingress != "" || qdisc.FromGuest.Exists() || qdisc.ToGuest.Exists() {
			t.Errorf("%s: the device has %+v, expected %+v", name, qdisc, c.shaper)
		}
		if slices.Contains(flows.After, qdisc.Key()) != (c.shaper.Rate != 0) || len(qdisc.After) > 0 != (c.shaper.Rate != 0) {
			t.Errorf("%s: the flows come after %v, the qdisc after %v", name, flows.After, qdisc.After)
		}
		var got []object.Meter
		named := map[uint32]int{}
		for _, f := range flows.Flows {
			named[f.MeterOf()]++
		}
		for _, m := range objectsOf[*object.Meter](u) {
			if named[m.ID] != 1 || !slices.Contains(flows.After, m.Key()) || m.OwnerUID != fixture.PortWeb || m.Bridge != "br-int" {
				t.Errorf("%s: %+v is named by %d flows, which come after %v", name, m, named[m.ID], flows.After)
			}
			got = append(got, object.Meter{ID: m.ID, Unit: m.Unit, Rate: m.Rate, Burst: m.Burst})
		}
		if !slices.Equal(got, c.meters) || len(named) != 1+len(c.meters) {
			t.Errorf("%s: the meters are %+v, expected %+v; the flows name %v", name, got, c.meters, named)
		}
	}
}

// TestInterfaceWithoutNetdevStaysMute: what the guest receives cannot be limited there, and it is not left without the limit.
func TestInterfaceWithoutNetdevStaysMute(t *testing.T) {
	t.Parallel()
	for rate, mute := range map[uint32]bool{0: false, 1000: true} {
		in := limited(fixture.PortDB, desired.PortLimits{Ingress: desired.RateLimit{RateKbps: rate}})
		delete(in.Facts.Links, "vnet7")
		u := compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortDB))
		if got := len(objectsOf[*object.FlowSet](u)) == 0; got != mute || strings.Contains(u.Pending, "cannot be limited") != mute {
			t.Errorf("at %d kbit/s: mute %v, pending %q", rate, got, u.Pending)
		}
	}
}

// TestLimitsThatCannotBe: whatever is in the node config, no host is asked for what its dataplane cannot hold.
func TestLimitsThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]desired.PortLimits{
		"limits.egress.rateKbps 99 is out of range":         {Egress: desired.RateLimit{RateKbps: 99}},
		"limits.ingress.rateKbps 4294967295 is out of":      {Ingress: desired.RateLimit{RateKbps: 4294967295}},
		"limits.egress.burstKbit has no rate":               {Egress: desired.RateLimit{BurstKbit: 700}},
		"limits.ingress.burstKbit 4294967295 is out of":     {Ingress: desired.RateLimit{RateKbps: 1000, BurstKbit: 4294967295}},
		"limits.egress.packetRate 1 is out of range":        {Egress: desired.RateLimit{PacketRate: 1}},
		"limits.ingress.packetRate 8000001 is out of range": {Ingress: desired.RateLimit{PacketRate: 8000001}},
		"limits.broadcast.packetRate 4294967295 is out of":  {Broadcast: desired.BroadcastLimit{PacketRate: 4294967295}},
		"limits.broadcast.packetRate 9 is out of range":     {Broadcast: desired.BroadcastLimit{PacketRate: 9}},
		"limits.broadcast.burstPackets 1 is out of range":   {Broadcast: desired.BroadcastLimit{PacketRate: 10, BurstPackets: 1}},
		"limits.broadcast.burstPackets has no rate":         {Broadcast: desired.BroadcastLimit{BurstPackets: 100}},
		"limits.broadcast.unlimited is set beside a limit":  {Broadcast: desired.BroadcastLimit{Unlimited: true, PacketRate: 100}},
	} {
		u := compile.Compile(limited(fixture.PortWeb, l), fixture.Key(desired.KindPort, fixture.PortWeb))
		if !strings.Contains(u.Refused, want) || len(u.Objects) != 0 {
			t.Errorf("refused %q, %d objects; expected %q", u.Refused, len(u.Objects), want)
		}
	}
}
