package kind

import (
	"fmt"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// rateLimitsOn are the limits of a router or a floating address on a node. lack says why the node is told none, although there are some.
// Guests keep their connection then: a limit protects nobody from being reached.
func rateLimitsOn(r *cache.Reader, name string, l model.RateLimits) (limits desired.RateLimits, lack string) {
	if l == (model.RateLimits{}) {
		return limits, ""
	}
	if f, lacks := r.Lacks(name, desired.FeatureRouterLimits); lacks {
		return limits, fmt.Sprintf("does not hold on host %s: needs feature %s, which the host does not have: upgrade weftd there", name, f)
	}
	return desired.RateLimits{Ingress: rateLimitOf(l.Ingress), Egress: rateLimitOf(l.Egress)}, ""
}

// rateLimitOf is the limit of one direction; zero when there is none.
func rateLimitOf(l *model.RateLimit) desired.RateLimit {
	if l == nil {
		return desired.RateLimit{}
	}
	return desired.RateLimit{RateKbps: uint32(l.RateKbps), BurstKbit: uint32(l.BurstKbit), PacketRate: uint32(l.PacketRate)}
}
