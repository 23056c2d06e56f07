package ra

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// ICMPv6 type of a router advertisement (RFC 4861 section 4.2), and its size in bytes without options.
const (
	routerAdvertisement uint8 = 134
	advertisementSize   int   = 16
)

// Neighbour discovery options (RFC 4861 section 4.6, RFC 4191, RFC 8106).
const (
	optionSourceMAC uint8 = 1
	optionPrefix    uint8 = 3
	optionMTU       uint8 = 5
	optionRoute     uint8 = 24
	optionDNS       uint8 = 25
	optionDomain    uint8 = 31
)

const (
	hopLimit       = 64   // for packets that guests send
	flagsManaged   = 0xc0 // M and O: addresses and the rest come from DHCPv6
	flagOnLink     = 0x80
	serversAnOther = 8 // DNS servers in one option: 136 bytes; two such options fit into the smallest MTU beside the rest
	ipv6Header     = 40
)

// saying is the content of one advertisement, before it is split into frames.
type saying struct {
	source  speaker
	managed bool
	router  time.Duration // lifetimes in whole seconds; 0 withdraws
	options [][]byte
}

// frames builds the frames to all nodes. What does not fit into one packet of the MTU continues in another one with the same
// header (RFC 4861 section 6.2.3). No option is larger than the smallest MTU.
func (s saying) frames(mtu int) [][]byte {
	header := s.header(mtu)
	room := max(mtu, minMTU) - ipv6Header
	var list [][]byte
	body := header
	for _, o := range s.options {
		if len(body)+len(o) > room {
			list = append(list, s.frame(body))
			body = header
		}
		body = append(body[:len(body):len(body)], o...)
	}
	return append(list, s.frame(body))
}

func (s saying) frame(body []byte) []byte {
	all := netip.IPv6LinkLocalAllNodes()
	mac := s.source.mac
	if s.source.router.IsValid() {
		mac = object.ServerMAC
	}
	return packetsocket.ICMPv6(packetsocket.Between{Src: mac, Dst: packetsocket.MulticastMAC(all)}, s.source.address(), all, body)
}

// header is the beginning of each frame.
func (s saying) header(mtu int) []byte {
	b := make([]byte, advertisementSize, 128)
	b[0], b[4] = routerAdvertisement, hopLimit
	if s.managed {
		b[5] = flagsManaged
	}
	binary.BigEndian.PutUint16(b[6:], uint16(min(s.router/time.Second, maxRouterLifetime/time.Second)))
	if !s.source.router.IsValid() {
		b = append(b, option(optionSourceMAC, s.source.mac[:])...)
	}
	if mtu >= minMTU {
		b = append(b, option(optionMTU, binary.BigEndian.AppendUint32(make([]byte, 2), uint32(mtu)))...)
	}
	return b
}

// tell adds the facts with a lifetime. 0 withdraws them.
func (s *saying) tell(facts []fact, lifetime time.Duration) {
	var servers []netip.Addr
	for _, f := range facts {
		switch {
		case f.router():
			s.router = lifetime
			s.options = append(s.options, defaultRoute(lifetime))
		case f.Prefix.IsValid():
			s.options = append(s.options, prefixOption(f.Prefix, lifetime))
		case f.DNS.IsValid():
			servers = append(servers, f.DNS)
		default:
			s.options = append(s.options, domainOption(f.Domain, lifetime))
		}
	}
	for len(servers) > 0 {
		n := min(len(servers), serversAnOther)
		s.options = append(s.options, dnsOption(servers[:n], lifetime))
		servers = servers[n:]
	}
}

// option adds type, length and padding to a value of at most 2,038 bytes.
func option(kind uint8, value []byte) []byte {
	units := (len(value) + 2 + 7) / 8
	b := make([]byte, 8*units)
	b[0], b[1] = kind, byte(units)
	copy(b[2:], value)
	return b
}

func seconds(d time.Duration) uint32 { return uint32(min(d/time.Second, 1<<32-1)) }

// defaultRoute repeats the router's lifetime in 32 bits. A host that reads it (RFC 4191 section 3.1) uses it instead of the
// header's lifetime, which ends after at most 18 hours.
func defaultRoute(lifetime time.Duration) []byte {
	return option(optionRoute, binary.BigEndian.AppendUint32([]byte{0, 0}, seconds(lifetime)))
}

// prefixOption says that a prefix is on the link and that no address may be made from it.
func prefixOption(p netip.Prefix, lifetime time.Duration) []byte {
	v := []byte{byte(p.Bits()), flagOnLink}
	v = binary.BigEndian.AppendUint32(v, seconds(lifetime)) // valid
	v = binary.BigEndian.AppendUint32(v, seconds(lifetime)) // preferred
	a := p.Masked().Addr().As16()
	return option(optionPrefix, append(append(v, 0, 0, 0, 0), a[:]...))
}

func dnsOption(servers []netip.Addr, lifetime time.Duration) []byte {
	v := binary.BigEndian.AppendUint32([]byte{0, 0}, seconds(lifetime))
	for _, s := range servers {
		a := s.As16()
		v = append(v, a[:]...)
	}
	return option(optionDNS, v)
}

// domainOption holds one name. packetsocket.IsName must have accepted it.
func domainOption(name string, lifetime time.Duration) []byte {
	v := binary.BigEndian.AppendUint32([]byte{0, 0}, seconds(lifetime))
	for label := range strings.SplitSeq(name, ".") {
		v = append(append(v, byte(len(label))), label...)
	}
	return option(optionDomain, append(v, 0))
}
