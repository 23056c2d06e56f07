package ovs

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestEveryFieldNeedsWhatOVSNeeds: a field without its EtherType or protocol would be widened by OVS, so it is refused, by name.
func TestEveryFieldNeedsWhatOVSNeeds(t *testing.T) {
	t.Parallel()
	four, six, mac := prefixOf("10.0.0.1/32"), prefixOf("2001:db8::1/128"), object.MAC{2}
	for _, c := range []struct {
		field string
		good  object.Match
		spoil func(m *object.Match)
	}{
		{"nw_proto", object.Match{EthType: etherARP, IPProto: 1}, func(m *object.Match) { m.EthType = 0x88cc }},
		{"nw_proto", object.Match{EthType: etherIPv6, Zero: object.ZeroIPProto}, func(m *object.Match) { m.EthType = 0 }},
		{"nw_proto", object.Match{EthType: etherIPv6, Zero: object.ZeroIPProto}, func(m *object.Match) { m.IPProto = 6 }},
		{"nw_src", object.Match{EthType: etherIPv4, IPSrc: four}, func(m *object.Match) { m.EthType = etherARP }},
		{"nw_dst", object.Match{EthType: etherIPv4, IPDst: four}, func(m *object.Match) { m.EthType = 0 }},
		{"ipv6_src", object.Match{EthType: etherIPv6, IPSrc: six}, func(m *object.Match) { m.IPSrc = four }},
		{"ipv6_dst", object.Match{EthType: etherIPv6, IPDst: six}, func(m *object.Match) { m.IPDst = four }},
		{"nw_dst", object.Match{EthType: etherIPv4, IPDst: four}, func(m *object.Match) { m.IPDst = six }},
		{"nw_dst", object.Match{EthType: etherIPv4, IPDst: four}, func(m *object.Match) { m.IPDst = netip.PrefixFrom(four.Addr(), 33) }},
		{"ipv6_dst", object.Match{EthType: etherIPv6, IPDst: six}, func(m *object.Match) { m.IPDst = netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.1"), 128) }},
		{"nw_ttl", object.Match{EthType: etherIPv6, TTL: 255}, func(m *object.Match) { m.EthType = etherARP }},
		{"nw_frag", object.Match{EthType: etherIPv4, Frag: object.FragLater}, func(m *object.Match) { m.EthType = etherARP }},
		{"nw_frag", object.Match{EthType: etherIPv4, Frag: object.FragLater}, func(m *object.Match) { m.Frag = object.FragLater + 1 }},
		{"tcp_src and tcp_dst", object.Match{EthType: etherIPv4, IPProto: protoTCP, TCPSrc: 1}, func(m *object.Match) { m.IPProto = protoUDP }},
		{"tcp_src and tcp_dst", object.Match{EthType: etherIPv6, IPProto: protoTCP, TCPDst: 1}, func(m *object.Match) { m.EthType, m.IPProto = etherARP, protoTCP }},
		{"udp_src and udp_dst", object.Match{EthType: etherIPv4, IPProto: protoUDP, UDPSrc: 1}, func(m *object.Match) { m.IPProto = protoTCP }},
		{"udp_src and udp_dst", object.Match{EthType: etherIPv4, IPProto: protoUDP, Zero: object.ZeroUDPDst}, func(m *object.Match) { m.IPProto = protoTCP }},
		{"udp_dst", object.Match{EthType: etherIPv4, IPProto: protoUDP, Zero: object.ZeroUDPDst}, func(m *object.Match) { m.UDPDst = 5 }},
		{"arp_spa", object.Match{EthType: etherARP, ARPSPA: four}, func(m *object.Match) { m.EthType = etherIPv4 }},
		{"arp_tpa", object.Match{EthType: etherARP, ARPTPA: four}, func(m *object.Match) { m.ARPTPA = six }},
		{"arp_sha", object.Match{EthType: etherARP, ARPSHA: mac}, func(m *object.Match) { m.EthType = etherIPv4 }},
		{"icmp_type", object.Match{EthType: etherIPv4, IPProto: protoICMP, ICMPType: object.Some8(0)}, func(m *object.Match) { m.IPProto = protoICMPv6 }},
		{"icmp_code", object.Match{EthType: etherIPv6, IPProto: protoICMPv6, ICMPCode: object.Some8(0)}, func(m *object.Match) { m.EthType = etherIPv4 }},
		{"nd_target", object.Match{EthType: etherIPv6, IPProto: protoICMPv6, NDTarget: six}, func(m *object.Match) { m.IPProto = protoICMP }},
		{"nd_target", object.Match{EthType: etherIPv6, IPProto: protoICMPv6, NDTarget: six}, func(m *object.Match) { m.NDTarget = four }},
		{"nd_sll", object.Match{EthType: etherIPv6, IPProto: protoICMPv6, NDSLL: mac}, func(m *object.Match) { m.IPProto = protoUDP }},
		{"nd_sll", object.Match{EthType: etherIPv6, IPProto: protoICMPv6, NDSLL: mac}, func(m *object.Match) { m.Zero = object.ZeroNDSLL }},
		{"nd_tll", object.Match{EthType: etherIPv6, IPProto: protoICMPv6, Zero: object.ZeroNDTLL}, func(m *object.Match) { m.EthType = etherIPv4 }},
		{"ct_state", object.Match{Conn: object.ConnMatch{Value: object.ConnNew, Mask: object.ConnNew}}, func(m *object.Match) { m.Conn.Mask = object.ConnReply }},
		{"ct_state", object.Match{Conn: object.ConnMatch{Value: object.ConnNew, Mask: object.ConnNew}}, func(m *object.Match) { m.Conn.Mask = 0xff }},
		{"ct_tp_src and ct_tp_dst", conn(etherIPv4, protoTCP, four), func(m *object.Match) { m.Original = false }},
		{"an original", conn(etherIPv6, protoICMPv6, six), func(m *object.Match) { m.EthType = etherARP }},
		{"an original", conn(etherIPv4, protoTCP, four), func(m *object.Match) { m.Conn.Mask = object.ConnTracked }},
		{"an original", conn(etherIPv4, protoTCP, four), func(m *object.Match) { m.Conn.Value = object.ConnInvalid }},
		{"Original without", conn(etherIPv4, protoTCP, four), func(m *object.Match) { m.IPProto = 0 }},
		{"Original without", object.Match{EthType: etherIPv4, Conn: tracked(), Original: true, IPSrc: four}, func(m *object.Match) { m.IPSrc = netip.Prefix{} }},
		{"ct_nw_proto", object.Match{EthType: etherIPv4, Conn: tracked(), Original: true, IPSrc: four}, func(m *object.Match) { m.Zero = object.ZeroIPProto }},
		{"ct_nw_src", conn(etherIPv4, protoTCP, four), func(m *object.Match) { m.IPSrc = six }},
		{"ct_ipv6_dst", conn(etherIPv6, protoTCP, six), func(m *object.Match) { m.IPDst = four }},
		{"ct_tp_dst", conn(etherIPv6, protoTCP, six), func(m *object.Match) { m.ConnDst.Value = 1 }},
		{"reg0", object.Match{Reg0: object.Exact32(5)}, func(m *object.Match) { m.Reg0.Mask = 1 }},
		{"vlan_tci", object.Match{VLAN: object.VLANID(5)}, func(m *object.Match) { m.VLAN.Mask = 1 }},
		{"reg5", object.Match{Reg5: object.Exact32(5)}, func(m *object.Match) { m.Reg5.Mask = 1 }},
		{"dl_src", object.Match{EthSrc: object.GroupMAC()}, func(m *object.Match) { m.EthSrc.Mask = object.MAC{} }},
		{"dl_dst", object.Match{EthDst: object.GroupMAC()}, func(m *object.Match) { m.EthDst.Value[5] = 1 }},
	} {
		text, err := renderMatch(c.good)
		if err != nil || parseMatch(text) != c.good {
			t.Errorf("%s: %q is read back as %s: %v", c.good, text, parseMatch(text), err)
		}
		bad := c.good
		c.spoil(&bad)
		if text, err := renderMatch(bad); err == nil || !strings.HasPrefix(err.Error(), "match: "+c.field) || text != "" {
			t.Errorf("%s: %q, error %v, want one about %s", bad, text, err, c.field)
		}
	}
}

// tracked matches every packet that the connection tracker could follow.
func tracked() object.ConnMatch {
	return object.ConnMatch{Value: object.ConnTracked, Mask: object.ConnTracked | object.ConnInvalid}
}

// conn is a match on all that a connection's first packet had.
func conn(etherType uint16, proto uint8, addr netip.Prefix) object.Match {
	return object.Match{EthType: etherType, Conn: tracked(), Original: true, IPSrc: addr, IPDst: addr, IPProto: proto,
		ConnSrc: object.Exact16(5), ConnDst: object.Masked16{Value: 0x50, Mask: 0xfff0}}
}

// TestMatchesOfOthersAreAlien: what the types cannot say exactly is kept as text, whole.
func TestMatchesOfOthersAreAlien(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"in_port=0", "in_port=ANY", "in_port=4294967296", "metadata=0x1/", "metadata=0x10000000000000000", "reg4=0x100000000", "reg7=1", "reg6=3/1",
		"dl_src=02:00:00:00:00", "dl_src=02:00:00:00:00:01/00:00:00:00:00:00", "dl_src=02:00:00:00:00:01/zz", "dl_dst=02:00:00:00:00:00:00:01",
		"dl_type=0x10000", "dl_vlan=65536", "dl_vlan", "vlan_tci=0x1/0x0", "ip,nw_src=10.0.0.1/255.0.255.0", "ip,nw_src=10.0.0.1/8", "ip,nw_src=0.0.0.0/0",
		"ip,nw_src=x", "nw_src=10.0.0.1", "ipv6,nw_src=10.0.0.1", "ip,ipv6_src=::1", "ip,nw_ttl=0", "ip,nw_ttl=256", "ip,nw_frag=", "ip,nw_frag=not_later",
		"ip,nw_proto=256", "tp_src=5", "ip,tp_dst=5", "tcp,tp_src=0", "udp,tp_src=0", "udp,tp_dst=65536", "icmp,tp_src=1", "arp,arp_spa=::1", "arp,arp_sha=00:00:00:00:00:00",
		"icmp,icmp_type=256", "ip,icmp_type=1", "icmp6,icmp_code=x", "icmp6,nd_target=10.0.0.1", "icmp6,nd_sll=0", "icmp6,nd_tll=x", "ip,nd_tll=02:00:00:00:00:01",
		"sctp,tp_dst=5", "mpls,mpls_label=3", "tun_id=0x5", "ct_state=+snat+trk", "ct_state=trk", "ct_state=", "ct_mark=0x1", "ct_zone=5", "ip,ct_nw_src=10.0.0.1",
		"ct_state=-inv+trk,ct_nw_src=10.0.0.1", "ct_state=-inv+trk,ip,nw_src=10.0.0.1,ct_nw_dst=10.0.0.2", "ct_state=-inv+trk,tcp,ct_nw_src=10.0.0.1",
		"ct_state=-inv+trk,ip,ct_nw_proto=0", "ct_state=-inv+trk,ip,ct_tp_dst=80", "ct_state=-inv+trk,ip,ct_nw_proto=6,ct_tp_dst=0x51/0xfff0",
		"ct_state=-inv+trk,ipv6,ct_nw_src=10.0.0.1",
		"nothing", "=", "ip,",
	} {
		if m := parseMatch(text); m != (object.Match{Alien: text}) {
			t.Errorf("%s is read as %s", text, m)
		}
	}
	for text, want := range map[string]object.Match{
		"":                      {},
		"sctp":                  {EthType: etherIPv4, IPProto: 132},
		"sctp6":                 {EthType: etherIPv6, IPProto: 132},
		"rarp":                  {EthType: 0x8035},
		"mpls":                  {EthType: 0x8847},
		"mplsm":                 {EthType: 0x8848},
		"tcp6,tcp_src=1":        {EthType: etherIPv6, IPProto: protoTCP, TCPSrc: 1},
		"tcp,tp_src=1,tp_dst=2": {EthType: etherIPv4, IPProto: protoTCP, TCPSrc: 1, TCPDst: 2},
		"udp,udp_src=1":         {EthType: etherIPv4, IPProto: protoUDP, UDPSrc: 1},
		"udp6,udp_dst=9":        {EthType: etherIPv6, IPProto: protoUDP, UDPDst: 9},
		"icmp,icmp_type=0":      {EthType: etherIPv4, IPProto: protoICMP, ICMPType: object.Some8(0)},
		"in_port=LOCAL":         {InPort: portLocal},
		"arp,nw_proto=0":        {EthType: etherARP, Zero: object.ZeroIPProto},
		"reg4=0x1/0x3":          {Reg4: object.Masked32{Value: 1, Mask: 3}},
		"dl_vlan=0":             {VLAN: object.VLANID(0)},
		"icmp6,icmp_type=136,icmp_code=0,nd_tll=00:00:00:00:00:00": {EthType: etherIPv6, IPProto: protoICMPv6, ICMPType: object.Some8(136),
			ICMPCode: object.Some8(0), Zero: object.ZeroNDTLL},
	} {
		if m := parseMatch(text); m != want {
			t.Errorf("%q is read as %s, want %s", text, m, want)
		}
	}
}

// TestActionsOfOthersAreAlien: one action that is not exactly ours makes the whole list alien.
func TestActionsOfOthersAreAlien(t *testing.T) {
	t.Parallel()
	learn := renderLearn(object.LearnLinkLocal{Table: 12, Cookie: 1, Limit: 8, IdleTimeout: 3600})
	live := renderLoadLive(object.LoadLive{Reg: 5, Ports: [3]uint32{1, 2, 3}})
	larger := renderCheckLarger(object.CheckLarger{Length: 85, Reg: 4, Bit: 1})
	rejected := renderLearnRejected(object.LearnRejected{Table: 71, Cookie: 1, Limit: 8, IdleTimeout: 3600, Port: 6, Bit: 7})
	known := renderLearnMAC(object.LearnMAC{Table: 21, Cookie: 1, Limit: 8, HardTimeout: 300, Bit: 8})
	for _, text := range []string{
		strings.Replace(known, "ETH_SRC", "ETH_DST", 1), strings.Replace(known, "[8]", "[x]", 1), strings.Replace(known, "0x1->", "0x0->", 1), strings.Replace(known, "hard_timeout", "idle_timeout", 1),
		strings.Replace(known, "hard_timeout=300", "hard_timeout=x", 1), strings.Replace(known, ",OXM_OF_METADATA[]", "", 1), strings.Replace(rejected, "idle_timeout", "hard_timeout", 1),
		strings.Replace(rejected, "REG3", "REG2", 1), strings.Replace(rejected, "[7]", "[x]", 1), strings.Replace(rejected, "[7]", "[7..8]", 1), strings.Replace(rejected, "0x1->", "0x0->", 1),
		"NORMAL", "output:x", "output:4294967296", "output:-1", "goto_table:256", "goto_table:", "resubmit(5,12)", "resubmit(,256)", "resubmit(,12", "LOCAL2", "pop_vlan2",
		"set_field:0x1->tun_id", "set_field:0x1", "set_field:x->metadata", "set_field:0x100000000->reg4", "set_field:1->regx", "set_field:1->reg256", "set_field:1/2->reg4",
		"set_field:02:00:00:00:00->eth_src", "set_field:02:00:00:00:00:01->arp_tha", "set_field:192.0.2.1->ipv6_src", "set_field:::ffff:192.0.2.1->ipv6_dst", "set_field:::1->arp_spa", "set_field:02:00->nd_sll", "set_field:::1->ip_src", "set_field:x->ip_dst", "set_field:65536->udp_src",
		"push_vlan:0x88a8,set_field:4196->vlan_vid", "push_vlan:0x8100,set_field:100->vlan_vid", "push_vlan:0x8100,set_field:8292->vlan_vid", "push_vlan:0x8100",
		"push_vlan:0x8100,set_field:4196->vlan_pcp", "push_vlan:0x8100,set_field:x->vlan_vid",
		lookupBefore + "resubmit(,12)", lookupBefore + "output:1" + lookupAfter, lookupBefore + "resubmit(,300)" + lookupAfter, "pop:NXM_NX_IPV6_SRC[]",
		strings.Replace(learn, "table=12", "table=300", 1), strings.Replace(learn, "limit=8", "limit=8,fin_timeout=1", 1), strings.Replace(learn, ",delete_learned", "", 1),
		strings.Replace(learn, "cookie=0x1", "cookie=1", 1), learn[:len(learn)-1],
		strings.Replace(live, "1,2,3", "1,2,3,4", 1), strings.Replace(live, "1,2,3", "1,x", 1), strings.Replace(live, "1,2,3", "1,0,3", 1), strings.Replace(live, "[0..15]", "[]", 1),
		strings.Replace(live, "REG5", "REGx", 1), strings.Replace(live, "active_backup", "hrw", 1), strings.Replace(live, "1,2,3", "65536", 1),
		strings.Replace(larger, "85", "65536", 1), strings.Replace(larger, "[1]", "[1..2]", 1), strings.Replace(larger, "REG4", "REG04", 1), larger + "]", strings.Replace(larger, "[1]", "", 1),
	} {
		for _, list := range []string{text, "output:1," + text, text + ",output:1"} {
			if got := parseActions(list); !slices.Equal(got, []object.Action{object.AlienActions{Text: list}}) {
				t.Errorf("%s is read as %v", list, got)
			}
		}
	}
	for _, text := range []string{"drop", ""} {
		if got := parseActions(text); got != nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got := parseActions(learn + "," + live + "," + larger + ",output:1"); len(got) != 4 {
		t.Errorf("our own actions are read as %v", got)
	}
}

// TestLinesThatAreNoFlows: a number that does not fit is an error that names the field.
func TestLinesThatAreNoFlows(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"priority=1": "no actions", "cookie=x actions=drop": "field cookie", "table=256 actions=drop": "field table", "priority=65536 actions=drop": "field priority",
	} {
		if f, err := parseFlow(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", line, f, err)
		}
	}
	for _, extra := range []string{"idle_timeout=1", "hard_timeout=1", "importance=1", "send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"} {
		f, err := parseFlow(" priority=5," + extra + ",ip actions=output:1")
		want := []object.Action{object.AlienActions{Text: extra + ",actions=output:1"}}
		if err != nil || f.Flow.Match != (object.Match{EthType: etherIPv4}) || !slices.Equal(f.Flow.Actions, want) {
			t.Errorf("%s: %v, %v", extra, f, err)
		}
	}
}
