package model

import (
	"fmt"
	"strconv"
	"strings"
)

// KindFloatingIP is the kind of objects with a FloatingIPSpec.
const KindFloatingIP Kind = "FloatingIP"

// FloatingIPKind is the row of the kind in AllKinds.
func FloatingIPKind() KindInfo {
	return KindInfo{Kind: KindFloatingIP, New: func() Spec { return &FloatingIPSpec{} }}
}

// FloatingIPSpec declares an address of an external network that leads to a guest. Without Port and PortForwards the address is
// only reserved.
type FloatingIPSpec struct {
	// Network is the name of an external network of the same project, or "project/name".
	Network string `json:"network"`
	// Pool names the network's allocation pools from which the address is taken; the pools without a name when empty.
	Pool string `json:"pool,omitempty"`
	// Address is an address of the external network, or of the pool; the controllers choose one when it is not set.
	Address Address `json:"address,omitzero"`
	// Port is the name of a port of the same project, whose network is on a router that leads to Network.
	Port string `json:"port,omitempty"`
	// FixedAddress is the port's address to which the floating address leads; the first one of the floating address's family when
	// not set.
	FixedAddress Address `json:"fixedAddress,omitzero"`
	// PortForwards forward single transport ports to guests instead.
	PortForwards []PortForward `json:"portForwards,omitempty"`
	// Limits bound what passes the address. This counts for the limits of the router too.
	Limits RateLimits `json:"limits,omitzero"`
}

// PortForward forwards a range of transport ports of the floating address to a range of the same size of a guest.
type PortForward struct {
	Protocol Protocol  `json:"protocol"`
	Port     PortRange `json:"port"`
	// ToPort is the first of the guest's ports; the first of Port when 0.
	ToPort uint16 `json:"toPort,omitempty"`
	// Target is the name of a port of the same project. All targets of a floating address are on one host, or behind one
	// centralized router.
	Target string `json:"target"`
	// FixedAddress is the target's address to which the ports are forwarded; the first one of the floating address's family when
	// not set.
	FixedAddress Address `json:"fixedAddress,omitzero"`
}

// Protocol is a transport protocol.
type Protocol string

// The protocols whose ports can be forwarded.
const (
	ProtocolTCP Protocol = "tcp"
	ProtocolUDP Protocol = "udp"
)

// PortRange is an inclusive range of transport ports, written "8080" or "8000-8010". The zero value is "none".
type PortRange struct{ First, Last uint16 }

// String writes the range in the form in which it is read.
func (r PortRange) String() string {
	switch r {
	case PortRange{}:
		return ""
	case PortRange{r.First, r.First}:
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// MarshalText is String for encoders.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads one port or a range; empty text is the zero value.
func (r *PortRange) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = PortRange{}
		return nil
	}
	low, high, ranged := strings.Cut(string(text), "-")
	if !ranged {
		high = low
	}
	first, err1 := transportPort(low)
	last, err2 := transportPort(high)
	if err1 != nil || err2 != nil {
		return fmt.Errorf(`%s is no port: write a number from 1 to 65535, or a range such as "8000-8010"`, quote(string(text)))
	}
	if last < first {
		return fmt.Errorf("%s begins above its end: exchange them", quote(string(text)))
	}
	*r = PortRange{first, last}
	return nil
}

func transportPort(s string) (uint16, error) {
	if !decimal.MatchString(s) {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return uint16(n), err
}

// To is the first of the guest's ports, with the default filled in.
func (f PortForward) To() uint16 {
	if f.ToPort == 0 {
		return f.Port.First
	}
	return f.ToPort
}

// Kind implements Spec.
func (*FloatingIPSpec) Kind() Kind { return KindFloatingIP }

// References implements Spec: the project, the external network and the ports.
func (s *FloatingIPSpec) References(project string) []Reference {
	refs := []Reference{
		{"metadata.project", ID{ClusterProject, KindProject, project}},
		{"spec.network", s.NetworkID(project)},
	}
	if s.Port != "" {
		refs = append(refs, Reference{"spec.port", ID{project, KindPort, s.Port}})
	}
	for i, f := range s.PortForwards {
		refs = append(refs, Reference{item("spec.portForwards", i) + ".target", ID{project, KindPort, f.Target}})
	}
	return refs
}

// NetworkID resolves Network against the floating address's own project.
func (s *FloatingIPSpec) NetworkID(project string) ID { return networkID(project, s.Network) }
