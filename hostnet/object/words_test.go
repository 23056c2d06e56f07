package object_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestMatchWords: each field in OVS's own word, in one order, with exact masks left out.
func TestMatchWords(t *testing.T) {
	t.Parallel()
	mac, prefix := object.MAC{2, 0, 0, 0, 0, 1}, func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	m := object.Match{
		InPort: 5, Metadata: object.Exact64(1), Reg4: object.Exact32(2), Reg5: object.Exact32(3), Reg6: object.Exact32(4),
		EthSrc: object.ExactMAC(mac), EthDst: object.ExactMAC(object.MAC{}), EthType: 0x86dd, VLAN: object.VLANMatch{TCI: 0x1005, Mask: 0xffff},
		IPProto: 58, IPSrc: prefix("fe80::/10"), IPDst: prefix("ff02::1/128"), TTL: 255, Frag: object.FragNo, TCPSrc: 6, TCPDst: 7, UDPSrc: 8, UDPDst: 9,
		ARPSPA: prefix("10.0.0.1/32"), ARPTPA: prefix("10.0.0.0/24"), ARPSHA: mac, ICMPType: object.Some8(135), ICMPCode: object.Some8(0),
		NDTarget: prefix("fe80::1/128"), NDSLL: mac, NDTLL: mac,
	}
	want := "in_port=5,metadata=0x1,reg4=0x2,reg5=0x3,reg6=0x4,dl_src=02:00:00:00:00:01,dl_dst=00:00:00:00:00:00,dl_type=0x86dd,vlan_tci=0x1005," +
		"nw_proto=58,nw_src=fe80::/10,nw_dst=ff02::1,nw_ttl=255,nw_frag=no,tcp_src=6,tcp_dst=7,udp_src=8,udp_dst=9,arp_spa=10.0.0.1," +
		"arp_tpa=10.0.0.0/24,arp_sha=02:00:00:00:00:01,icmp_type=135,icmp_code=0,nd_target=fe80::1,nd_sll=02:00:00:00:00:01,nd_tll=02:00:00:00:00:01"
	if got := m.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for frag, word := range map[object.Frag]string{object.FragYes: "nw_frag=yes", object.FragFirst: "nw_frag=first"} {
		if got := (object.Match{Frag: frag}).String(); got != word {
			t.Errorf("%s, want %s", got, word)
		}
	}
}

