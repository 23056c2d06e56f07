// Package announce tells the physical network where a guest's MAC is, after its port became active on this host:
// switches relearn a MAC only from frames that come from it, and a guest that was moved need not send any by itself.
//
// Invariants: frames leave by the uplink only, never towards a guest; all ports together send at a bounded rate, and
// those announced for the first time go before repetitions; an announcement that was changed or withdrawn is sent no more.
package announce

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/ndp"

	"weft/hostnet/frame"
	"weft/hostnet/object"
)

// etherTypeRARP is the Ethernet type of reverse ARP (RFC 903), which hosts ignore and switches learn from.
const etherTypeRARP uint16 = 0x8035

// Frames builds what is sent for the announcement, each time: an ARP announcement (RFC 5227 section 3) for each IPv4
// address, an unsolicited neighbour advertisement (RFC 4861 section 7.2.6) for each IPv6 address, and a reverse ARP
// request if there is none of either.
func Frames(a *object.Announcement) ([][]byte, error) {
	var frames [][]byte
	for i, address := range a.Addresses {
		switch {
		case address.Is4():
			frames = append(frames, frame.Tagged(announceARP(a.MAC, address), a.VLAN))
		case address.Is6() && !address.Is4In6():
			f, err := announceND(a.MAC, address)
			if err != nil {
				return nil, fmt.Errorf("addresses[%d] %s: %w", i, address, err)
			}
			frames = append(frames, frame.Tagged(f, a.VLAN))
		default:
			return nil, fmt.Errorf("addresses[%d] %q: neither IPv4 nor IPv6", i, address)
		}
	}
	if len(frames) == 0 {
		frames = append(frames, frame.Tagged(announceMAC(a.MAC), a.VLAN))
	}
	return frames, nil
}

func announceARP(mac object.MAC, address netip.Addr) []byte {
	p := frame.ARP{Operation: frame.ARPRequest, SenderMAC: mac, Sender: address, Target: address}
	return p.Frame(frame.Between{Src: mac, Dst: frame.Broadcast()})
}

func announceND(mac object.MAC, address netip.Addr) ([]byte, error) {
	body, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Override: true, TargetAddress: address,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac[:]}},
	})
	if err != nil {
		return nil, err
	}
	all := netip.IPv6LinkLocalAllNodes()
	return frame.ICMPv6(frame.Between{Src: mac, Dst: frame.MulticastMAC(all)}, address, all, body), nil
}

// announceMAC asks for the address of the MAC, as an ARP packet of operation 3 (RFC 903) with no IPv4 addresses.
func announceMAC(mac object.MAC) []byte {
	none := netip.IPv4Unspecified()
	p := frame.ARP{Operation: 3, SenderMAC: mac, Sender: none, TargetMAC: mac, Target: none}
	f := p.Frame(frame.Between{Src: mac, Dst: frame.Broadcast()})
	binary.BigEndian.PutUint16(f[12:], etherTypeRARP)
	return f
}
