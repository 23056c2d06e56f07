package portsecurity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// protocolField is the size of the field with the Ethernet type before a block. Only a key of two fields or more holds blocks with both of
// their ends in one element.
const protocolField = 4

// protocolOf is the Ethernet type of a family, as a field.
func protocolOf(v4 bool) []byte {
	protocol := uint16(unix.ETH_P_IPV6)
	if v4 {
		protocol = unix.ETH_P_IP
	}
	return append(binary.BigEndian.AppendUint16(nil, protocol), 0, 0)
}

// encodeBlock writes an element of a set of blocks that have no interface.
func encodeBlock(name string, m object.PortSecurityElement, v4 bool) (nftables.SetElement, error) {
	if !m.Block.IsValid() || m.Block.Addr().Is4() != v4 || m.Block.Addr().Is4In6() || m.Interface != "" {
		return nftables.SetElement{}, fmt.Errorf("element %s: expected a block of the set's family, and no interface", m)
	}
	return nftables.SetElement{
		Key:     append(protocolOf(v4), m.Block.Masked().Addr().AsSlice()...),
		KeyEnd:  append(protocolOf(v4), object.LastAddress(m.Block).AsSlice()...),
		Comment: name,
	}, nil
}

// decodeBlock reads such an element.
func decodeBlock(e nftables.SetElement, v4 bool) (netip.Prefix, bool) {
	if len(e.Key) < protocolField || len(e.KeyEnd) != len(e.Key) || !bytes.Equal(e.Key[:protocolField], protocolOf(v4)) ||
		!bytes.Equal(e.KeyEnd[:protocolField], e.Key[:protocolField]) {
		return netip.Prefix{}, false
	}
	first, ok := netip.AddrFromSlice(e.Key[protocolField:])
	last, _ := netip.AddrFromSlice(e.KeyEnd[protocolField:])
	if !ok || first.Is4() != v4 {
		return netip.Prefix{}, false
	}
	return object.BlockOf(first, last)
}
