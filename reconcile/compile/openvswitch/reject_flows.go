package openvswitch

import "weft/hostnet/object"

// reject drops and counts, for the port that sent the frame (reg6).
func (l *flowList) reject(table uint8, priority uint16, m object.Match, why object.RejectReason) {
	l.add(table, priority, m, object.SetReg{Reg: 3, Value: uint32(why)}, object.Goto{Table: tableRejectSent})
}

// refuser adds a flow that does not let a frame pass.
type refuser func(table uint8, priority uint16, m object.Match)

// because is a refuser that rejects for this reason.
func (l *flowList) because(why object.RejectReason) refuser {
	return func(table uint8, priority uint16, m object.Match) { l.reject(table, priority, m, why) }
}

// rejectHeard drops and counts, for the port that would have received the frame (reg5).
func (l *flowList) rejectHeard(table uint8, priority uint16, m object.Match, why object.RejectReason) {
	l.add(table, priority, m, object.SetReg{Reg: 3, Value: uint32(why)}, object.Goto{Table: tableRejectHeard})
}

// rejectSource counts what a guest's port sent and none of its flows let in; tables 0 and 1.
func rejectSource(l *flowList, ofport uint32) {
	l.add(tableClassify, prioGeneral, object.Match{InPort: ofport}, object.SetReg{Reg: 6, Value: ofport}, object.Goto{Table: tableForeignSource})
}

// rejectFlows count rejected frames by port and reason; tables 1 and 70 to 74. The first frame of a port and reason makes the flow that counts it
// and all later ones. So a guest that behaves costs no flow, and a flood makes the switch learn once. After CheckLarger the switch follows both
// branches when it translates, and counts in both. Only the branch of the shorter frame counts here.
func rejectFlows(l *flowList, cookie uint64) {
	l.reject(tableForeignSource, prioAllow, object.Match{VLAN: object.VLANTagged()}, object.RejectTagged)
	l.reject(tableForeignSource, prioDefault, object.Match{}, object.RejectSourceMAC)
	for _, r := range []struct {
		table, first, port uint8
	}{{tableRejectSent, tableRejectSentFirst, 6}, {tableRejectHeard, tableRejectHeardFirst, 5}} {
		l.drop(r.table, prioAllow, object.Match{Reg4: bitOf(tooLongBit, true)})
		l.add(r.table, prioDefault, object.Match{}, setBit(countedBit, false), object.Resubmit{Table: tableRejected}, object.Goto{Table: r.first})
		l.drop(r.first, prioAllow, object.Match{Reg4: bitOf(countedBit, true)})
		l.add(r.first, prioDefault, object.Match{}, object.LearnRejected{Table: tableRejected, Cookie: cookie, Limit: rejectedLimit,
			IdleTimeout: rejectedIdleSeconds, Port: r.port, Bit: countedBit}, object.Resubmit{Table: tableRejected})
	}
}
