package dhcp

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"weft/hostnet/packetsocket"
)

// Bounds on what is read of one message.
const (
	maxDUID      = 130 // bytes, type included (RFC 8415 section 11.1)
	maxIANA      = 8
	maxIAAddress = 16
)

// Sizes in bytes of the fixed parts of a message, an option, an IA_NA and an IA address (RFC 8415 sections 8, 21.1, 21.4 and
// 21.6).
const (
	header6       = 4
	headerOption6 = 4
	headerIANA    = 12
	headerAddress = 24
)

// parse6 reads the options that the server needs and ignores all others, also malformed ones. Nested options, above all domain
// names with pointers, can cost far more to read than to send. Options end with the message, even if the last one is cut short.
func parse6(d packetsocket.Datagram) (request6, bool) {
	if len(d.Payload) < header6 {
		return request6{}, false
	}
	r := request6{
		kind: dhcpv6.MessageType(d.Payload[0]), transaction: dhcpv6.TransactionID(d.Payload[1:header6]),
		unicast: !d.Dst.Addr().IsMulticast(),
	}
	for code, value := range options6In(d.Payload[header6:]) {
		switch code {
		case dhcpv6.OptionClientID:
			r.clientID = value
		case dhcpv6.OptionServerID:
			r.serverID = value
		case dhcpv6.OptionRapidCommit:
			r.rapidCommit = true
		case dhcpv6.OptionORO:
			r.listed = true
			for ; len(value) >= 2; value = value[2:] {
				r.asked = append(r.asked, dhcpv6.OptionCode(binary.BigEndian.Uint16(value)))
			}
		case dhcpv6.OptionIANA:
			ia, ok := parseIANA(value)
			if !ok || len(r.ia) == maxIANA || len(ia.addresses) > maxIAAddress {
				return request6{}, false
			}
			r.ia = append(r.ia, ia)
		}
	}
	return r, len(r.clientID) <= maxDUID
}

// parseIANA reads the identifier and the addresses. It ignores lifetimes and everything nested, because only the server decides
// those.
func parseIANA(data []byte) (association, bool) {
	if len(data) < headerIANA {
		return association{}, false
	}
	ia := association{id: [4]byte(data)}
	for code, value := range options6In(data[headerIANA:]) {
		if code != dhcpv6.OptionIAAddr {
			continue
		}
		if len(value) < headerAddress {
			return association{}, false
		}
		ia.addresses = append(ia.addresses, netip.AddrFrom16([16]byte(value)))
	}
	return ia, true
}

// options6In iterates over options (RFC 8415 section 21.1), up to one that is cut short.
func options6In(b []byte) iter.Seq2[dhcpv6.OptionCode, []byte] {
	return func(yield func(dhcpv6.OptionCode, []byte) bool) {
		for len(b) >= headerOption6 {
			size := headerOption6 + int(binary.BigEndian.Uint16(b[2:]))
			if len(b) < size || !yield(dhcpv6.OptionCode(binary.BigEndian.Uint16(b)), b[headerOption6:size:size]) {
				return
			}
			b = b[size:]
		}
	}
}
