package model

import (
	"net/netip"
	"strings"
)

// AddressBlock is one address, or all addresses of a prefix, in canonical form. It reads "10.0.0.50", "10.0.0.64/28" and the same of IPv6,
// and writes a block of one address without its length. The zero value is "none". It is comparable.
type AddressBlock struct{ netip.Prefix }

// ParseAddressBlock reads an address or CIDR notation. It refuses a prefix with host bits set.
func ParseAddressBlock(s string) (AddressBlock, error) {
	if strings.Contains(s, "/") {
		p, err := ParsePrefix(s)
		return AddressBlock(p), err
	}
	a, err := ParseAddress(s)
	if err != nil {
		return AddressBlock{}, err
	}
	return AddressBlock{netip.PrefixFrom(a.Addr, a.BitLen())}, nil
}

// String writes the block in the form in which it is read.
func (b AddressBlock) String() string {
	switch {
	case !b.IsValid():
		return ""
	case b.IsSingleIP():
		return b.Addr().String()
	}
	return b.Prefix.String()
}

// MarshalText is String for encoders.
func (b AddressBlock) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText is ParseAddressBlock for decoders; empty text is the zero value.
func (b *AddressBlock) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*b = AddressBlock{}
		return nil
	}
	v, err := ParseAddressBlock(string(text))
	if err != nil {
		return err
	}
	*b = v
	return nil
}
