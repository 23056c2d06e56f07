package model

import (
	"net/netip"
	"strconv"
)

// KindSecurityGroup is the kind of objects with a SecurityGroupSpec.
const KindSecurityGroup Kind = "SecurityGroup"

// SecurityGroupKind is the row of the kind in AllKinds.
func SecurityGroupKind() KindInfo {
	return KindInfo{Kind: KindSecurityGroup, New: func() Spec { return &SecurityGroupSpec{} }}
}

// SecurityGroupSpec declares what its ports may send and receive. A port with security groups sends and receives only what a rule of one of
// them allows. The rules are stateful: a rule is about who begins a connection, and replies to it pass. Every packet is judged by the rules
// of now, so that a connection ends when the rule that allowed it is removed. ARP, neighbour discovery, and what Weft itself serves (DHCP,
// router advertisements) always pass.
type SecurityGroupSpec struct {
	// Description is free text.
	Description string `json:"description,omitempty"`
	// Rules each allow something. Without rules nothing passes.
	Rules []SecurityGroupRule `json:"rules,omitempty"`
}

// SecurityGroupRule allows connections in one direction. What is not set is any.
type SecurityGroupRule struct {
	// Description is free text.
	Description string    `json:"description,omitempty"`
	Direction   Direction `json:"direction"`
	// Family is that of the packets. When it is not set, it is that of RemoteCIDR or Protocol, or both.
	Family Family `json:"family,omitempty"`
	// Protocol is tcp, udp, sctp, icmp, icmpv6, or the number of another IP protocol from 1 to 255.
	Protocol IPProtocol `json:"protocol,omitempty"`
	// Port is a range of destination ports, of tcp, udp and sctp only.
	Port PortRange `json:"port,omitzero"`
	// ICMPType and ICMPCode are those of the message that begins an exchange, of icmp and icmpv6 only. A code needs a type.
	ICMPType *uint8 `json:"icmpType,omitempty"`
	ICMPCode *uint8 `json:"icmpCode,omitempty"`
	// RemoteCIDR has the addresses of the other side.
	RemoteCIDR Prefix `json:"remoteCIDR,omitzero"`
	// RemoteGroup is the name of a security group of the same project: the other side is one of its ports, on the same network or on one
	// that the same router joins. While there is no such group it has no ports.
	RemoteGroup string `json:"remoteGroup,omitempty"`
}

// Direction is a direction as a guest sees it.
type Direction string

// The directions.
const (
	DirectionIngress Direction = "ingress" // to the guest
	DirectionEgress  Direction = "egress"  // from the guest
)

// Family is a family of IP addresses.
type Family string

// The families.
const (
	FamilyIPv4 Family = "IPv4"
	FamilyIPv6 Family = "IPv6"
)

// Of says that an address or prefix is of the family. The family that is not set has all addresses.
func (f Family) Of(a netip.Addr) bool { return f == "" || (f == FamilyIPv4) == a.Is4() }

// IPProtocol is an IP protocol (IANA): a name or a number in decimal. Empty is any.
type IPProtocol string

// The protocols that have a name. They cannot be given by number.
const (
	IPProtocolTCP    IPProtocol = "tcp"
	IPProtocolUDP    IPProtocol = "udp"
	IPProtocolSCTP   IPProtocol = "sctp"
	IPProtocolICMP   IPProtocol = "icmp"
	IPProtocolICMPv6 IPProtocol = "icmpv6"
)

// Number is the protocol's number; 0 for any, and for a protocol that is not valid.
func (p IPProtocol) Number() uint8 {
	switch p {
	case IPProtocolTCP:
		return 6
	case IPProtocolUDP:
		return 17
	case IPProtocolSCTP:
		return 132
	case IPProtocolICMP:
		return 1
	case IPProtocolICMPv6:
		return 58
	}
	n, err := strconv.ParseUint(string(p), 10, 8)
	if err != nil || strconv.FormatUint(n, 10) != string(p) {
		return 0
	}
	return uint8(n)
}

// HasPorts says that the protocol has ports by which connections are told apart.
func (p IPProtocol) HasPorts() bool {
	return p == IPProtocolTCP || p == IPProtocolUDP || p == IPProtocolSCTP
}

// IsICMP says that the protocol has types and codes.
func (p IPProtocol) IsICMP() bool { return p == IPProtocolICMP || p == IPProtocolICMPv6 }

// UnmarshalText takes the text as it is, so that a number needs no quotes.
func (p *IPProtocol) UnmarshalText(text []byte) error {
	*p = IPProtocol(text)
	return nil
}

// Families are the families of a rule's packets, one or both.
func (r SecurityGroupRule) Families() []Family {
	switch {
	case r.Family != "":
		return []Family{r.Family}
	case r.Protocol == IPProtocolICMP || r.RemoteCIDR.Addr().Is4():
		return []Family{FamilyIPv4}
	case r.Protocol == IPProtocolICMPv6 || r.RemoteCIDR.Addr().Is6():
		return []Family{FamilyIPv6}
	}
	return []Family{FamilyIPv4, FamilyIPv6}
}

// Kind implements Spec.
func (*SecurityGroupSpec) Kind() Kind { return KindSecurityGroup }

// References implements Spec: the project. Groups that rules name are no references, because two groups often name each other.
func (*SecurityGroupSpec) References(project string) []Reference {
	return []Reference{{"metadata.project", ID{ClusterProject, KindProject, project}}}
}

// SecurityGroupID is the ID of a group of the project.
func SecurityGroupID(project, name string) ID { return ID{project, KindSecurityGroup, name} }
