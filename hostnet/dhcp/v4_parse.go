package dhcp

import (
	"bytes"
	"encoding/binary"
	"net"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"weft/hostnet/object"
)

// Offsets in bytes of a DHCPv4 message's fields (RFC 2131 section 2).
const (
	at4Transaction = 4
	at4Flags       = 10
	at4Client      = 12
	at4Relay       = 24
	at4Hardware    = 28
	at4ServerName  = 44
	at4File        = 108
	at4Cookie      = 236
	at4Options     = 240
)

// magicCookie begins the options (RFC 2131 section 3).
var magicCookie = []byte{99, 130, 83, 99}

// The values of option 52: which other fields contain options (RFC 2132 section 9.3). file is read first.
const (
	overloadFile = 1
	overloadName = 2
)

// parse4 reads a request of the guest itself. Messages of firmware are not always as RFC 2131 requires, so only what the answer
// needs must be correct. Options end with the message if nothing else ends them. An option that is cut short is ignored. Padding
// and the length of the hardware address do not matter.
func parse4(b *object.DHCPBinding, payload []byte) (request4, bool) {
	if len(payload) < at4Options || !bytes.Equal(payload[at4Cookie:at4Options], magicCookie) {
		return request4{}, false
	}
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeType(payload[0]), HWType: iana.HWType(payload[1]),
		TransactionID: dhcpv4.TransactionID(payload[at4Transaction : at4Transaction+4]),
		Flags:         binary.BigEndian.Uint16(payload[at4Flags:]),
		ClientIPAddr:  net.IP(bytes.Clone(payload[at4Client : at4Client+4])),
		GatewayIPAddr: net.IP(bytes.Clone(payload[at4Relay : at4Relay+4])),
		ClientHWAddr:  net.HardwareAddr(bytes.Clone(payload[at4Hardware : at4Hardware+len(b.MAC)])),
		Options:       dhcpv4.Options{},
	}
	if m.OpCode != dhcpv4.OpcodeBootRequest || m.HWType != iana.HWTypeEthernet {
		return request4{}, false
	}
	if !bytes.Equal(m.ClientHWAddr, b.MAC[:]) || !m.GatewayIPAddr.IsUnspecified() {
		return request4{}, false
	}
	options4In(m.Options, payload[at4Options:])
	if overload := m.GetOneOption(dhcpv4.OptionOptionOverload); len(overload) == 1 {
		if overload[0]&overloadFile != 0 {
			options4In(m.Options, payload[at4File:at4Cookie])
		}
		if overload[0]&overloadName != 0 {
			options4In(m.Options, payload[at4ServerName:at4File])
		}
	}
	return request4{
		DHCPv4:    m,
		client:    addr4(m.ClientIPAddr),
		requested: addr4(m.RequestedIPAddress()),
		server:    addr4(m.ServerIdentifier()),
	}, true
}

// options4In adds the options of a field. Several options of one code are joined to one value (RFC 3396).
func options4In(options dhcpv4.Options, field []byte) {
	for len(field) > 0 {
		code := field[0]
		switch {
		case code == dhcpv4.OptionPad.Code():
			field = field[1:]
			continue
		case code == dhcpv4.OptionEnd.Code(), len(field) < 2, len(field) < 2+int(field[1]):
			return
		}
		options[code] = append(options[code], field[2:2+int(field[1])]...)
		field = field[2+int(field[1]):]
	}
}
