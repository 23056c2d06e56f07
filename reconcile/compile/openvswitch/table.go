package openvswitch

import "weft/hostnet/object"

// The OpenFlow tables of a host's bridge. README.md lists what each decides and where it leads.
const (
	tableClassify         uint8 = 0
	tableForeignSource    uint8 = 1
	tablePacketLimit      uint8 = 5
	tableGuestSource      uint8 = 10
	tableLinkLocal        uint8 = 11
	tableLearned                = object.LearnedTable // 12
	tableGuestIPv6        uint8 = 13
	tableGuestIPv4        uint8 = 14
	tableLinkLocalOwn     uint8 = 15
	tableNDTarget         uint8 = 16
	tableNDTargetOwn      uint8 = 17
	tableLearnLimit       uint8 = 18
	tableGuestARP         uint8 = 19
	tableForward          uint8 = 20
	tableKnown                  = object.KnownTable // 21
	tableUnknown          uint8 = 22
	tableBroadcastLimit   uint8 = 23
	tableFromIsolated     uint8 = 29
	tableFromNetwork      uint8 = 30
	tableLearnMAC         uint8 = 31
	tableFailoverGateFrom uint8 = 40
	tableFailoverGateTo   uint8 = 41
	tableUplink           uint8 = 50
	tableEgress           uint8 = 60
	tableEgressVerdict    uint8 = 61
	tableGroup            uint8 = 62
	tableGroupRules       uint8 = 63
	tableGroupMembers     uint8 = 64
	tableRemember         uint8 = 65
	tableIngress          uint8 = 66
	tableIngressVerdict   uint8 = 67
	tableGroupFrames      uint8 = 68
	tableRememberShared   uint8 = 69
	tableRejectSent       uint8 = 70
	tableRejected               = object.RejectedTable // 71
	tableRejectSentFirst  uint8 = 72
	tableRejectHeard      uint8 = 73
	tableRejectHeardFirst uint8 = 74
)

// Priorities, the same scale in every table. A reserved value is dropped before anything is allowed. An exception comes before the
// drop that it limits. What is allowed comes before the table's default.
const (
	prioTrackPast uint16 = 520 // what is forwarded without the connection tracker
	prioTrack     uint16 = 510 // what the connection tracker sees first
	prioReserved  uint16 = 400 // what only Weft, or the owner on this host, may use
	prioFragEcho  uint16 = 360 // first fragments of ICMPv6 echo
	prioFragICMP  uint16 = 350 // first fragments of other ICMPv6
	prioDAD       uint16 = 320 // duplicate address detection, which has no link-layer address
	prioDADOther  uint16 = 315 // other ND messages without a source address
	prioNDEmpty   uint16 = 310 // other ND messages without a link-layer address
	prioException uint16 = 300
	prioDrop      uint16 = 200
	prioCopied    uint16 = 180 // what is copied to many passes the sender's limit first
	// prioIsolatedAnnouncement and prioAnnouncement: group frames that the interface of a distributed router must hear too.
	prioIsolatedAnnouncement uint16 = 170
	prioAnnouncement         uint16 = 130

	prioIsolated        uint16 = 160 // what a guest may not reach because its network isolates guests
	prioRouterInterface uint16 = 150 // what a router interface sends to the physical network
	// prioGatewaySource is between the priority of the router interfaces and that of the networks. A frame from the gateway's MAC may
	// only leave by a flow of a router interface.
	prioGatewaySource uint16 = 120
	// prioTracked is for what the connection tracker has seen. It comes before prioAllow, which is for the rest.
	prioTracked uint16 = 110
	prioAllow   uint16 = 100
	// prioUnspecified is for solicitations from the unspecified address that no port's flow allows.
	prioUnspecified uint16 = 60
	prioGeneral     uint16 = 50
	prioLimited     uint16 = 10 // what has passed the limit of its sender
	prioDefault     uint16 = 0
)

// Ethernet types, IP protocols, ICMPv6 types and UDP ports the tables name (IANA).
const (
	ethIPv4 uint16 = 0x0800
	ethARP  uint16 = 0x0806
	ethIPv6 uint16 = 0x86dd

	protoICMP   uint8 = 1
	protoIGMP   uint8 = 2
	protoUDP    uint8 = 17
	protoICMPv6 uint8 = 58

	arpRequest uint8 = 1
	arpReply   uint8 = 2

	icmpRedirect            uint8 = 5
	icmpRouterAdvertisement uint8 = 9 // RFC 1256

	icmpv6None                  uint8 = 0 // no ICMPv6 header was found
	icmpv6EchoRequest           uint8 = 128
	icmpv6EchoReply             uint8 = 129
	icmpv6MLDQuery              uint8 = 130
	icmpv6MLDReport             uint8 = 131
	icmpv6MLDDone               uint8 = 132
	icmpv6RouterSolicitation    uint8 = 133
	icmpv6RouterAdvertisement   uint8 = 134
	icmpv6NeighborSolicitation  uint8 = 135
	icmpv6NeighborAdvertisement uint8 = 136
	icmpv6Redirect              uint8 = 137
	icmpv6MLDv2Report           uint8 = 143
	// Multicast router discovery (RFC 4286): advertisement, solicitation, termination.
	icmpv6MulticastRouterAdvertisement uint8 = 151
	icmpv6MulticastRouterSolicitation  uint8 = 152
	icmpv6MulticastRouterTermination   uint8 = 153

	portDHCPServer   uint16 = 67
	portDHCPClient   uint16 = 68
	portDHCPv6Client uint16 = 546
	portDHCPv6Server uint16 = 547
)

// Hop limits. ND is valid only with 255 (RFC 4861 6.1, 7.1). MLD and multicast router discovery are valid only with 1 (RFC 3810 5,
// RFC 4286).
const (
	hopLimitND  uint8 = 255
	hopLimitMLD uint8 = 1 // of IGMP too
)

// The largest frames with an ND message between neighbours that has no option, one option or two options of 8 bytes. The messages
// have 78, 86 and 94 bytes. A VLAN tag that was removed may be counted or not, so there is room for it, but not for one more
// option.
const (
	ndWithoutOption uint16 = 85
	ndOneOption     uint16 = 93
	ndTwoOptions    uint16 = 101
)

// Bounds on the link-local addresses a guest may claim by using them.
const (
	linkLocalLimit       = 8
	linkLocalIdleSeconds = 3600
)

// Bounds on the MACs of the physical network that a network knows. A MAC is known as long as a switch that learns remembers it (IEEE 802.1Q 8.8.3,
// 300 seconds). Beyond the limit one more MAC is as one that nobody has.
const (
	knownLimit   = 4096
	knownSeconds = 300
)

// Bounds on the counters of rejected frames. A counter lives as long as frames come, and an hour more. There are a few for each guest that
// does what it may not do.
const (
	rejectedLimit       = 20000
	rejectedIdleSeconds = 3600
)
