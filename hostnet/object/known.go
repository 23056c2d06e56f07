package object

import "fmt"

// KnownTable is the OpenFlow table that only LearnMAC writes. Its content is state of the dataplane, as that of LearnedTable.
const KnownTable = 21

// LearnMAC adds to Table a flow for the sender of the packet: it matches frames of the same network (metadata) to the sender's MAC, and sets Bit
// of reg4. There are at most Limit such flows per Cookie, and Limit is at least 1. Each is removed HardTimeout seconds after the sender's
// last packet, and all with the last flow that has this action and Cookie (OVS: learn with limit and delete_learned).
type LearnMAC struct {
	Table       uint8
	Cookie      uint64
	Limit       uint32
	HardTimeout uint16
	Bit         uint8
}

func (a LearnMAC) String() string {
	return fmt.Sprintf("learn_mac(table=%d,cookie=%#x,limit=%d,hard=%d,bit=%d)", a.Table, a.Cookie, a.Limit, a.HardTimeout, a.Bit)
}
