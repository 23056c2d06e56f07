package desired

// RateLimits bound what the guest of a port receives (ingress) and sends (egress), or what passes a floating address or a router's external
// gateway from outside (ingress) and to outside (egress). A direction without limit is zero. It is comparable.
type RateLimits struct {
	Ingress RateLimit `json:"ingress,omitzero"`
	Egress  RateLimit `json:"egress,omitzero"`
}

// RateLimit is the limit of one direction. The units are those of model.PortLimit and model.RateLimit. A field is 0 if there is no such
// limit. Without a burst the host chooses it.
type RateLimit struct {
	RateKbps   uint32 `json:"rateKbps,omitempty"`
	BurstKbit  uint32 `json:"burstKbit,omitempty"`
	PacketRate uint32 `json:"packetRate,omitempty"`
}
