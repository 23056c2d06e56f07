package openvswitch

import "weft/hostnet/object"

// broadcastDefaults lead what is copied to many through its sender's limit: group frames before they are copied, and frames to a MAC that
// nobody is known to have before they leave through the uplink; tables 20, 22 and 23. What has no limit passes: frames of routers, and those from
// the physical network.
func broadcastDefaults(l *flowList) {
	l.add(tableForward, prioCopied, object.Match{EthDst: object.GroupMAC(), Reg4: bitOf(limitedBit, false)}, object.Goto{Table: tableBroadcastLimit})
	l.add(tableForward, prioLimited, object.Match{Reg4: bitOf(limitedBit, true)}, object.Goto{Table: tableUplink})
	l.add(tableForward, prioDefault, object.Match{}, setBit(knownBit, false), object.Resubmit{Table: tableKnown}, object.Goto{Table: tableUnknown})

	l.add(tableUnknown, prioAllow, object.Match{Reg4: bitOf(knownBit, true)}, object.Goto{Table: tableUplink})
	l.add(tableUnknown, prioDefault, object.Match{}, object.Goto{Table: tableBroadcastLimit})

	l.add(tableBroadcastLimit, prioDefault, object.Match{}, limited()...)
}

// limited continues in table 20 with a frame that has passed its sender's limit.
func limited() []object.Action {
	return []object.Action{setBit(limitedBit, true), object.Resubmit{Table: tableForward}}
}

// broadcastFlows: table 23. What a guest sends to many passes the meter. The meter drops before the frame is copied.
func broadcastFlows(l *flowList, ofport, meter uint32) {
	if meter != 0 {
		l.add(tableBroadcastLimit, prioAllow, object.Match{Reg6: object.Exact32(ofport)}, through(meter, limited()...)...)
	}
}

// knownFlows remember who on the physical network talks to machines here, so that what guests send to them is not limited; table 31. Frames to
// groups teach nothing. Otherwise every host would remember everybody on the network, and each change of a table makes the switch look at its
// flows again.
func knownFlows(l *flowList, meta object.Masked64, cookie uint64) {
	m := object.Match{Metadata: meta, EthDst: object.MaskedMAC{Mask: object.GroupMAC().Mask}}
	l.add(tableLearnMAC, prioAllow, m, object.LearnMAC{Table: tableKnown, Cookie: cookie, Limit: knownLimit, HardTimeout: knownSeconds, Bit: knownBit},
		object.Resubmit{Table: tableForward})
}
