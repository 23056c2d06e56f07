package model

import "fmt"

// RateLimits bound what passes a floating address, or the external gateway of a router. The directions are seen from the guests, as in
// Neutron: egress leaves to the external network, ingress comes from it. A direction that is not set has no limit.
type RateLimits struct {
	Ingress *RateLimit `json:"ingress,omitempty"`
	Egress  *RateLimit `json:"egress,omitempty"`
}

// RateLimit is the limit of one direction: a rate in bits, a rate in packets, or both. What is above it is dropped.
type RateLimit struct {
	// RateKbps is in kilobits (1000 bits) a second, and counts whole IP packets; no such limit when 0.
	RateKbps int `json:"rateKbps,omitempty"`
	// BurstKbit is how many kilobits may pass at once after a pause. It needs RateKbps, and must last for a second at this rate. When 0
	// it is that second, or MinBurstKbit if that is more.
	BurstKbit int `json:"burstKbit,omitempty"`
	// PacketRate is in packets a second; no such limit when 0.
	PacketRate int `json:"packetRate,omitempty"`
}

// MinBurst is the smallest burst at the limit's rate, in kilobits. The kernel's limit of bytes has a bucket of at least one second
// (net/netfilter/nft_limit.c).
func (l RateLimit) MinBurst() int { return max(MinBurstKbit, l.RateKbps) }

// maxBurst is MaxBurstKbit, or the only possible burst of a rate that is higher.
func (l RateLimit) maxBurst() int { return max(MaxBurstKbit, l.MinBurst()) }

// Fault says what is wrong with a limit: a field and what is expected. Both are empty when nothing is.
func (l RateLimit) Fault() (field, message string) {
	if l == (RateLimit{}) {
		return "", "limits nothing: set rateKbps or packetRate, or leave it out"
	}
	if field, message := rateFault(l.RateKbps, l.PacketRate); message != "" {
		return field, message
	}
	switch {
	case l.BurstKbit != 0 && l.RateKbps == 0:
		return "burstKbit", "has no rate: set rateKbps too"
	case l.BurstKbit != 0 && (l.BurstKbit < l.MinBurst() || l.BurstKbit > l.maxBurst()):
		return "burstKbit", fmt.Sprintf("%d is out of range: at %d kilobits a second use %d to %d kilobits, or leave it out", l.BurstKbit,
			l.RateKbps, l.MinBurst(), l.maxBurst())
	}
	return "", ""
}

// rateFault says which of the two rates of a limit is out of range.
func rateFault(kbps, packets int) (field, message string) {
	switch {
	case kbps != 0 && (kbps < MinRateKbps || kbps > MaxRateKbps):
		return "rateKbps", fmt.Sprintf("%d is out of range: use %d to %d kilobits a second", kbps, MinRateKbps, MaxRateKbps)
	case packets != 0 && (packets < MinPacketRate || packets > MaxPacketRate):
		return "packetRate", fmt.Sprintf("%d is out of range: use %d to %d packets a second", packets, MinPacketRate, MaxPacketRate)
	}
	return "", ""
}

func (l RateLimits) validate(c *Checker, at string) {
	if l.Ingress != nil {
		c.limit(at+".ingress", *l.Ingress)
	}
	if l.Egress != nil {
		c.limit(at+".egress", *l.Egress)
	}
}

// limit reports what is wrong with the limit of one direction.
func (c *Checker) limit(at string, l interface {
	Fault() (field, message string)
}) {
	field, message := l.Fault()
	if message == "" {
		return
	}
	if field != "" {
		at += "." + field
	}
	c.Fail(at, "%s", message)
}