// TestFlowWords: actions are separated, and none is a drop.
func TestFlowWords(t *testing.T) {
	t.Parallel()
	f := object.Flow{Table: 3, Priority: 4, Actions: []object.Action{object.PopVLAN{}, object.Goto{Table: 9}}}
	if got, want := f.String(), "table=3 priority=4 any → pop_vlan goto:9"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestExtraFlowsHaveAnOrder: by table, then the higher priority first, then by match.
func TestExtraFlowsHaveAnOrder(t *testing.T) {
	t.Parallel()
	var want []string
	var flows []object.Flow
	for table := range uint8(3) {
		for _, priority := range []uint16{300, 20, 1} {
			for port := uint32(1); port < 4; port++ {
				f := object.Flow{Table: table, Priority: priority, Match: object.Match{InPort: port}}
				flows, want = append(flows, f), append(want, f.String())
			}
		}
	}
	slices.Reverse(flows)
	_, extra := object.FlowDelta(flows, nil)
	var got []string
	for _, f := range extra {
		got = append(got, f.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("extra are\n%s", strings.Join(got, "\n"))
	}
}

// TestOneTooMany: a flow or an element that nobody wants is a difference, which names it.
func TestOneTooMany(t *testing.T) {
	t.Parallel()
	flow := object.Flow{Table: 1}
	element := object.PortSecurityElement{Set: object.PortSecurityGuests, Interface: "tap1"}
	for want, o := range map[string][2]object.Object{
		"flow: table=1 priority=0 any → drop → (none)": {&object.FlowSet{}, &object.FlowSet{Flows: []object.Flow{flow}}},
		"flow: (none) → table=1 priority=0 any → drop": {&object.FlowSet{Flows: []object.Flow{flow}}, &object.FlowSet{}},
		"element: " + element.String() + " → (none)":   {&object.PortSecurityElements{}, &object.PortSecurityElements{Elements: []object.PortSecurityElement{element}}},
		"mac: 02:00:00:00:00:00 → 02:01:00:00:00:00":   {&object.Neighbor{MAC: object.MAC{2, 1}}, &object.Neighbor{MAC: object.MAC{2}}},
	} {
		if d := o[0].Diff(o[1]); len(d) != 1 || d[0].String() != want {
			t.Errorf("%v, want %q", d, want)
		}
	}
}

// TestChangeKey: a change has the key of what is desired, or of what is to go.
func TestChangeKey(t *testing.T) {
	t.Parallel()
	a, b := &object.Link{Name: "a"}, &object.Link{Name: "b"}
	for _, c := range []struct {
		change object.Change
		want   object.Key
	}{{object.Change{Desired: a}, a.Key()}, {object.Change{Observed: b}, b.Key()}, {object.Change{Desired: a, Observed: b}, a.Key()}} {
		if got := c.change.Key(); got != c.want {
			t.Errorf("%+v has the key %s", c.change, got)
		}
	}
}

// TestConstantsOfTheWire: what others expect exactly: OVS's defaults for BFD, the OpenFlow versions of bridges, tags.
func TestConstantsOfTheWire(t *testing.T) {
	t.Parallel()
	if object.SessionSource != netip.MustParseAddr("169.254.1.1") || object.SessionDestination != netip.MustParseAddr("169.254.1.0") {
		t.Errorf("the addresses of BFD are %s and %s", object.SessionSource, object.SessionDestination)
	}
	if got := object.BridgeProtocols(); !slices.Equal(got, []string{"OpenFlow10", "OpenFlow13", "OpenFlow14"}) {
		t.Errorf("bridges speak %v", got)
	}
	if got := object.VLANTagged(); got != (object.VLANMatch{TCI: 0x1000, Mask: 0x1000}) {
		t.Errorf("a tag is %+v", got)
	}
	if a := (&object.Announcement{OwnerUID: "p"}).Key().Name; a != "p" {
		t.Errorf("an announcement of one part is %s", a)
	}
	if a := (&object.Announcement{OwnerUID: "p", Part: "x"}).Key().Name; a != "p/x" {
		t.Errorf("an announcement of several parts is %s", a)
	}
}

// TestForwardsOfTwoProtocols do not hide each other when they are joined.
func TestForwardsOfTwoProtocols(t *testing.T) {
	t.Parallel()
	guest := netip.MustParseAddr("10.0.0.5")
	w := func(protocol string, first, last uint16) object.NATForward {
		return object.NATForward{Protocol: protocol, First: first, Last: last, To: guest, ToFirst: first}
	}
	want := &object.NATMapping{Forwards: []object.NATForward{w("tcp", 1, 2), w("udp", 3, 4), w("tcp", 3, 4), w("udp", 1, 2)}}
	have := &object.NATMapping{Forwards: []object.NATForward{w("udp", 1, 4), w("tcp", 1, 4)}}
	if d := want.Diff(have); len(d) != 0 {
		t.Errorf("the same forwards: %v", d)
	}
	have.Forwards[1].Last = 5
	if d := want.Diff(have); len(d) == 0 {
		t.Error("one more port is no difference")
	}
}

// TestRouteNamesInWords: the main table is not named.
func TestRouteNamesInWords(t *testing.T) {
	t.Parallel()
	p := netip.MustParsePrefix("10.0.0.0/24")
	for want, got := range map[string]string{"ns/10.0.0.0/24": object.RouteName("ns", 0, p), "ns/10.0.0.0/24 table 7": object.RouteName("ns", 7, p)} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for rest, want := range map[string]uint32{"10.0.0.0/24": 0, "10.0.0.0/24 table 7": 7, "10.0.0.0/24 table 4294967295": 4294967295} {
		if table, destination, err := object.ParseRouteName(rest); table != want || destination != p || err != nil {
			t.Errorf("%q is table %d, %s: %v", rest, table, destination, err)
		}
	}
	gap := &object.NATMapping{Forwards: []object.NATForward{{Protocol: "tcp", First: 1, Last: 4, ToFirst: 1}, {Protocol: "tcp", First: 3, Last: 6, ToFirst: 3}}}
	whole := &object.NATMapping{Forwards: []object.NATForward{{Protocol: "tcp", First: 1, Last: 6, ToFirst: 1}}}
	if d := gap.Diff(whole); len(d) == 0 {
		t.Error("forwards that overlap are joined")
	}
}
