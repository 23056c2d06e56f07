package model

import "fmt"

// BroadcastLimit bounds the frames of a port that are copied to many: broadcast, multicast, and unicast to a MAC that nobody is known to
// have (unknown unicast). What is above it is dropped at the port before it is copied.
type BroadcastLimit struct {
	// PacketRate is in frames a second.
	PacketRate int `json:"packetRate,omitempty"`
	// BurstPackets is how many frames may pass at once after a pause. When 0 it is DefaultBroadcastSeconds of the rate.
	BurstPackets int `json:"burstPackets,omitempty"`
	// Unlimited lifts the limit of the network or project, and the default. Nothing else may be set with it.
	Unlimited bool `json:"unlimited,omitempty"`
}

// The bounds of limits of broadcast. The least rate is MinPacketRate, the highest MaxPacketRate.
const (
	// MinBurstPackets has room for what a guest sends when it boots: address resolution, duplicate address detection and reports of groups,
	// in both families.
	MinBurstPackets = 16
	// MaxBurstPackets is what a meter of Open vSwitch can hold: it keeps thousandths of packets in 32 bits.
	MaxBurstPackets = 4_000_000
)

// The limit of ports for which nothing is said. A router with hundreds of neighbours resolves all of them at once: it asks once a second for
// each, three times (RFC 4861 10, MAX_MULTICAST_SOLICIT). This is more than any other honest guest sends to many, except for streams to
// multicast groups.
const (
	DefaultBroadcastRate    = 1000
	DefaultBroadcastSeconds = 2
)

// Fault says what is wrong with the limit: a field and what is expected. Both are empty when nothing is.
func (l BroadcastLimit) Fault() (field, message string) {
	switch {
	case l.Unlimited && l != BroadcastLimit{Unlimited: true}:
		return "unlimited", "is set beside a limit: keep one of them"
	case l.Unlimited:
		return "", ""
	case l == BroadcastLimit{}:
		return "", "limits nothing: set packetRate or unlimited, or leave it out"
	case l.PacketRate == 0:
		return "burstPackets", "has no rate: set packetRate too"
	case l.PacketRate < MinPacketRate || l.PacketRate > MaxPacketRate:
		return "packetRate", fmt.Sprintf("%d is out of range: use %d to %d packets a second", l.PacketRate, MinPacketRate, MaxPacketRate)
	case l.BurstPackets != 0 && (l.BurstPackets < l.minBurst() || l.BurstPackets > MaxBurstPackets):
		return "burstPackets", fmt.Sprintf("%d is out of range: at %d packets a second use %d to %d packets, or leave it out", l.BurstPackets,
			l.PacketRate, l.minBurst(), MaxBurstPackets)
	}
	return "", ""
}

// minBurst is the smallest burst at the limit's rate, a tenth of a second. A smaller one would not let the rate pass, because switches count in
// milliseconds.
func (l BroadcastLimit) minBurst() int { return max(MinBurstPackets, l.PacketRate/10) }
