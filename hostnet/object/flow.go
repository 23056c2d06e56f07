package object

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// CookieOwner is the top byte of all our cookies, and CookieMask selects it. A flow in our tables with another top byte is alien.
const (
	CookieOwner uint64 = 0x57 << 56
	CookieMask  uint64 = 0xff << 56
)

// LearnedTable is the OpenFlow table that only LearnLinkLocal writes. Its content is state of the dataplane. It is never desired,
// never compared and never alien. Its flows carry LearnLinkLocal's Cookie, and are removed with the last flow that has that
// action.
const LearnedTable = 12

// LastTable is the highest of our OpenFlow tables. Flows in higher tables are not touched.
const LastTable = 99

// FlowSetName is the name in the Key of the flow set with this cookie on the bridge.
func FlowSetName(bridge string, cookie uint64) string { return fmt.Sprintf("%s/%#x", bridge, cookie) }

// Flow is one OpenFlow flow as a typed value. Two flows of a bridge with the same Table, Priority and Match are the
// same flow with different actions.
type Flow struct {
	Table    uint8
	Priority uint16
	Match    Match
	Actions  []Action // none drops
}

// Match holds what a flow matches. A zero field is a wildcard. It is comparable. The builder of a match must set prerequisites
// explicitly (EthType for IP fields, IPProto for ports).
type Match struct {
	InPort   uint32   // OpenFlow port number
	Metadata Masked64 // OXM_OF_METADATA
	Reg0     Masked32 // with Reg1: whose rules are looked up
	Reg1     Masked32
	Reg2     Masked32 // the router whose networks' members count for the packet
	Reg4     Masked32 // bit 0: LearnLinkLocal remembered the source; bit 1: CheckLarger found a frame that is too large; bit 2: from an isolated guest
	Reg5     Masked32 // owner of the link-local address, found by lookup
	Reg6     Masked32 // OpenFlow port number of the sending guest

	EthSrc, EthDst MaskedMAC
	EthType        uint16
	// VLAN matches vlan_tci. Use VLANUntagged, VLANID or VLANTagged.
	VLAN VLANMatch

	IPProto      uint8        // nw_proto; ARP opcode when EthType is ARP
	IPSrc, IPDst netip.Prefix // of the family of EthType; a whole address is a /32 or /128
	TTL          uint8        // nw_ttl: time to live, or hop limit
	Frag         Frag
	// Conn is what Track found out. Original says that IPSrc, IPDst and IPProto are those of the connection's first packet (ct_nw_src,
	// ct_nw_dst, ct_nw_proto), also for replies. ConnSrc and ConnDst are its ports, or for ICMP its type and code (ct_tp_src, ct_tp_dst).
	Conn             ConnMatch
	Original         bool
	ConnSrc, ConnDst Masked16

	TCPSrc, TCPDst uint16 // tp_src, tp_dst of TCP
	UDPSrc, UDPDst uint16 // tp_src, tp_dst of UDP

	ARPSPA, ARPTPA netip.Prefix
	ARPSHA         MAC

	ICMPType Optional8 // of ICMP or ICMPv6, by EthType
	ICMPCode Optional8 // ND matches always carry 0
	NDTarget netip.Prefix
	NDSLL    MAC
	NDTLL    MAC

	// Zero matches fields that must be zero. A zero value of the field itself cannot express that.
	Zero Zero

	// Alien is the whole match in the switch's words if it has fields that this type does not have. All other fields are then
	// zero. Only observed flows have it. It is never equal to a desired match, and it is enough to delete the flow.
	Alien string
}

// Zero is a set of fields that must be zero. Open vSwitch leaves a field zero if the packet does not have it. So this matches
// "absent".
type Zero uint8

// The fields that can be matched to be zero.
const (
	// ZeroIPProto (nw_proto=0): an IPv6 header chain that could not be followed to its end. EthType must be 0x86dd.
	ZeroIPProto Zero = 1 << iota
	// ZeroUDPDst (udp_dst=0, tp_dst of IPProto 17): the UDP header is cut off, or Bridge.Fragments hides it.
	ZeroUDPDst
	// ZeroNDTLL (nd_tll=00:00:00:00:00:00): a neighbour advertisement without a link-layer address option.
	ZeroNDTLL
	// ZeroNDSLL (nd_sll=00:00:00:00:00:00): a neighbour solicitation without a link-layer address option.
	ZeroNDSLL
)

