package dhcp

import (
	"errors"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"weft/hostnet/frame"
)

// Bounds on what is looked at in one message.
const (
	maxDUID      = 130 // bytes, type included (RFC 8415 section 11.1)
	maxIANA      = 8
	maxIAAddress = 16
)

// Sizes in bytes of what is fixed in a message, an IA_NA and an IA address (RFC 8415 sections 8, 21.4 and 21.6).
const (
	header6       = 4
	headerIANA    = 12
	headerAddress = 24
)

var errTooShort = errors.New("option cut short")

// parse6 reads the options the server has a use for and passes over all others, malformed ones included: what options
// can nest, domain names with pointers above all, can cost far more to read than it took to send.
func parse6(d frame.Datagram) (request6, bool) {
	if len(d.Payload) < header6 {
		return request6{}, false
	}
	m := &dhcpv6.Message{MessageType: dhcpv6.MessageType(d.Payload[0])}
	copy(m.TransactionID[:], d.Payload[1:header6])
	if err := m.Options.FromBytesWithParser(d.Payload[header6:], parseOption6); err != nil {
		return request6{}, false
	}
	r := request6{
		Message: m, clientID: m.Options.ClientID(), serverID: m.Options.ServerID(),
		unicast: !d.Dst.Addr().IsMulticast(),
	}
	if r.clientID != nil && len(r.clientID.ToBytes()) > maxDUID {
		return request6{}, false
	}
	for _, o := range m.Options.Get(dhcpv6.OptionIANA) {
		ia, err := parseIANA(o.ToBytes())
		if err != nil || len(r.ia) == maxIANA || len(ia.addresses) > maxIAAddress {
			return request6{}, false
		}
		r.ia = append(r.ia, ia)
	}
	return r, true
}

func parseOption6(code dhcpv6.OptionCode, data []byte) (dhcpv6.Option, error) {
	switch code {
	case dhcpv6.OptionClientID, dhcpv6.OptionServerID, dhcpv6.OptionORO:
		return dhcpv6.ParseOption(code, data)
	}
	return &dhcpv6.OptionGeneric{OptionCode: code, OptionData: data}, nil
}

// parseIANA reads the identifier and the addresses, and leaves lifetimes and everything nested aside: the server alone
// decides those.
func parseIANA(data []byte) (association, error) {
	if len(data) < headerIANA {
		return association{}, errTooShort
	}
	ia := association{id: [4]byte(data)}
	var inner dhcpv6.Options
	if err := inner.FromBytesWithParser(data[headerIANA:], generic6); err != nil {
		return association{}, err
	}
	for _, o := range inner.Get(dhcpv6.OptionIAAddr) {
		b := o.ToBytes()
		if len(b) < headerAddress {
			return association{}, errTooShort
		}
		ia.addresses = append(ia.addresses, netip.AddrFrom16([16]byte(b)))
	}
	return ia, nil
}

func generic6(code dhcpv6.OptionCode, data []byte) (dhcpv6.Option, error) {
	return &dhcpv6.OptionGeneric{OptionCode: code, OptionData: data}, nil
}
