// Package ra advertises to each guest, on its own port, what it should know of its network (RFC 4861): that addresses
// come from DHCPv6, which prefixes are on the link, its MTU and DNS.
//
// Invariants: what is advertised is a function of the binding alone; the advertiser is a default router only where a router
// of ours is on the network, and speaks as that one then (else router lifetime 0); no address is made from its prefixes (A=0); a solicitation is answered at once and to all nodes,
// for there is but one node on a port, within the rate that frame grants a port.
package ra

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"

	"weft/hostnet/frame"
	"weft/hostnet/object"
)

// The unsolicited advertisements' interval is drawn between these (RFC 4861 section 6.2.1), so that a thousand ports
// do not speak at once.
const (
	minInterval = 200 * time.Second
	maxInterval = 600 * time.Second
)

// minLifetime keeps what was advertised alive over lost advertisements (RFC 8106 section 5.1), however short leases are.
const minLifetime = 3 * maxInterval

// routerLifetime is how long a guest keeps the router without hearing of it again (RFC 4861 section 6.2.1: three times the
// longest interval).
const routerLifetime = 3 * maxInterval

// routerSolicitation is the ICMPv6 type of a router solicitation (RFC 4861 section 4.1).
const routerSolicitation uint8 = 133

// solicitationSize is its size in bytes without options.
const solicitationSize = 8

// discoveryHopLimit proves that a neighbour discovery message crossed no router (RFC 4861 section 6.1.1).
const discoveryHopLimit = 255

// minMTU is the least MTU of an IPv6 link (RFC 8200 section 5).
const minMTU = 1280

// New makes the driver of object.KindRABinding, which serves nothing yet. open opens the transports of
// ports, frame.Exchange's Open for netdevs. Close ends it.
func New(open frame.Opener, log *slog.Logger) *frame.PortDriver {
	return frame.NewPortDriver(frame.PortConfig{
		Name: "ra", Kind: object.KindRABinding, Open: open, Service: service, Logger: log,
	})
}

func service(b frame.Binding) (frame.Service, error) {
	binding, ok := b.(*object.RABinding)
	if !ok {
		return frame.Service{}, fmt.Errorf("%T is not an RA binding", b)
	}
	advertisement, err := Advertisement(binding)
	if err != nil {
		return frame.Service{}, err
	}
	frames := [][]byte{advertisement}
	return frame.Service{
		Filter: frame.Filter{Rules: []frame.Rule{frame.ICMPv6Type(routerSolicitation)}},
		Answer: func(received []byte, _ *slog.Logger) [][]byte {
			if IsSolicitation(received) {
				return frames
			}
			return nil
		},
		Unsolicited: frames,
		Interval:    func() time.Duration { return minInterval + rand.N(maxInterval-minInterval) },
	}, nil
}

// IsSolicitation says whether the frame is a valid router solicitation (RFC 4861 section 6.1.1).
func IsSolicitation(received []byte) bool {
	m, err := frame.ParseICMPv6(received)
	if err != nil || m.HopLimit != discoveryHopLimit || m.Body[0] != routerSolicitation || m.Body[1] != 0 {
		return false
	}
	return len(m.Body) >= solicitationSize && frame.WholeOptions(m.Body[solicitationSize:])
}

// Advertisement builds the whole frame that advertises the binding.
func Advertisement(b *object.RABinding) ([]byte, error) {
	lifetime := max(b.Lease.Truncate(time.Second), minLifetime)
	mac, source, router := object.ServerMAC, object.ServerLinkLocal, time.Duration(0)
	if b.Router {
		mac, source, router = object.GatewayMAC, object.GatewayLinkLocal, routerLifetime
		if b.RouterMAC != (object.MAC{}) {
			mac, source = b.RouterMAC, b.RouterMAC.LinkLocal()
		}
	}
	options := []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac[:]}}
	if b.MTU >= minMTU {
		options = append(options, ndp.NewMTU(uint32(b.MTU)))
	}
	for i, p := range b.Prefixes {
		if !p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("prefixes[%d] %s: not an IPv6 network", i, p)
		}
		options = append(options, &ndp.PrefixInformation{
			PrefixLength: uint8(p.Bits()), Prefix: p.Masked().Addr(), OnLink: true,
			ValidLifetime: lifetime, PreferredLifetime: lifetime,
		})
	}
	if servers := family6(b.DNS); len(servers) > 0 {
		options = append(options, &ndp.RecursiveDNSServer{Lifetime: lifetime, Servers: servers})
	}
	if frame.IsName(b.Domain) {
		options = append(options, &ndp.DNSSearchList{Lifetime: lifetime, DomainNames: []string{b.Domain}})
	}
	body, err := ndp.MarshalMessage(&ndp.RouterAdvertisement{
		CurrentHopLimit: 64, ManagedConfiguration: true, OtherConfiguration: true, RouterLifetime: router, Options: options,
	})
	if err != nil {
		return nil, fmt.Errorf("router advertisement: %w", err)
	}
	if b.MTU >= minMTU && len(body)+40 > b.MTU {
		return nil, errors.New("router advertisement: more prefixes and DNS servers than fit into the MTU")
	}
	all := netip.IPv6LinkLocalAllNodes()
	between := frame.Between{Src: mac, Dst: frame.MulticastMAC(all)}
	return frame.ICMPv6(between, source, all, body), nil
}

// family6 picks the IPv6 addresses.
func family6(all []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, a := range all {
		if a.Is6() && !a.Is4In6() {
			list = append(list, a)
		}
	}
	return list
}