// MAC is an Ethernet address. The zero value means "any".
type MAC [6]byte

// String writes lower-case hexadecimal separated by colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// LinkLocal is the link-local address that is made from the MAC (RFC 4291 appendix A).
func (m MAC) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// MaskedMAC is an Ethernet address with a mask. A zero Mask means "any".
type MaskedMAC struct{ Value, Mask MAC }

// ExactMAC matches the whole address.
func ExactMAC(m MAC) MaskedMAC {
	return MaskedMAC{m, MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
}

// Prefix matches the addresses that begin with the first three bytes of m (the OUI).
func (m MAC) Prefix() MaskedMAC {
	return MaskedMAC{MAC{m[0], m[1], m[2]}, MAC{0xff, 0xff, 0xff}}
}

// GroupMAC matches every broadcast and multicast address (IEEE 802 I/G bit).
func GroupMAC() MaskedMAC { return MaskedMAC{MAC{1}, MAC{1}} }

// Masked64 is a value with a mask. A zero Mask means "any".
type Masked64 struct{ Value, Mask uint64 }

// Exact64 matches the whole value.
func Exact64(v uint64) Masked64 { return Masked64{v, ^uint64(0)} }

// Masked32 is a value with a mask. A zero Mask means "any".
type Masked32 struct{ Value, Mask uint32 }

// Exact32 matches the whole value.
func Exact32(v uint32) Masked32 { return Masked32{v, ^uint32(0)} }

// Masked16 is a value with a mask. A zero Mask means "any".
type Masked16 struct{ Value, Mask uint16 }

// Exact16 matches the whole value.
func Exact16(v uint16) Masked16 { return Masked16{v, ^uint16(0)} }

// Optional8 is a byte whose value 0 is different from "not set".
type Optional8 struct {
	Set   bool
	Value uint8
}

// Some8 is a set Optional8.
func Some8(v uint8) Optional8 { return Optional8{true, v} }

// VLANMatch is a match on vlan_tci (0x1000 is the "present" bit). A zero Mask means "any".
type VLANMatch struct{ TCI, Mask uint16 }

// VLANUntagged matches frames without a tag.
func VLANUntagged() VLANMatch { return VLANMatch{0, 0x1fff} }

// VLANID matches frames tagged with the VLAN id, with any priority.
func VLANID(vid uint16) VLANMatch { return VLANMatch{0x1000 | vid, 0x1fff} }

// VLANTagged matches frames with a tag of any id, also priority tags.
func VLANTagged() VLANMatch { return VLANMatch{0x1000, 0x1000} }

// Frag is a match on IP fragments (nw_frag).
type Frag uint8

// The fragment matches.
const (
	FragAny   Frag = iota // wildcard
	FragNo                // not a fragment
	FragYes               // any fragment
	FragFirst             // first fragment
	FragLater             // any but the first
)

// Action is one step of a flow's action list. Only types of this package implement it.
type Action interface{ fmt.Stringer }

// Output sends the packet to an OpenFlow port. It does not send it back to the port that it came from.
type Output struct{ Port uint32 }

// Goto continues in a later table.
type Goto struct{ Table uint8 }

// Resubmit looks the packet up in a table and then continues with the next action.
type Resubmit struct{ Table uint8 }

// LookupTarget looks the packet up in a table as Resubmit does, but with its neighbour discovery target in place of its IPv6
// source. Afterwards the packet is unchanged, except for registers (OVS: push, move, resubmit, pop). The flow must match ICMPv6
// type 135 or 136 and code 0.
type LookupTarget struct{ Table uint8 }

// SetMetadata loads the host-local network number.
type SetMetadata struct{ Value uint64 }

// SetReg loads a register.
type SetReg struct {
	Reg   uint8
	Value uint32
}

// LoadLive loads into Reg the first of Ports that is live: its link is up, and its BFD session if it has one (OVS: bundle_load
// with active_backup). Ports that are 0 are ignored. If none is live, Reg becomes NoPort. The switch repeats this whenever a
// port's liveness changes.
type LoadLive struct {
	Reg   uint8
	Ports [3]uint32
}

// NoPort is what LoadLive loads if no port is live (OFPP_NONE of 16 bits).
const NoPort = 0xffff

// SetEthSrc rewrites the Ethernet source address.
type SetEthSrc struct{ MAC MAC }

// SetEthDst rewrites the Ethernet destination address.
type SetEthDst struct{ MAC MAC }

// SetARPSHA rewrites the sender's MAC in ARP, and SetARPSPA the sender's address. The flow must match ARP.
type SetARPSHA struct{ MAC MAC }

// SetARPSPA is described at SetARPSHA.
type SetARPSPA struct{ Addr netip.Addr }

// SetNDSLL rewrites the source link-layer address of a neighbour solicitation. The switch updates the checksum. The flow must match type 135
// and code 0.
type SetNDSLL struct{ MAC MAC }

// SetIPv6Src rewrites an IPv6 packet's source address, and SetIPv6Dst its destination. The switch updates the checksums. The flow must match
// IPv6.
type SetIPv6Src struct{ Addr netip.Addr }

// SetIPv6Dst is described at SetIPv6Src.
type SetIPv6Dst struct{ Addr netip.Addr }

// SetIPSrc rewrites an IPv4 packet's source address. SetIPDst rewrites its destination, SetUDPSrc its UDP source port. The switch
// updates the checksums. The flow must match such packets.
type SetIPSrc struct{ Addr netip.Addr }

// SetIPDst is described at SetIPSrc.
type SetIPDst struct{ Addr netip.Addr }

// SetUDPSrc is described at SetIPSrc.
type SetUDPSrc struct{ Port uint16 }

// PushVLAN adds an 802.1Q tag with the id.
type PushVLAN struct{ ID uint16 }

// PopVLAN removes the outer tag.
type PopVLAN struct{}

// LearnLinkLocal remembers in Table that the packet's IPv6 source belongs to the sending port (reg6, returned in reg5) on the
// packet's network (metadata). It remembers at most Limit addresses per Cookie. Each is forgotten after IdleTimeout seconds, and
// all when the last flow with this action and Cookie is removed (OVS: learn with limit, result_dst and delete_learned). Bit 0 of
// reg4 becomes 1 if the address is remembered, and 0 if the limit forbids it.
type LearnLinkLocal struct {
	Table       uint8
	Cookie      uint64
	Limit       uint32
	IdleTimeout uint16
}

// LoadBit writes Value into one bit of Reg.
type LoadBit struct {
	Reg, Bit uint8
	Value    bool
}

// CheckLarger writes into Bit of Reg whether the frame has more than Length bytes, including its Ethernet header (OVS:
// check_pkt_larger). A tag that the flow has removed may still count, so Length must leave room for its four bytes. CheckLarger
// must come after every LearnLinkLocal, because the switch follows both branches when it translates the flow.
type CheckLarger struct {
	Length   uint16
	Reg, Bit uint8
}

// AlienActions is the whole action list in the switch's words if it has something that the other types do not express. Only
// observed flows have it.
type AlienActions struct{ Text string }

func (a Output) String() string   { return fmt.Sprintf("output:%d", a.Port) }
func (a Goto) String() string     { return fmt.Sprintf("goto:%d", a.Table) }
func (a Resubmit) String() string { return fmt.Sprintf("resubmit:%d", a.Table) }
func (a LookupTarget) String() string {
	return fmt.Sprintf("lookup_target:%d", a.Table)
}
func (a SetMetadata) String() string { return fmt.Sprintf("metadata:=%#x", a.Value) }
func (a SetReg) String() string      { return fmt.Sprintf("reg%d:=%#x", a.Reg, a.Value) }
func (a LoadLive) String() string {
	return fmt.Sprintf("reg%d:=live(%s)", a.Reg, joinPorts(a.Ports[:]))
}

// joinPorts lists port numbers without those that are 0.
func joinPorts(ports []uint32) string {
	var texts []string
	for _, p := range ports {
		if p != 0 {
			texts = append(texts, strconv.FormatUint(uint64(p), 10))
		}
	}
	return strings.Join(texts, ",")
}

func (a SetEthSrc) String() string    { return "eth_src:=" + a.MAC.String() }
func (a SetEthDst) String() string    { return "eth_dst:=" + a.MAC.String() }
func (a SetARPSHA) String() string    { return "arp_sha:=" + a.MAC.String() }
func (a SetARPSPA) String() string    { return "arp_spa:=" + a.Addr.String() }
func (a SetNDSLL) String() string     { return "nd_sll:=" + a.MAC.String() }
func (a SetIPv6Src) String() string   { return "ipv6_src:=" + a.Addr.String() }
func (a SetIPv6Dst) String() string   { return "ipv6_dst:=" + a.Addr.String() }
func (a SetIPSrc) String() string     { return "ip_src:=" + a.Addr.String() }
func (a SetIPDst) String() string     { return "ip_dst:=" + a.Addr.String() }
func (a SetUDPSrc) String() string    { return fmt.Sprintf("udp_src:=%d", a.Port) }
func (a PushVLAN) String() string     { return fmt.Sprintf("push_vlan:%d", a.ID) }
func (a PopVLAN) String() string      { return "pop_vlan" }
func (a AlienActions) String() string { return a.Text }
func (a LoadBit) String() string {
	if a.Value {
		return fmt.Sprintf("reg%d[%d]:=1", a.Reg, a.Bit)
	}
	return fmt.Sprintf("reg%d[%d]:=0", a.Reg, a.Bit)
}
func (a CheckLarger) String() string {
	return fmt.Sprintf("reg%d[%d]:=larger(%d)", a.Reg, a.Bit, a.Length)
}
func (a LearnLinkLocal) String() string {
	return fmt.Sprintf("learn_link_local(table=%d,cookie=%#x,limit=%d,idle=%d)", a.Table, a.Cookie, a.Limit, a.IdleTimeout)
}

// String writes the flow for people. Drivers have their own forms.
func (f Flow) String() string {
	acts := make([]string, len(f.Actions))
	for i, a := range f.Actions {
		acts[i] = a.String()
	}
	if len(acts) == 0 {
		acts = []string{"drop"}
	}
	return fmt.Sprintf("table=%d priority=%d %s → %s", f.Table, f.Priority, f.Match, strings.Join(acts, " "))
}

// flowID is what makes two flows the same flow: table, priority and match.
type flowID struct {
	table    uint8
	priority uint16
	match    Match
}

func (f Flow) id() flowID { return flowID{f.Table, f.Priority, f.Match} }

// FlowDelta compares flows by identity and actions. missing are desired flows that are absent or have other actions. extra are
// observed flows that are not desired. A flow with other actions is only in missing, because adding it replaces the old one.
func FlowDelta(observed, desired []Flow) (missing, extra []Flow) {
	if len(observed) == len(desired) && (len(desired) == 0 || &observed[0] == &desired[0]) {
		return nil, nil // a driver has found them equal before, and shares the desired ones
	}
	have := make(map[flowID]Flow, len(observed))
	for _, f := range observed {
		have[f.id()] = f
	}
	for _, f := range desired {
		o, ok := have[f.id()]
		if !ok || !slices.Equal(o.Actions, f.Actions) {
			missing = append(missing, f)
		}
		delete(have, f.id())
	}
	return missing, inOrder(have)
}

// inOrder lists flows by table, priority and match, the same at each time. A match is written once, because there may be thousands.
func inOrder(flows map[flowID]Flow) (all []Flow) {
	type written struct {
		flow  Flow
		match string
	}
	list := make([]written, 0, len(flows))
	for _, f := range flows {
		list = append(list, written{f, f.Match.String()})
	}
	slices.SortFunc(list, func(a, b written) int {
		return cmp.Or(cmp.Compare(a.flow.Table, b.flow.Table), cmp.Compare(b.flow.Priority, a.flow.Priority), strings.Compare(a.match, b.match))
	})
	for _, w := range list {
		all = append(all, w.flow)
	}
	return all
}
