package model

import (
	"fmt"
	"net"
	"net/netip"
)

// Address is one IPv4 or IPv6 unicast address in canonical form: unmapped and without zone. The zero value is "none". It is
// comparable. It reads and writes the usual text form. Any other text gives an error that says what was expected.
type Address struct{ netip.Addr }

// ParseAddress reads the text form of either family and returns its canonical value.
func ParseAddress(s string) (Address, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return Address{}, fmt.Errorf("%s is not an IPv4 or IPv6 address", quote(s))
	}
	if a.Zone() != "" {
		return Address{}, fmt.Errorf("%s carries a zone: write %s", quote(s), a.WithZone(""))
	}
	return Address{a.Unmap()}, nil
}

// UnmarshalText is ParseAddress for decoders; empty text is the zero value.
func (a *Address) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Address{}
		return nil
	}
	v, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// Prefix is one IPv4 or IPv6 network in canonical form: masked. The zero value is "none". It is comparable.
type Prefix struct{ netip.Prefix }

// ParsePrefix reads CIDR notation of either family. It refuses a prefix with host bits set, and the error says which network was
// probably meant.
func ParsePrefix(s string) (Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return Prefix{}, fmt.Errorf("%s is not a network in CIDR notation, such as 192.0.2.0/24 or 2001:db8::/64", quote(s))
	}
	if p.Addr().Is4In6() {
		return Prefix{}, fmt.Errorf("%q is an IPv4-mapped network: write the IPv4 network", s)
	}
	if p != p.Masked() {
		return Prefix{}, fmt.Errorf("%q has host bits set: write %s", s, p.Masked())
	}
	return Prefix{p}, nil
}

// UnmarshalText is ParsePrefix for decoders; empty text is the zero value.
func (p *Prefix) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Prefix{}
		return nil
	}
	v, err := ParsePrefix(string(text))
	if err != nil {
		return err
	}
	*p = v
	return nil
}

// MAC is one unicast Ethernet address of six bytes. The zero value is "none". It is comparable.
type MAC [6]byte

// ParseMAC reads a colon- or dash-separated EUI-48 and refuses multicast and all-zero addresses.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 {
		return MAC{}, fmt.Errorf("%s is not a MAC address of six bytes, such as 02:00:00:00:00:01", quote(s))
	}
	m := MAC(hw)
	if m[0]&1 != 0 {
		return MAC{}, fmt.Errorf("%q is a multicast address: a port needs a unicast one", s)
	}
	if m.IsZero() {
		return MAC{}, fmt.Errorf("%q is the all-zero address", s)
	}
	return m, nil
}

// IsZero says that no MAC is set.
func (m MAC) IsZero() bool { return m == MAC{} }

// String writes lower-case hexadecimal separated by colons, and nothing for the zero value.
func (m MAC) String() string {
	if m.IsZero() {
		return ""
	}
	return net.HardwareAddr(m[:]).String()
}

// MarshalText is String for encoders.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is ParseMAC for decoders; empty text is the zero value.
func (m *MAC) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*m = MAC{}
		return nil
	}
	v, err := ParseMAC(string(text))
	if err != nil {
		return err
	}
	*m = v
	return nil
}
