package dhcp

import (
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"weft/hostnet/frame"
	"weft/hostnet/object"
)

// configure6 adds what the client asked for (RFC 8415 section 18.3), or DNS alone if it sent no list.
func configure6(b *object.DHCPBinding, r request6, reply *dhcpv6.Message) {
	asked := func(code dhcpv6.OptionCode) bool { return r.IsOptionRequested(code) }
	unlisted := r.GetOneOption(dhcpv6.OptionORO) == nil
	dns, ntp := family6(b.DNS), family6(b.NTP)
	if len(dns) > 0 && (unlisted || asked(dhcpv6.OptionDNSRecursiveNameServer)) {
		reply.AddOption(dhcpv6.OptDNS(dns...))
	}
	if frame.IsName(b.Domain) && (unlisted || asked(dhcpv6.OptionDomainSearchList)) {
		reply.AddOption(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: []string{b.Domain}}))
	}
	if len(ntp) == 0 {
		return
	}
	if asked(dhcpv6.OptionNTPServer) { // RFC 5908
		o := &dhcpv6.OptNTPServer{}
		for _, a := range ntp {
			server := dhcpv6.NTPSuboptionSrvAddr(a)
			o.Suboptions.Add(&server)
		}
		reply.AddOption(o)
	}
	if asked(sntpServers) { // RFC 4075, which older clients still ask for
		reply.AddOption(dhcpv6.OptSNTP(ntp...))
	}
}

// family6 picks the IPv6 addresses.
func family6(all []netip.Addr) []net.IP {
	var list []net.IP
	for _, a := range all {
		if a.Is6() && !a.Is4In6() {
			list = append(list, a.AsSlice())
		}
	}
	return list
}
