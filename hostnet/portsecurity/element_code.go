package portsecurity

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// The sizes of the fields in a key. Each field begins at a multiple of four bytes.
const (
	nameSize    = 16 // IFNAMSIZ
	macSize     = 6
	macField    = 8
	prefixSize  = 3
	prefixField = 4
)

// second is the field that follows the interface in a set's key.
type second int

const (
	nothing second = iota
	mac
	ipv4
	ipv6
	macData   // the value of a map
	macPrefix // the first three bytes of a MAC
	macBlock4 // a MAC and a block of addresses
	macBlock6
	block4 // a block of addresses, with no interface before it
	block6
)

func keyOf(set object.PortSecuritySet) second {
	switch set {
	case object.PortSecurityPairs4:
		return macBlock4
	case object.PortSecurityPairs6:
		return macBlock6
	case object.PortSecurityManagement4:
		return block4
	case object.PortSecurityManagement6:
		return block6
	case object.PortSecurityPairMACs, object.PortSecurityMACs, object.PortSecurityLocal, object.PortSecurityRouterMACs, object.PortSecurityTrusted:
		return mac
	case object.PortSecurityPrefixes:
		return macPrefix
	case object.PortSecurityIPv4, object.PortSecurityServers, object.PortSecurityGateways4, object.PortSecurityOwn4:
		return ipv4
	case object.PortSecurityIPv6, object.PortSecurityReserved, object.PortSecurityDerived, object.PortSecurityGateways6, object.PortSecurityOwn6:
		return ipv6
	case object.PortSecurityRouters:
		return macData
	}
	return nothing
}

// encode writes an element. Its comment says whom it is for.
func encode(name string, m object.PortSecurityElement) (nftables.SetElement, error) {
	if k := keyOf(m.Set); k == block4 || k == block6 {
		return encodeBlock(name, m, k == block4)
	}
	if len(m.Interface) == 0 || len(m.Interface) >= nameSize {
		return nftables.SetElement{}, fmt.Errorf("element %s: the interface's name has not 1 to %d bytes", m, nameSize-1)
	}
	key := make([]byte, nameSize, 2*nameSize)
	copy(key, m.Interface)
	if (m.Rate != 0 && m.Burst != 0) != (m.Set == object.PortSecurityBroadcast) {
		return nftables.SetElement{}, fmt.Errorf("element %s: expected a rate and a burst in set %s, and nowhere else", m, object.PortSecurityBroadcast)
	}
	e := nftables.SetElement{Comment: name}
	switch kind := keyOf(m.Set); {
	case kind == mac:
		key = append(key, append(m.MAC[:], 0, 0)...)
	case kind == macPrefix:
		key = append(key, m.MAC[0], m.MAC[1], m.MAC[2], 0)
	case kind == macData:
		e.Val = m.MAC[:]
	case kind == ipv4 && m.Address.Is4(), kind == ipv6 && m.Address.Is6() && !m.Address.Is4In6():
		key = append(key, m.Address.AsSlice()...)
	case kind == macBlock4 && m.Block.IsValid() && m.Block.Addr().Is4(), kind == macBlock6 && m.Block.IsValid() && m.Block.Addr().Is6():
		key = append(key, append(m.MAC[:], 0, 0)...)
		e.KeyEnd = append(bytes.Clone(key), object.LastAddress(m.Block).AsSlice()...)
		key = append(key, m.Block.Masked().Addr().AsSlice()...)
	case kind == macBlock4, kind == macBlock6:
		return e, fmt.Errorf("element %s: the block is of the other family", m)
	case kind == ipv4, kind == ipv6:
		return e, fmt.Errorf("element %s: the address is of the other family", m)
	}
	e.Key = key
	return e, nil
}

// decode reads an element.
func decode(set object.PortSecuritySet, e nftables.SetElement) (object.PortSecurityElement, error) {
	m := object.PortSecurityElement{Set: set}
	if k := keyOf(set); k == block4 || k == block6 {
		block, ok := decodeBlock(e, k == block4)
		if !ok {
			return m, fmt.Errorf("set %s has a key of %d bytes that is no block: it is not ours", set, len(e.Key))
		}
		m.Block = block
		return m, nil
	}
	wrong := fmt.Errorf("set %s has keys of %d bytes: it is not ours", set, len(e.Key))
	if len(e.Key) < nameSize {
		return m, wrong
	}
	name, _, _ := bytes.Cut(e.Key[:nameSize], []byte{0})
	m.Interface = string(name)
	rest := e.Key[nameSize:]
	switch keyOf(set) {
	case mac:
		if len(rest) != macField {
			return m, wrong
		}
		m.MAC = object.MAC(rest[:macSize])
	case macPrefix:
		if len(rest) != prefixField {
			return m, wrong
		}
		copy(m.MAC[:], rest[:prefixSize])
	case ipv4, ipv6:
		a, ok := netip.AddrFromSlice(rest)
		if !ok || a.Is4() != (keyOf(set) == ipv4) {
			return m, wrong
		}
		m.Address = a
	case macBlock4, macBlock6:
		block, ok := blockOf(rest, e.KeyEnd[min(nameSize, len(e.KeyEnd)):])
		if !ok || block.Addr().Is4() != (keyOf(set) == macBlock4) {
			return m, wrong
		}
		m.MAC, m.Block = object.MAC(rest[:macSize]), block
	case macData:
		if len(rest) != 0 || len(e.Val) < macSize {
			return m, wrong
		}
		m.MAC = object.MAC(e.Val[:macSize])
	default:
		if len(rest) != 0 {
			return m, wrong
		}
	}
	return m, nil
}

// blockOf reads the block between the two ends of an element, behind the MAC.
func blockOf(from, to []byte) (netip.Prefix, bool) {
	if len(from) < macField || len(from) != len(to) || !bytes.Equal(from[:macField], to[:macField]) {
		return netip.Prefix{}, false
	}
	first, ok := netip.AddrFromSlice(from[macField:])
	if !ok {
		return netip.Prefix{}, false
	}
	last, _ := netip.AddrFromSlice(to[macField:])
	return object.BlockOf(first, last)
}
