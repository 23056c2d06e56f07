package object

import (
	"fmt"
	"time"
)

// Qdisc is the traffic control of a guest's device: the limits that Weft sets, and nothing else. Somebody else's root queueing
// discipline, ingress or clsact queueing discipline and filters are removed.
type Qdisc struct {
	OwnerUID string
	Device   string
	// Root is the kind of the root queueing discipline, QdiscTBF if there is a Shaper. Empty is the kernel's default (handle 0).
	Root string
	// Ingress is the kind of the ingress or clsact queueing discipline, QdiscClsact if there is a Policer.
	Ingress string
	// Shaper limits what the host sends to the guest. It delays before it drops.
	Shaper Shaper
	// FromGuest and ToGuest drop what is above a rate: what the guest sends, and what it is sent.
	FromGuest, ToGuest Policer
	// Filters says what is wrong with the filters of the device. It is always desired "".
	Filters string
	// After lists what must exist first.
	After []Key
}

// The kinds of queueing disciplines that Weft makes (tc-tbf(8), tc(8)).
const (
	QdiscTBF    = "tbf"
	QdiscClsact = "clsact"
)

// Shaper is a token bucket filter. Without a rate there is none. Only its lengths in bytes and time are what the kernel holds, so that
// comparing them is exact.
type Shaper struct {
	// Rate is in bytes a second.
	Rate uint64
	// Burst is how long the bucket lasts at this rate. It is a multiple of PSchedTick.
	Burst time.Duration
	// Limit is how many bytes may wait, bucket included.
	Limit uint32
}

// Policer is two token buckets, of bytes and of packets. A bucket without a rate does not exist.
type Policer struct {
	// Rate is in bytes a second.
	Rate uint64
	// Burst is how long the bucket of bytes lasts at its rate. It is a multiple of PSchedTick.
	Burst time.Duration
	// Packets is in packets a second.
	Packets uint64
	// PacketBurst is how long the bucket of packets lasts at its rate. It is a multiple of PSchedTick.
	PacketBurst time.Duration
}

// PSchedTick is the unit in which the kernel's traffic control counts time (include/net/pkt_sched.h, PSCHED_SHIFT).
const PSchedTick = 64 * time.Nanosecond

// Exists says that something is limited.
func (p Policer) Exists() bool { return p != Policer{} }

// Key implements Object.
func (q *Qdisc) Key() Key { return Key{KindQdisc, q.Device} }

// Owner implements Object.
func (q *Qdisc) Owner() string { return q.OwnerUID }

// Netdev implements OnDevice.
func (q *Qdisc) Netdev() string { return q.Device }

// DependsOn implements Object.
func (q *Qdisc) DependsOn() []Key { return q.After }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (q *Qdisc) Diff(observed Object) []Difference {
	o := observed.(*Qdisc)
	var d differ
	d.field("root", o.Root, q.Root)
	d.field("ingress", o.Ingress, q.Ingress)
	d.shaper(o.Shaper, q.Shaper)
	d.policer("from guest", o.FromGuest, q.FromGuest)
	d.policer("to guest", o.ToGuest, q.ToGuest)
	d.field("filters", o.Filters, q.Filters)
	return d
}

func (d *differ) shaper(o, want Shaper) {
	d.field("shaper: rate", bytesPerSecond(o.Rate), bytesPerSecond(want.Rate))
	d.field("shaper: burst", o.Burst, want.Burst)
	d.field("shaper: limit", o.Limit, want.Limit)
}

func (d *differ) policer(name string, o, want Policer) {
	d.field(name+": rate", bytesPerSecond(o.Rate), bytesPerSecond(want.Rate))
	d.field(name+": burst", o.Burst, want.Burst)
	d.field(name+": packets", o.Packets, want.Packets)
	d.field(name+": packet burst", o.PacketBurst, want.PacketBurst)
}

// bytesPerSecond writes a rate as people know it.
func bytesPerSecond(rate uint64) string {
	if rate == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f kbit/s", float64(rate)*8/1000)
}

// BurstTime is how long amount lasts at the rate, rounded up to what the kernel can hold. Both are in the same unit: bytes or packets.
func BurstTime(amount, rate uint64) time.Duration {
	if rate == 0 {
		return 0
	}
	whole := amount / rate * uint64(time.Second)
	part := (amount%rate*uint64(time.Second) + rate - 1) / rate
	ticks := (whole + part + uint64(PSchedTick) - 1) / uint64(PSchedTick)
	return time.Duration(ticks) * PSchedTick
}

// Protects implements Protector. Without its limits a guest takes what belongs to others.
func (q *Qdisc) Protects(Object) bool {
	return q.Shaper != Shaper{} || q.FromGuest.Exists() || q.ToGuest.Exists()
}
