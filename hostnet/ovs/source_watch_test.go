package ovs

import (
	"strings"
	"testing"

	"weft/hostnet/object"
)

const flowsText = `OFPST_FLOW reply (OF1.4) (xid=0x2):
 cookie=0x57aabbccddeeff01, duration=9.1s, table=0, n_packets=%A, n_bytes=70, idle_age=3, priority=100,in_port=5,vlan_tci=0x0000/0x1fff,dl_src=fa:16:3e:00:01:0a actions=set_field:0x5->reg6,goto_table:10
 cookie=0x57aabbccddeeff02, duration=9.1s, table=0, n_packets=90, n_bytes=70, priority=200,in_port=5,dl_type=0x88cc actions=drop
 cookie=0x57aabbccddeeff01, duration=9.1s, table=0, n_packets=44, n_bytes=70, priority=50,in_port=5 actions=set_field:0x5->reg6,goto_table:1
 cookie=0x57aabbccddeeff03, duration=9.1s, table=0, n_packets=8, n_bytes=70, priority=100,in_port=7,dl_src=fa:16:3e:00:01:0b actions=goto_table:30
 cookie=0xbeef, duration=9.1s, table=0, n_packets=900, n_bytes=70, priority=1,in_port=5 actions=goto_table:10
`

const portsText = `OFPST_PORT reply (OF1.4) (xid=0x2): 3 ports
  port LOCAL: rx pkts=11, bytes=0, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=0, bytes=0, drop=0, errs=0, coll=0
  port  5: rx pkts=%B, bytes=2, drop=?, errs=?, frame=?, over=?, crc=?
           tx pkts=1, bytes=2, drop=?, errs=?, coll=?
  port 12: rx pkts=44, bytes=2, drop=?, errs=?, frame=?, over=?, crc=?
`

func counters(passed, received string) map[uint32]sourceCounts {
	return parseCounters([]byte(strings.ReplaceAll(flowsText, "%A", passed)), []byte(strings.ReplaceAll(portsText, "%B", received)))
}

func TestGuestWithAnotherMACIsToldOf(t *testing.T) {
	t.Parallel()
	set := &object.FlowSet{Bridge: "br-int", Guest: object.MAC{0xfa, 0x16, 0x3e, 0, 1, 0xa},
		Flows: []object.Flow{{Table: 10}, {Table: 0, Match: object.Match{InPort: 5}}}}
	d := &Driver{sources: newSources(), learned: newLearnedAddresses()}
	for i, look := range []struct {
		passed, received string
		warns            bool
	}{
		{"7", "10", false},  // the first look has nothing to compare with
		{"8", "20", false},  // heard
		{"8", "22", false},  // two frames are too few
		{"8", "40", false},  // one look may be the switch's delay
		{"8", "40", false},  // nothing was sent
		{"8", "50", true},   // again nothing passed
		{"8", "50", true},   // nothing was sent since
		{"9", "60", false},  // heard
		{"9", "70", false},  // not heard
		{"0", "80", false},  // its flows are new, and so are their counters
		{"0", "90", false},  // not heard
		{"0", "100", true},  // not heard
		{"0", "3", false},   // its device is new
		{"0", "13", false},  // not heard
		{"0", "23", true},   // not heard
		{"9", "100", false}, // heard
	} {
		d.sources.look("br-int", counters(look.passed, look.received))
		if w := d.Warnings(set); (len(w) == 1) != look.warns {
			t.Errorf("look %d: warnings %+v", i, w)
		}
	}
	if w := d.Warnings(&object.FlowSet{Bridge: "br-int", Flows: set.Flows}); len(w) != 0 {
		t.Errorf("a set of no guest: %+v", w)
	}
	if c := counters("1", "2"); len(c) != 2 || c[7] != (sourceCounts{passed: 8}) || c[5] != (sourceCounts{received: 2, passed: 1}) {
		t.Errorf("parsed %+v", c)
	}
}
