package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// portMeters are the ids of the meters of a port; 0 where there is no limit. The token bucket filter on the guest's device limits the bits
// that the guest receives, so there is no meter for them.
type portMeters struct{ egressRate, egressPackets, ingressPackets, broadcast uint32 }

// metersOf numbers the meters of a port by its OpenFlow port number.
func metersOf(l desired.PortLimits, ofport uint32) (m portMeters) {
	if l.Egress.RateKbps != 0 {
		m.egressRate = object.MeterID(ofport, object.MeterEgressRate)
	}
	if l.Egress.PacketRate != 0 {
		m.egressPackets = object.MeterID(ofport, object.MeterEgressPackets)
	}
	if l.Ingress.PacketRate != 0 {
		m.ingressPackets = object.MeterID(ofport, object.MeterIngressPackets)
	}
	if _, _, limited := compile.Broadcast(l.Broadcast); limited {
		m.broadcast = object.MeterID(ofport, object.MeterBroadcast)
	}
	return m
}

// addMeters adds the meters of a port. It returns their keys, because the flows that name them come after them.
func addMeters(b *compile.Builder, bridge string, p *desired.Port, ids portMeters) (keys []object.Key) {
	egress, ingress := p.Limits.Egress, p.Limits.Ingress
	broadcast, burst, _ := compile.Broadcast(p.Limits.Broadcast)
	for _, m := range []*object.Meter{
		{ID: ids.egressRate, Unit: object.MeterKbps, Rate: egress.RateKbps, Burst: compile.BurstKbit(egress)},
		{ID: ids.egressPackets, Unit: object.MeterPktps, Rate: egress.PacketRate, Burst: compile.PacketBurst(egress)},
		{ID: ids.ingressPackets, Unit: object.MeterPktps, Rate: ingress.PacketRate, Burst: compile.PacketBurst(ingress)},
		{ID: ids.broadcast, Unit: object.MeterPktps, Rate: broadcast, Burst: burst},
	} {
		if m.ID == 0 {
			continue
		}
		m.OwnerUID, m.Bridge = p.UID, bridge
		b.Add(m)
		keys = append(keys, m.Key())
	}
	return keys
}

// through puts a meter before the actions, if there is one.
func through(meter uint32, actions ...object.Action) []object.Action {
	if meter == 0 {
		return actions
	}
	return append([]object.Action{object.ApplyMeter{ID: meter}}, actions...)
}

// limitFlows: table 5. A flow has at most one meter, so the meter of packets has a table of its own where a port has both.
func limitFlows(l *flowList, from object.Match, ids portMeters) {
	if ids.egressRate != 0 && ids.egressPackets != 0 {
		l.add(tablePacketLimit, prioAllow, from, through(ids.egressPackets, object.Goto{Table: tableGuestSource})...)
	}
}

// entry is where table 0 leads a guest's frames, and by which meter.
func (ids portMeters) entry() (meter uint32, table uint8) {
	switch {
	case ids.egressRate == 0:
		return ids.egressPackets, tableGuestSource
	case ids.egressPackets == 0:
		return ids.egressRate, tableGuestSource
	}
	return ids.egressRate, tablePacketLimit
}
