package ovs

import (
	"fmt"
	"strings"
	"testing"

	"weft/hostnet/object"
)

func TestGuestThatHasUsedItsLinkLocalAddressesIsToldOf(t *testing.T) {
	t.Parallel()
	set := &object.FlowSet{Bridge: "br-int", Guest: object.MAC{0xfa, 0x16, 0x3e, 0, 1, 0xa}, Flows: []object.Flow{
		{Table: 15, Actions: []object.Action{object.LearnLinkLocal{Table: object.LearnedTable, Cookie: 0x57 << 56, Limit: 8, IdleTimeout: 3600}}}}}
	d := &Driver{sources: newSources(), learned: newLearnedAddresses()}
	for n, warns := range map[int]bool{0: false, 7: false, 8: true} {
		text := "OFPST_FLOW reply (OF1.4) (xid=0x2):\n cookie=0x5700000000000001, duration=1s, table=12, n_packets=0 actions=drop\n"
		for i := range n {
			text += fmt.Sprintf(" cookie=0x5700000000000000, duration=1s, table=12, n_packets=1, idle_timeout=3600, priority=100,ipv6,metadata=0x1,ipv6_src=fe80::%x actions=load:0x5->NXM_NX_REG5[]\n", i)
		}
		d.learned.look("br-int", parseLearned([]byte(text)))
		w := d.Warnings(set)
		if (len(w) == 1) != warns {
			t.Errorf("%d addresses: warnings %+v", n, w)
		}
		if warns && (w[0].Reason != object.WarnLinkLocalLimit || !strings.Contains(w[0].Message, "used 8 link-local addresses within 1h0m0s")) {
			t.Errorf("%+v", w)
		}
	}
}
