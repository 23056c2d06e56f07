package compile

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// rateLimits are the limits of a router or a floating address as its NAT table holds them.
func rateLimits(l desired.RateLimits) object.RateLimits {
	return object.RateLimits{Ingress: rateLimit(l.Ingress), Egress: rateLimit(l.Egress)}
}

func rateLimit(l desired.RateLimit) (r object.RateLimit) {
	if l.RateKbps != 0 {
		r.Rate = uint64(l.RateKbps) * bytesPerKbit
		burst := max(int(l.BurstKbit), modelRate(l).MinBurst())
		r.Burst = uint32(uint64(burst)*bytesPerKbit - r.Rate)
	}
	if l.PacketRate != 0 {
		r.Packets, r.PacketBurst = uint64(l.PacketRate), PacketBurst(l)
	}
	return r
}

func modelRate(l desired.RateLimit) model.RateLimit {
	return model.RateLimit{RateKbps: int(l.RateKbps), BurstKbit: int(l.BurstKbit), PacketRate: int(l.PacketRate)}
}

// rateLimitsFault says what is wrong with the limits of a router or a floating address; empty when nothing is.
func rateLimitsFault(l desired.RateLimits) string {
	return limitsFault(l, func(one desired.RateLimit) (field, why string) { return modelRate(one).Fault() })
}

// limitsFault says what is wrong with limits by themselves; empty when nothing is.
func limitsFault(l desired.RateLimits, fault func(desired.RateLimit) (field, why string)) string {
	for _, one := range []struct {
		name  string
		limit desired.RateLimit
	}{{"ingress", l.Ingress}, {"egress", l.Egress}} {
		if one.limit == (desired.RateLimit{}) {
			continue
		}
		if field, why := fault(one.limit); why != "" {
			return "limits." + one.name + "." + field + " " + why
		}
	}
	return ""
}
