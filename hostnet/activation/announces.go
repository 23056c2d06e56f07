package activation

import (
	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

const (
	// neighborAdvertisement is the ICMPv6 type (RFC 4861 section 4.4). solicited is its flag S. advertisementSize is the
	// message's size in bytes without options.
	neighborAdvertisement uint8 = 136
	solicited             uint8 = 0x40
	advertisementSize           = 24
	// discoveryHopLimit proves that a neighbour discovery message crossed no router (RFC 4861 section 7.1.2).
	discoveryHopLimit = 255
)

// Announces says whether an untagged frame from the MAC announces that the MAC is here. It may be reverse ARP (RFC 903; QEMU and
// others send it for a guest that continues to run), ARP about the sender's own address (RFC 5227 section 3), or an unsolicited
// neighbour advertisement (RFC 4861 section 7.2.6).
func Announces(received []byte, mac object.MAC) bool {
	switch packetsocket.EtherType(received) {
	case packetsocket.EtherTypeRARP:
		return object.MAC(received[6:12]) == mac
	case packetsocket.EtherTypeARP:
		a, between, err := packetsocket.ParseARP(received)
		return err == nil && between.Src == mac && a.SenderMAC == mac && a.Sender == a.Target && !a.Sender.IsUnspecified()
	case packetsocket.EtherTypeIPv6:
		m, err := packetsocket.ParseICMPv6(received)
		return err == nil && m.EthSrc == mac && m.HopLimit == discoveryHopLimit && len(m.Body) >= advertisementSize &&
			m.Body[0] == neighborAdvertisement && m.Body[4]&solicited == 0 && packetsocket.WholeOptions(m.Body[advertisementSize:])
	}
	return false
}
