package linuxbridge_test

import (
	"slices"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// TestLimitsAreOnTheDevice: the guest's device limits everything, and it becomes a port of the bridge only after that.
func TestLimitsAreOnTheDevice(t *testing.T) {
	t.Parallel()
	half := 500 * time.Millisecond
	for name, c := range map[string]struct {
		limits desired.PortLimits
		want   object.Qdisc
	}{
		"none": {},
		"egress rate": {desired.PortLimits{Egress: desired.RateLimit{RateKbps: 8000}},
			object.Qdisc{Ingress: "clsact", FromGuest: object.Policer{Rate: 1_000_000, Burst: half}}},
		"egress burst": {desired.PortLimits{Egress: desired.RateLimit{RateKbps: 8000, BurstKbit: 1600}},
			object.Qdisc{Ingress: "clsact", FromGuest: object.Policer{Rate: 1_000_000, Burst: 200 * time.Millisecond}}},
		"egress packets": {desired.PortLimits{Egress: desired.RateLimit{PacketRate: 1000}},
			object.Qdisc{Ingress: "clsact", FromGuest: object.Policer{Packets: 1000, PacketBurst: half}}},
		"ingress packets": {desired.PortLimits{Ingress: desired.RateLimit{PacketRate: 1000}},
			object.Qdisc{Ingress: "clsact", ToGuest: object.Policer{Packets: 1000, PacketBurst: half}}},
		"ingress rate": {desired.PortLimits{Ingress: desired.RateLimit{RateKbps: 8000}},
			object.Qdisc{Root: "tbf", Shaper: object.Shaper{Rate: 1_000_000, Burst: 65536 * time.Microsecond, Limit: 65536 + 50_000}}},
		"all": {desired.PortLimits{Egress: desired.RateLimit{RateKbps: 8000, PacketRate: 1000}, Ingress: desired.RateLimit{RateKbps: 8000, PacketRate: 1000}},
			object.Qdisc{Root: "tbf", Ingress: "clsact", Shaper: object.Shaper{Rate: 1_000_000, Burst: 65536 * time.Microsecond, Limit: 65536 + 50_000},
				FromGuest: object.Policer{Rate: 1_000_000, Burst: half, Packets: 1000, PacketBurst: half}, ToGuest: object.Policer{Packets: 1000, PacketBurst: half}}},
	} {
		in := site()
		p := *in.Config.Port(portUID)
		p.Limits = c.limits
		in.Config.Put(&p)
		u := compiled(t, in, desired.KindPort, portUID)
		qdisc, port := find[*object.Qdisc](u), find[*object.BridgePort](u)
		c.want.Device = "tapweb"
		if d := c.want.Diff(qdisc); len(d) > 0 || len(qdisc.After) > 0 {
			t.Errorf("%s: the device differs: %v; it comes after %v", name, d, qdisc.After)
		}
		if slices.Contains(port.After, compile.QdiscKey("tapweb")) != (name != "none") {
			t.Errorf("%s: the port comes after %v", name, port.After)
		}
	}
}

// TestBroadcastLimitIsInItsSet: the default, the given limit, or none. It is among the elements that come before the guest may send.
func TestBroadcastLimitIsInItsSet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit       desired.BroadcastLimit
		rate, burst uint32
	}{
		"default":   {desired.BroadcastLimit{}, 1000, 2000},
		"given":     {desired.BroadcastLimit{PacketRate: 50, BurstPackets: 70}, 50, 70},
		"a rate":    {desired.BroadcastLimit{PacketRate: 50}, 50, 100},
		"unlimited": {desired.BroadcastLimit{Unlimited: true}, 0, 0},
	} {
		in := site()
		p := *in.Config.Port(portUID)
		p.Limits.Broadcast = c.limit
		in.Config.Put(&p)
		u := compiled(t, in, desired.KindPort, portUID)
		elements, port := find[*object.PortSecurityElements](u), find[*object.BridgePort](u)
		want := object.PortSecurityElement{Set: object.PortSecurityBroadcast, Interface: "tapweb", Rate: c.rate, Burst: c.burst}
		var got []object.PortSecurityElement
		for _, e := range elements.Elements {
			if e.Set == object.PortSecurityBroadcast {
				got = append(got, e)
			}
		}
		if limited := c.rate != 0; limited != slices.Equal(got, []object.PortSecurityElement{want}) || !limited && len(got) > 0 {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
		if !slices.Contains(port.After, elements.Key()) || slices.Contains(port.After, compile.QdiscKey("tapweb")) {
			t.Errorf("%s: the port comes after %v", name, port.After)
		}
	}
}
