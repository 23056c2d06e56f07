// Package announce announces to a network where addresses are, after a port became active on this host, or after a router's or
// floating address moved here. It is needed for three reasons: switches relearn a MAC only from frames that come from it, a
// migrated guest need not send any by itself, and a neighbour that remembers another MAC for an address uses it for half a
// minute.
//
// Invariants:
//   - Everybody concerned receives it: those beyond the uplink, and the guests and router interfaces of the network on this host,
//     directly out of their devices. A guest's announcement goes only to router interfaces on this host.
//   - The rate of all announcements together is bounded. Uplinks come before devices, and first announcements before repetitions.
//   - An announcement that was changed or withdrawn is not sent any more.
package announce

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/ndp"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// etherTypeRARP is the Ethernet type of reverse ARP (RFC 903). Hosts ignore it, and switches learn from it.
const etherTypeRARP uint16 = 0x8035

// Frames builds the frames of one sending of the announcement: an ARP announcement (RFC 5227 section 3) for each IPv4 address,
// and an unsolicited neighbour advertisement (RFC 4861 section 7.2.6) for each IPv6 address. If there are no addresses, it is a
// reverse ARP request.
func Frames(a *object.Announcement) ([][]byte, error) {
	frames, err := untagged(a)
	for i, f := range frames {
		frames[i] = packetsocket.Tagged(f, a.VLAN)
	}
	return frames, err
}

// untagged are the frames for devices of this host.
func untagged(a *object.Announcement) ([][]byte, error) {
	var frames [][]byte
	for i, address := range a.Addresses {
		switch {
		case address.Is4():
			frames = append(frames, announceARP(a.MAC, address))
		case address.Is6() && !address.Is4In6():
			f, err := announceND(a.MAC, address, a.Router)
			if err != nil {
				return nil, fmt.Errorf("addresses[%d] %s: %w", i, address, err)
			}
			frames = append(frames, f)
		default:
			return nil, fmt.Errorf("addresses[%d] %q: neither IPv4 nor IPv6", i, address)
		}
	}
	if len(frames) == 0 {
		frames = append(frames, announceMAC(a.MAC))
	}
	return frames, nil
}

func announceARP(mac object.MAC, address netip.Addr) []byte {
	p := packetsocket.ARP{Operation: packetsocket.ARPRequest, SenderMAC: mac, Sender: address, Target: address}
	return p.Frame(packetsocket.Between{Src: mac, Dst: packetsocket.Broadcast()})
}

func announceND(mac object.MAC, address netip.Addr, router bool) ([]byte, error) {
	body, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Router: router, Override: true, TargetAddress: address,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac[:]}},
	})
	if err != nil {
		return nil, err
	}
	all := netip.IPv6LinkLocalAllNodes()
	return packetsocket.ICMPv6(packetsocket.Between{Src: mac, Dst: packetsocket.MulticastMAC(all)}, address, all, body), nil
}

// announceMAC asks for the address of the MAC. It is an ARP packet of operation 3 (RFC 903) without IPv4 addresses.
func announceMAC(mac object.MAC) []byte {
	none := netip.IPv4Unspecified()
	p := packetsocket.ARP{Operation: 3, SenderMAC: mac, Sender: none, TargetMAC: mac, Target: none}
	f := p.Frame(packetsocket.Between{Src: mac, Dst: packetsocket.Broadcast()})
	binary.BigEndian.PutUint16(f[12:], etherTypeRARP)
	return f
}
