package object

import (
	"cmp"
	"fmt"
	"strings"
)

// RateLimits bound what passes a border, from outside (ingress) and to outside (egress). A direction without limit is zero.
type RateLimits struct {
	Ingress, Egress RateLimit
}

// RateLimit is what nftables limits hold of one direction (net/netfilter/nft_limit.c). What is above is dropped. A rate of 0 is no limit.
type RateLimit struct {
	// Rate is in bytes of IP packets a second.
	Rate uint64
	// Burst is how many bytes may pass at once after a pause, beyond those of one second at Rate. The kernel's bucket holds both.
	Burst uint32
	// Packets is in packets a second.
	Packets uint64
	// PacketBurst is how many packets may pass at once after a pause.
	PacketBurst uint32
}

// String is "ingress: none; egress: 12500 bytes/s, burst 62500, 10 packets/s, burst 16".
func (l RateLimits) String() string {
	return "ingress: " + l.Ingress.String() + "; egress: " + l.Egress.String()
}

// String is "12500 bytes/s, burst 62500, 10 packets/s, burst 16".
func (l RateLimit) String() string {
	var parts []string
	if l.Rate != 0 || l.Burst != 0 {
		parts = append(parts, fmt.Sprintf("%d bytes/s, burst %d", l.Rate, l.Burst))
	}
	if l.Packets != 0 || l.PacketBurst != 0 {
		parts = append(parts, fmt.Sprintf("%d packets/s, burst %d", l.Packets, l.PacketBurst))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// Exists says that something is limited.
func (l RateLimit) Exists() bool { return l != RateLimit{} }

// Fault says what the kernel cannot hold; empty when nothing.
func (l RateLimit) Fault() string {
	// The kernel multiplies both with the nanoseconds of a second, in 64 bits.
	const most = 1 << 34
	switch {
	case l.Rate == 0 && l.Burst != 0 || l.Packets == 0 && l.PacketBurst != 0:
		return "a burst without a rate"
	case l.Packets != 0 && l.PacketBurst == 0:
		return "a rate of packets without a burst lets nothing pass"
	case l.Rate >= most || l.Rate+uint64(l.Burst) >= most || l.Packets > most:
		return fmt.Sprintf("a rate with its burst: expected less than %d", uint64(most))
	}
	return ""
}

func (d *differ) rates(o, want RateLimits) {
	d.rate("rates: ingress", o.Ingress, want.Ingress)
	d.rate("rates: egress", o.Egress, want.Egress)
}

func (d *differ) rate(name string, o, want RateLimit) {
	d.field(name+": rate", bytesPerSecond(o.Rate), bytesPerSecond(want.Rate))
	d.field(name+": burst", o.Burst, want.Burst)
	d.field(name+": packets", o.Packets, want.Packets)
	d.field(name+": packet burst", o.PacketBurst, want.PacketBurst)
}
