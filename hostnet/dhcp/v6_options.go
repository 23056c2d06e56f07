package dhcp

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// Sizes in bytes: what every IPv6 link carries (RFC 8200 section 5), and the IPv6 and UDP headers before a message.
const (
	minPacket6 = 1280
	headers6   = 48
)

// room6 is the largest size of a reply in bytes. A reply is never fragmented.
func room6(b *object.DHCPBinding) int { return max(b.MTU, minPacket6) - headers6 }

// configure6 adds the requested options (RFC 8415 section 18.3), the most important first. If the client sent no list, it adds
// only DNS and the domain. It returns the names of options that do not fit.
func configure6(b *object.DHCPBinding, r request6, reply *dhcpv6.Message) (left []string) {
	for _, o := range options6(b) {
		code := o.Code()
		unlisted := !r.listed && (code == dhcpv6.OptionDNSRecursiveNameServer || code == dhcpv6.OptionDomainSearchList)
		switch {
		case !unlisted && !r.asks(code):
		case len(reply.ToBytes())+headerOption6+len(o.ToBytes()) > room6(b):
			left = append(left, name6(code))
		default:
			reply.AddOption(o)
		}
	}
	return left
}

// name6 is the name of the option for people.
func name6(code dhcpv6.OptionCode) string {
	names := map[dhcpv6.OptionCode]string{dhcpv6.OptionDNSRecursiveNameServer: "DNS", dhcpv6.OptionDomainSearchList: "domain search",
		dhcpv6.OptionNTPServer: "NTP", dhcpv6.OptionSNTPServerList: "SNTP"}
	return fmt.Sprintf("%s (%d)", names[code], code)
}

// options6 lists what the binding can tell a client.
func options6(b *object.DHCPBinding) []dhcpv6.Option {
	var list []dhcpv6.Option
	if dns := family6(b.DNS); len(dns) > 0 {
		list = append(list, dhcpv6.OptDNS(dns...))
	}
	if packetsocket.IsName(b.Domain) {
		list = append(list, dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: []string{b.Domain}}))
	}
	ntp := family6(b.NTP)
	if len(ntp) == 0 {
		return list
	}
	o := &dhcpv6.OptNTPServer{} // RFC 5908
	for _, a := range ntp {
		server := dhcpv6.NTPSuboptionSrvAddr(a)
		o.Suboptions.Add(&server)
	}
	return append(list, o, dhcpv6.OptSNTP(ntp...)) // RFC 4075; older clients still request it
}

// family6 selects the IPv6 addresses.
func family6(all []netip.Addr) []net.IP {
	var list []net.IP
	for _, a := range all {
		if a.Is6() && !a.Is4In6() {
			list = append(list, a.AsSlice())
		}
	}
	return list
}
