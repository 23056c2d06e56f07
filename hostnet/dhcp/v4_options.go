package dhcp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// Sizes in bytes of messages that a client accepts (RFC 2131 section 2, RFC 2132 section 9.10). The option counts the IP
// datagram. A lease fits into the smallest message with any client identifier. Networks that carry less are refused
// (model.MinMTUv4).
const (
	minMessage4 = 576
	maxMessage4 = 1500
	headers4    = 28 // IPv4 and UDP
)

// microsoftRoutes is the code under which older Windows asks for classless static routes.
const microsoftRoutes dhcpv4.GenericOptionCode = 249

// option4 is one option of a reply. always is set if the option is sent even if it was not requested.
type option4 struct {
	dhcpv4.Option
	always bool
}

// options4 lists what the lease can tell a client, the most important first. What does not fit into the client's largest message
// is left out from the end.
func options4(b *object.DHCPBinding, l object.DHCPv4Lease, inform bool) []option4 {
	var list []option4
	always := func(o dhcpv4.Option) { list = append(list, option4{o, true}) }
	asked := func(o dhcpv4.Option) { list = append(list, option4{o, false}) }
	if !inform {
		lease := b.Lease.Truncate(time.Second)
		always(dhcpv4.OptIPAddressLeaseTime(lease))
		always(dhcpv4.OptRenewTimeValue((lease / 2).Truncate(time.Second)))
		always(dhcpv4.OptRebindingTimeValue((lease * 7 / 8).Truncate(time.Second)))
	}
	always(dhcpv4.OptSubnetMask(net.CIDRMask(l.Prefix.Bits(), 32)))
	if routes := routes4(l); len(routes) > 0 {
		asked(dhcpv4.OptGeneric(dhcpv4.OptionClasslessStaticRoute, routes))
		list = append(list, option4{dhcpv4.OptGeneric(microsoftRoutes, routes), false})
	}
	if l.Router.IsValid() {
		asked(dhcpv4.OptRouter(l.Router.AsSlice()))
	}
	if dns := family4(b.DNS); len(dns) > 0 {
		asked(dhcpv4.OptDNS(dns...))
	}
	if b.MTU >= 68 && b.MTU <= 0xffff { // RFC 2132 section 5.1
		asked(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(b.MTU))))
	}
	if packetsocket.IsName(b.Domain) {
		asked(dhcpv4.OptDomainName(b.Domain))
	}
	if packetsocket.IsName(b.Hostname) {
		asked(dhcpv4.OptHostName(b.Hostname))
	}
	if ntp := family4(b.NTP); len(ntp) > 0 {
		asked(dhcpv4.OptNTPServers(ntp...))
	}
	if packetsocket.IsName(b.Domain) {
		asked(dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: []string{b.Domain}}))
	}
	if l.Prefix.Bits() < 31 { // others have none (RFC 3021)
		asked(dhcpv4.OptBroadcastAddress(lastAddress(l.Prefix).AsSlice()))
	}
	return list
}

// fill4 adds the options that are always sent and those that the client requested, as long as they fit, because a reply is never
// fragmented. If the client sent no list (RFC 2132 section 9.8), it gets everything but Microsoft's code. fill4 returns the names
// of requested options that do not fit.
func fill4(m *dhcpv4.DHCPv4, r request4, options []option4, limit int) (left []string) {
	list := r.ParameterRequestList()
	size := len(m.ToBytes()) // at least 300 bytes with padding, and options may take the place of padding
	if size <= 300 {
		size = 240 + len(m.Options.ToBytes()) + 1
	}
	for _, o := range options {
		wanted := asks(list, o.Code) || list == nil && o.Code != microsoftRoutes
		if !o.always && !wanted {
			continue
		}
		length := len(o.Value.ToBytes())
		need := length + 2*max(1, (length+254)/255) // RFC 3396: long options are split
		if size+need > limit-headers4 {
			if list != nil {
				left = append(left, name4(o.Code))
			}
			continue
		}
		size += need
		m.UpdateOption(o.Option)
	}
	return left
}

// limit4 is the largest datagram in bytes that the client accepts and its network carries.
func limit4(b *object.DHCPBinding, r request4) int {
	limit := minMessage4
	if size, err := r.MaxMessageSize(); err == nil {
		limit = min(max(int(size), minMessage4), maxMessage4)
	}
	return max(min(limit, b.MTU), minMessage4)
}

// name4 is the name of the option for people.
func name4(code dhcpv4.OptionCode) string {
	names := map[uint8]string{3: "router", 6: "DNS", 12: "hostname", 15: "domain", 26: "MTU", 28: "broadcast", 42: "NTP",
		119: "domain search", 121: "routes", microsoftRoutes.Code(): "Microsoft routes"}
	return fmt.Sprintf("%s (%d)", cmp.Or(names[code.Code()], code.String()), code.Code())
}

// asks says whether the code is in the list. Codes have several types, so only their numbers are compared.
func asks(list dhcpv4.OptionCodeList, code dhcpv4.OptionCode) bool {
	return slices.ContainsFunc(list, func(c dhcpv4.OptionCode) bool { return c.Code() == code.Code() })
}

// routes4 encodes the lease's routes as RFC 3442 says. First come the routes to what is on the link and outside of the prefix, because
// clients add routes in this order. The default route is next, because a client that uses this option ignores the router option. Routes
// without a next hop are on the link.
func routes4(l object.DHCPv4Lease) []byte {
	var b []byte
	for _, a := range onLink4(l) {
		b = appendRoute4(b, object.DHCPRoute{Destination: netip.PrefixFrom(a, a.BitLen())})
	}
	if len(b) == 0 && len(l.Routes) == 0 {
		return nil
	}
	if l.Router.IsValid() {
		b = appendRoute4(b, object.DHCPRoute{Destination: netip.PrefixFrom(netip.IPv4Unspecified(), 0), NextHop: l.Router})
	}
	for _, r := range l.Routes {
		if r.Destination.Bits() == 0 && l.Router.IsValid() {
			continue
		}
		b = appendRoute4(b, r)
	}
	return b
}

// onLink4 lists what is on the link although it is outside of the lease's prefix: the router, the server, and what the lease names.
func onLink4(l object.DHCPv4Lease) (list []netip.Addr) {
	add := func(a netip.Addr) {
		if a.Is4() && !a.IsUnspecified() && !l.Prefix.Contains(a) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	add(l.Router)
	add(l.Server)
	for _, a := range l.OnLink {
		add(a)
	}
	return list
}

func appendRoute4(b []byte, r object.DHCPRoute) []byte {
	if !r.Destination.IsValid() || !r.Destination.Addr().Is4() {
		return b
	}
	hop := netip.IPv4Unspecified()
	if r.NextHop.Is4() {
		hop = r.NextHop
	}
	dst, via := r.Destination.Masked().Addr().As4(), hop.As4()
	b = append(b, byte(r.Destination.Bits()))
	b = append(b, dst[:(r.Destination.Bits()+7)/8]...)
	return append(b, via[:]...)
}

// family4 selects the IPv4 addresses.
func family4(all []netip.Addr) []net.IP {
	var list []net.IP
	for _, a := range all {
		if a.Is4() {
			list = append(list, a.AsSlice())
		}
	}
	return list
}

// lastAddress is the broadcast address of the prefix.
func lastAddress(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	v := binary.BigEndian.Uint32(a[:]) | uint32(uint64(0xffffffff)>>p.Bits())
	binary.BigEndian.PutUint32(a[:], v)
	return netip.AddrFrom4(a)
}
