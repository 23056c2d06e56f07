package compile

import (
	"cmp"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// The token bucket filter toward a guest. Its bucket is small, because it delays before it drops.
const (
	shaperBurst             = 64 << 10 // bytes
	shaperBurstMilliseconds = 4        // the bucket lasts at least so long at its rate
	shaperQueueMilliseconds = 50       // what waits longer is dropped
)

// minPacketBurst is the smallest burst of packets: the answers to one packet may be some.
const minPacketBurst = 16

// bytesPerKbit is a kilobit (1000 bits) in bytes.
const bytesPerKbit = 125

// BurstKbit is the burst of a limit that drops, in kilobits: half a second of the rate if nothing else is said. With less than 0.2 s TCP
// does not reach the rate.
func BurstKbit(l desired.RateLimit) uint32 {
	if l.BurstKbit != 0 {
		return l.BurstKbit
	}
	return min(max(l.RateKbps/2, model.MinBurstKbit), model.MaxBurstKbit)
}

// PacketBurst is the burst of a limit of packets: half a second of the rate.
func PacketBurst(l desired.RateLimit) uint32 { return max(l.PacketRate/2, minPacketBurst) }

// portLimitsFault says what is wrong with the limits of a port; empty when nothing is.
func portLimitsFault(l desired.PortLimits) string {
	why := limitsFault(l.Rates(), func(one desired.RateLimit) (field, why string) {
		return model.PortLimit{RateKbps: int(one.RateKbps), BurstKbit: int(one.BurstKbit), PacketRate: int(one.PacketRate)}.Fault()
	})
	if why != "" {
		return why
	}
	if b := l.Broadcast; b != (desired.BroadcastLimit{}) {
		m := model.BroadcastLimit{PacketRate: int(b.PacketRate), BurstPackets: int(b.BurstPackets), Unlimited: b.Unlimited}
		if field, why := m.Fault(); why != "" {
			return "limits.broadcast." + field + " " + why
		}
	}
	return ""
}

// Broadcast is the rate and the burst, in frames, of what a port sends to many: those that it was given, or the default. limited is false
// if they are lifted.
func Broadcast(l desired.BroadcastLimit) (rate, burst uint32, limited bool) {
	if l.Unlimited {
		return 0, 0, false
	}
	rate, burst = cmp.Or(l.PacketRate, model.DefaultBroadcastRate), l.BurstPackets
	if burst == 0 {
		burst = min(max(rate*model.DefaultBroadcastSeconds, model.MinBurstPackets), model.MaxBurstPackets)
	}
	return rate, burst, true
}

// QdiscKey is the key of the traffic control of a guest's device.
func QdiscKey(device string) object.Key { return object.Key{Kind: object.KindQdisc, Name: device} }

// portQdisc is the traffic control of a guest's device: the shaper toward the guest, and policers where the backend cannot limit the rest
// itself.
func portQdisc(p *desired.Port, plug Plug) *object.Qdisc {
	q := &object.Qdisc{OwnerUID: p.UID, Device: plug.Device, Shaper: shaper(p.Limits.Ingress), After: plug.QdiscAfter}
	if q.Shaper.Rate != 0 {
		q.Root = object.QdiscTBF
	}
	if plug.Polices {
		q.FromGuest = policer(p.Limits.Egress)
		q.ToGuest = policer(desired.RateLimit{PacketRate: p.Limits.Ingress.PacketRate})
	}
	if q.FromGuest.Exists() || q.ToGuest.Exists() {
		q.Ingress = object.QdiscClsact
	}
	return q
}

func shaper(l desired.RateLimit) object.Shaper {
	if l.RateKbps == 0 {
		return object.Shaper{}
	}
	rate := uint64(l.RateKbps) * bytesPerKbit
	burst := uint64(l.BurstKbit) * bytesPerKbit
	if burst == 0 {
		burst = max(shaperBurst, rate*shaperBurstMilliseconds/1000)
	}
	return object.Shaper{Rate: rate, Burst: object.BurstTime(burst, rate), Limit: uint32(burst + rate*shaperQueueMilliseconds/1000)}
}

func policer(l desired.RateLimit) (p object.Policer) {
	if l.RateKbps != 0 {
		p.Rate = uint64(l.RateKbps) * bytesPerKbit
		p.Burst = object.BurstTime(uint64(BurstKbit(l))*bytesPerKbit, p.Rate)
	}
	if l.PacketRate != 0 {
		p.Packets = uint64(l.PacketRate)
		p.PacketBurst = object.BurstTime(uint64(PacketBurst(l)), p.Packets)
	}
	return p
}
