// Package announce tells a network where addresses are, after a port became active on this host or a router's or floating
// address came here: switches relearn a MAC only from frames that come from it, a guest that was moved need not send any by
// itself, and who remembers another MAC for an address goes on using it for half a minute.
//
// Invariants: everybody hears it: who is beyond the uplink, and, straight out of their devices, the guests and routers'
// interfaces of the network on this host (of a guest's announcement only these); all together send at a bounded rate, the
// uplink before devices, and what is announced for the first time before repetitions; an announcement that was changed or
// withdrawn is sent no more.
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
	frames, err := untagged(a)
	for i, f := range frames {
		frames[i] = frame.Tagged(f, a.VLAN)
	}
	return frames, err
}

// untagged are the frames as they go out of devices of this host.
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
	p := frame.ARP{Operation: frame.ARPRequest, SenderMAC: mac, Sender: address, Target: address}
	return p.Frame(frame.Between{Src: mac, Dst: frame.Broadcast()})
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
