package model

import "fmt"

// PortLimits bound what a port may send and receive. The directions are seen from the guest, as in Neutron: egress is what the guest
// sends, ingress is what it receives. Each direction is taken as a whole from the first that sets it: the port, its network, its
// project. A direction that none of them sets has no limit. Broadcast is taken in the same way; where none sets it, the host's default
// counts.
type PortLimits struct {
	Ingress   *PortLimit      `json:"ingress,omitempty"`
	Egress    *PortLimit      `json:"egress,omitempty"`
	Broadcast *BroadcastLimit `json:"broadcast,omitempty"`
}

// PortLimit is the limit of one direction: a rate in bits, a rate in packets, or both.
type PortLimit struct {
	// RateKbps is in kilobits (1000 bits) a second, and counts whole Ethernet frames; no such limit when 0.
	RateKbps int `json:"rateKbps,omitempty"`
	// BurstKbit is how many kilobits may pass at once after a pause. It needs RateKbps, and must last for MinBurstMilliseconds at this
	// rate, because a smaller burst slows TCP down. When 0 the host chooses it.
	BurstKbit int `json:"burstKbit,omitempty"`
	// PacketRate is in packets a second; no such limit when 0.
	PacketRate int `json:"packetRate,omitempty"`
	// Unlimited lifts a limit of the network or project. Nothing else may be set with it.
	Unlimited bool `json:"unlimited,omitempty"`
}

// The bounds of limits. They are what every dataplane can hold.
const (
	MinRateKbps = 100
	// MaxRateKbps is the rate for which MaxBurstKbit lasts for MinBurstMilliseconds.
	MaxRateKbps = 20_000_000
	// MinBurstKbit has room for the largest packet that a guest can give to its host, 65,535 bytes and a header. A smaller bucket would
	// never let it pass.
	MinBurstKbit = 600
	// MaxBurstKbit is what a meter of Open vSwitch can hold: it keeps bits in 32 bits.
	MaxBurstKbit         = 4_000_000
	MinBurstMilliseconds = 200
	MinPacketRate        = 10
	// MaxPacketRate leaves a meter of Open vSwitch room for a burst of half a second: it keeps thousandths of packets in 32 bits.
	MaxPacketRate = 8_000_000
)

// or takes each direction that is not set from the next level.
func (l PortLimits) or(next PortLimits) PortLimits {
	if l.Ingress == nil {
		l.Ingress = next.Ingress
	}
	if l.Egress == nil {
		l.Egress = next.Egress
	}
	if l.Broadcast == nil {
		l.Broadcast = next.Broadcast
	}
	return l
}

// EffectivePortLimits are the limits of a port: those of the first level that sets a direction. The levels are the port, its network
// and its project.
func EffectivePortLimits(port, network, project PortLimits) PortLimits {
	return port.or(network).or(project)
}

// Fault says what is wrong with a limit: a field and what is expected. Both are empty when nothing is.
func (l PortLimit) Fault() (field, message string) {
	switch {
	case l.Unlimited && l != PortLimit{Unlimited: true}:
		return "unlimited", "is set beside a limit: keep one of them"
	case l.Unlimited:
		return "", ""
	case l == PortLimit{}:
		return "", "limits nothing: set rateKbps, packetRate or unlimited, or leave it out"
	}
	if field, message := rateFault(l.RateKbps, l.PacketRate); message != "" {
		return field, message
	}
	switch {
	case l.BurstKbit != 0 && l.RateKbps == 0:
		return "burstKbit", "has no rate: set rateKbps too"
	case l.BurstKbit != 0 && (l.BurstKbit < l.minBurst() || l.BurstKbit > MaxBurstKbit):
		return "burstKbit", fmt.Sprintf("%d is out of range: at %d kilobits a second use %d to %d kilobits, or leave it out", l.BurstKbit,
			l.RateKbps, l.minBurst(), MaxBurstKbit)
	}
	return "", ""
}

// minBurst is the smallest burst at the limit's rate, in kilobits.
func (l PortLimit) minBurst() int { return max(MinBurstKbit, l.RateKbps*MinBurstMilliseconds/1000) }

func (l PortLimits) validate(c *Checker, at string) {
	if l.Ingress != nil {
		c.limit(at+".ingress", *l.Ingress)
	}
	if l.Egress != nil {
		c.limit(at+".egress", *l.Egress)
	}
	if l.Broadcast != nil {
		c.limit(at+".broadcast", *l.Broadcast)
	}
}
