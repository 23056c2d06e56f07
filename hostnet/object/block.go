package object

import "net/netip"

// LastAddress is the highest address of a prefix. The prefix must be valid.
func LastAddress(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// BlockOf is the prefix with this first and last address; false when there is none.
func BlockOf(first, last netip.Addr) (netip.Prefix, bool) {
	for bits := 0; bits <= first.BitLen(); bits++ {
		if p := netip.PrefixFrom(first, bits); p == p.Masked() && LastAddress(p) == last {
			return p, true
		}
	}
	return netip.Prefix{}, false
}
