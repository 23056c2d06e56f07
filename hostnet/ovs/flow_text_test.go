package ovs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// Lines as ovs-ofctl 3.1 prints them.
func TestParseFlow(t *testing.T) {
	t.Parallel()
	ours := object.CookieOwner | 1
	for line, want := range map[string]switchFlow{
		" table=1, dl_vlan=100 actions=pop_vlan,LOCAL": {0, object.Flow{Table: 1, Priority: 32768,
			Match: object.Match{VLAN: object.VLANID(100)}, Actions: []object.Action{object.PopVLAN{}, object.Output{Port: portLocal}}}},
		" cookie=0x5700000000000001, table=2, priority=7,udp6,tp_dst=0 actions=drop": {ours, object.Flow{Table: 2, Priority: 7,
			Match: object.Match{EthType: etherIPv6, IPProto: protoUDP, Zero: object.ZeroUDPDst}}},
		" cookie=0x5700000000000001, priority=10,in_port=5,vlan_tci=0x0000/0x1fff actions=set_field:0x5->reg6,set_field:0x1234567890abcdef->metadata,goto_table:10": {ours,
			object.Flow{Priority: 10, Match: object.Match{InPort: 5, VLAN: object.VLANUntagged()}, Actions: []object.Action{
				object.SetReg{Reg: 6, Value: 5}, object.SetMetadata{Value: 0x1234567890abcdef}, object.Goto{Table: 10}}}},
		" cookie=0x5700000000000001, table=12, idle_timeout=3600, priority=5,ipv6 actions=drop": {ours, object.Flow{Table: 12, Priority: 5,
			Match: object.Match{EthType: etherIPv6}, Actions: []object.Action{object.AlienActions{Text: "idle_timeout=3600,actions=drop"}}}},
		" priority=3,ip,nw_tos=4 actions=NORMAL": {0, object.Flow{Priority: 3, Match: object.Match{Alien: "ip,nw_tos=4"},
			Actions: []object.Action{object.AlienActions{Text: "NORMAL"}}}},
		" table=2, tcp,tp_dst=0 actions=drop":                {0, object.Flow{Table: 2, Priority: 32768, Match: object.Match{Alien: "tcp,tp_dst=0"}}},
		" table=2, arp,arp_op=2,nw_src=1.2.3.4 actions=drop": {0, object.Flow{Table: 2, Priority: 32768, Match: object.Match{Alien: "arp,arp_op=2,nw_src=1.2.3.4"}}},
	} {
		got, err := parseFlow(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", line, diff)
		}
	}
	if _, err := parseFlow("OFPST_FLOW reply (OF1.4) (xid=0x2):"); err == nil {
		t.Error("a heading passes as a flow")
	}
}

func TestRenderMatchRefuses(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]object.Match{
		"metadata: 0x3 has bits outside":     {Metadata: object.Masked64{Value: 3, Mask: 1}},
		"nw_src: 10.0.0.1/8":                 {EthType: etherIPv4, IPSrc: netip.MustParsePrefix("10.0.0.1/8")},
		"ipv6_src: ::/0":                     {EthType: etherIPv6, IPSrc: netip.MustParsePrefix("::/0")},
		"does not fit EtherType 0x86dd":      {EthType: etherIPv6, IPSrc: netip.MustParsePrefix("10.0.0.0/8")},
		"udp_src and udp_dst needs":          {EthType: etherIPv4, UDPDst: 67},
		"arp_sha needs":                      {ARPSHA: object.MAC{2}},
		"icmp_type needs":                    {EthType: etherIPv6, ICMPType: object.Some8(135)},
		"nd_tll: 02:00:00:00:00:00 and zero": {EthType: etherIPv6, IPProto: protoICMPv6, NDTLL: object.MAC{2}, Zero: object.ZeroNDTLL},
	} {
		if _, err := renderMatch(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", m, err, want)
		}
	}
}

func TestFlowRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := switchFlow{rapid.Uint64().Draw(t, "cookie"), drawFlow(t)}
		match, err := renderMatch(want.Flow.Match)
		if err != nil {
			t.Fatalf("match: %v", err)
		}
		actions, err := renderActions(want.Flow.Actions)
		if err != nil {
			t.Fatalf("actions: %v", err)
		}
		line := fmt.Sprintf(" cookie=%#x, table=%d, priority=%d,%s actions=%s", want.Cookie, want.Flow.Table, want.Flow.Priority, match, actions)
		got, err := parseFlow(line)
		if err != nil {
			t.Fatal(err)
		}
		if got.Cookie != want.Cookie || got.Flow.Match != want.Flow.Match || got.Flow.Table != want.Flow.Table ||
			got.Flow.Priority != want.Flow.Priority || !slices.Equal(got.Flow.Actions, want.Flow.Actions) {
			t.Fatalf("line %s\nwant %v\ngot  %v", line, want, got)
		}
	})
}

func FuzzParseFlow(f *testing.F) {
	f.Add(" cookie=0x5700000000000001, table=11, priority=5,ipv6 actions=resubmit(,12),learn(table=12,idle_timeout=3600)")
	f.Add(" priority=3,in_port=LOCAL,dl_src=02:00:00:00:00:00/ff:ff:ff:00:00:00 actions=push_vlan:0x8100,set_field:4196->vlan_vid")
	f.Add("actions=push:NXM_NX_IPV6_SRC[],move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],resubmit(,12),pop:NXM_NX_IPV6_SRC[]")
	f.Fuzz(func(t *testing.T, line string) {
		parsed, err := parseFlow(line)
		if err != nil {
			return
		}
		// Everything that was read can be written, and is then read back the same.
		match, err := renderMatch(parsed.Flow.Match)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if again := parseMatch(match); parsed.Flow.Match.Alien == "" && again != parsed.Flow.Match {
			t.Fatalf("%q: read %s, again %s", line, parsed.Flow.Match, again)
		}
	})
}
