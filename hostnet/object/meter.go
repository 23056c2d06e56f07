package object

import (
	"fmt"
	"strconv"
	"strings"
)

// Meter is an OpenFlow meter of a bridge (openflow-spec 1.4, 5.7). A flow that names it in ApplyMeter drops what is above its rate.
// Meters are not part of flow bundles. The switch refuses a flow that names a meter which does not exist, and removes with a meter all
// flows that name it. After a restart of ovs-vswitchd there is none.
type Meter struct {
	OwnerUID string // not in the switch, not compared
	Bridge   string
	ID       uint32 // 1 to LastMeter
	Unit     MeterUnit
	// Rate is in kilobits (1000 bits) or packets a second.
	Rate uint32
	// Burst is in kilobits or packets.
	Burst uint32
	// Strange says what else the observed meter has or lacks. It is always desired "".
	Strange string
}

// MeterUnit is what a meter counts.
type MeterUnit string

// The units (OFPMF_KBPS, OFPMF_PKTPS).
const (
	MeterKbps  MeterUnit = "kbps"
	MeterPktps MeterUnit = "pktps"
)

// firstBroadcastMeter is behind the meters of the other slots. Meters of former versions keep their ids.
const firstBroadcastMeter uint32 = 3 << 16

// LastMeter is the highest id of our meters. Meters with higher ids are not touched.
const LastMeter = firstBroadcastMeter + 0xfeff

// MeterSlot distinguishes the meters of one port.
type MeterSlot uint32

// The meters of a port: bits and packets that its guest sends, packets that it is sent, and packets that it sends to many.
const (
	MeterEgressRate MeterSlot = iota
	MeterEgressPackets
	MeterIngressPackets
	MeterBroadcast
)

// MeterID is the id of a meter of the port with this OpenFlow number, which is less than 0xff00 (OFPP_MAX of OpenFlow 1.0). No other
// port of the bridge has it. Open vSwitch gives each meter another number in its datapath. So these ids are free, and only the number of meters
// is bounded: 2^18 on the userspace datapath, 200,000 on the kernel's (DP_METER_NUM_MAX).
func MeterID(ofport uint32, slot MeterSlot) uint32 {
	if slot == MeterBroadcast {
		return firstBroadcastMeter + ofport
	}
	return ofport*uint32(MeterBroadcast) + uint32(slot)
}

// BroadcastMeterOf is the OpenFlow number of the port whose meter of slot MeterBroadcast has this id. ok is false for other meters.
func BroadcastMeterOf(id uint32) (ofport uint32, ok bool) {
	if id <= firstBroadcastMeter || id > LastMeter {
		return 0, false
	}
	return id - firstBroadcastMeter, true
}

// MeterName is the name in the key of a meter.
func MeterName(bridge string, id uint32) string {
	return bridge + "/" + strconv.FormatUint(uint64(id), 10)
}

// ParseMeterName reads what MeterName writes.
func ParseMeterName(name string) (bridge string, id uint32, ok bool) {
	bridge, text, _ := strings.Cut(name, "/")
	n, err := strconv.ParseUint(text, 10, 32)
	return bridge, uint32(n), err == nil
}

// Key implements Object.
func (m *Meter) Key() Key { return Key{KindMeter, MeterName(m.Bridge, m.ID)} }

// Owner implements Object.
func (m *Meter) Owner() string { return m.OwnerUID }

// DependsOn implements Object.
func (m *Meter) DependsOn() []Key { return []Key{{KindBridge, m.Bridge}} }

// Diff implements Object.
func (m *Meter) Diff(observed Object) []Difference {
	o := observed.(*Meter)
	var d differ
	d.field("unit", o.Unit, m.Unit)
	d.field("rate", o.Rate, m.Rate)
	d.field("burst", o.Burst, m.Burst)
	d.field("strange", o.Strange, m.Strange)
	return d
}

// Protects implements Protector. A missing meter lets nothing pass, because its flows are gone too. Another rate lets too much pass.
func (m *Meter) Protects(observed Object) bool { return observed != nil }

// ApplyMeter drops the packet if the meter's rate is exceeded (OpenFlow: the instruction Meter). It must be the first action of a flow,
// and there is at most one.
type ApplyMeter struct{ ID uint32 }

func (a ApplyMeter) String() string { return fmt.Sprintf("meter:%d", a.ID) }

// MeterOf is the meter that a flow names; 0 if it names none.
func (f Flow) MeterOf() uint32 {
	if len(f.Actions) > 0 {
		if m, ok := f.Actions[0].(ApplyMeter); ok {
			return m.ID
		}
	}
	return 0
}
