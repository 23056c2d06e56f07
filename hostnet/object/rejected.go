package object

import "fmt"

// RejectReason says why a frame of a port, or a packet through a router, was not forwarded. A switch writes the numbers into flows, so they never change their meaning.
type RejectReason uint8

// The reasons. The first ones are about what a guest sends, the last ones about what it would receive.
const (
	RejectSourceMAC         RejectReason = 1  // another source MAC than the port's own and those of its allowed address pairs
	RejectTagged            RejectReason = 2  // a VLAN tag
	RejectProtocol          RejectReason = 3  // neither ARP nor IPv4 nor IPv6
	RejectSourceIPv4        RejectReason = 4  // an IPv4 source that is not the port's
	RejectSourceIPv6        RejectReason = 5  // an IPv6 source that is not the port's, link-local ones of others included
	RejectARP               RejectReason = 6  // ARP about an address or a MAC that is not the port's, or with another opcode
	RejectNeighborDiscovery RejectReason = 7  // neighbour discovery about what is not the port's, or malformed
	RejectRouterAdvert      RejectReason = 8  // router advertisements and redirects, of both families
	RejectDHCPServer        RejectReason = 9  // what only a DHCP server sends
	RejectMulticastQuerier  RejectReason = 10 // IGMP and MLD queries, multicast router discovery
	RejectHiddenHeader      RejectReason = 11 // fragments and header chains that hide what they carry
	RejectManagement        RejectReason = 12 // the management network
	RejectReserved          RejectReason = 13 // addresses that are Weft's or the link layer's own
	RejectIsolated          RejectReason = 14 // another guest of a network that isolates its guests
	RejectEgressRule        RejectReason = 15 // no rule of the sender's security groups allows it
	RejectEgressInvalid     RejectReason = 16 // the connection tracker cannot make sense of what a port with security groups sends
	RejectIngressRule       RejectReason = 17 // no rule of the receiver's security groups allows it
	RejectIngressInvalid    RejectReason = 18 // the connection tracker cannot make sense of what a port with security groups would receive
	RejectConnections       RejectReason = 19 // the port has as many connections as it may have
	RejectEgressRate        RejectReason = 20 // above the limit of a floating address or a router, to outside
	RejectIngressRate       RejectReason = 21 // above the limit of a floating address or a router, from outside
	RejectBroadcastRate     RejectReason = 22 // more frames to many than the port may send
)

// RejectReasons are all reasons, in order.
func RejectReasons() []RejectReason {
	var all []RejectReason
	for r := RejectSourceMAC; r <= RejectBroadcastRate; r++ {
		all = append(all, r)
	}
	return all
}

// String is the reason as metrics and reports show it. It is "reason 99" for one that this version does not know.
func (r RejectReason) String() string {
	names := [...]string{
		RejectSourceMAC: "source-mac", RejectTagged: "vlan-tag", RejectProtocol: "ethertype", RejectSourceIPv4: "source-ipv4", RejectSourceIPv6: "source-ipv6",
		RejectARP: "arp", RejectNeighborDiscovery: "neighbor-discovery", RejectRouterAdvert: "router-advertisement", RejectDHCPServer: "dhcp-server",
		RejectMulticastQuerier: "multicast-querier", RejectHiddenHeader: "hidden-header", RejectManagement: "management", RejectReserved: "reserved-address",
		RejectIsolated: "isolated", RejectEgressRule: "egress-rule", RejectEgressInvalid: "egress-invalid", RejectIngressRule: "ingress-rule",
		RejectIngressInvalid: "ingress-invalid", RejectConnections: "connections",
		RejectEgressRate: "egress-rate", RejectIngressRate: "ingress-rate", RejectBroadcastRate: "broadcast-rate",
	}
	if int(r) < len(names) && names[r] != "" {
		return names[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Rejected is how many frames of a port were rejected for a reason, since the driver looked for the first time.
type Rejected struct {
	Reason RejectReason
	Frames uint64
}

// RejectedTable is the OpenFlow table that only LearnRejected writes. Its content is state of the dataplane, as that of LearnedTable.
const RejectedTable = 71

// Learned says that only learn actions write the table.
func Learned(table uint8) bool {
	return table == LearnedTable || table == RejectedTable || table == KnownTable
}

// LearnRejected adds to Table a flow that counts: it matches the reason (reg3) and the port (register Port) of the packet, and sets Bit of reg4.
// There are at most Limit such flows per Cookie, and Limit is at least 1. Each is removed after IdleTimeout seconds without a packet, and all
// with the last flow that has this action and Cookie (OVS: learn with limit and delete_learned).
type LearnRejected struct {
	Table       uint8
	Cookie      uint64
	Limit       uint32
	IdleTimeout uint16
	Port        uint8 // 6: the sender, 5: the receiver
	Bit         uint8
}

func (a LearnRejected) String() string {
	return fmt.Sprintf("learn_rejected(table=%d,cookie=%#x,limit=%d,idle=%d,port=reg%d,bit=%d)", a.Table, a.Cookie, a.Limit, a.IdleTimeout, a.Port, a.Bit)
}
