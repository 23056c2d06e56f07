package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// request4 is a well-formed DHCPv4 message from the guest.
type request4 struct {
	*dhcpv4.DHCPv4
	client    netip.Addr // ciaddr; not valid if it is 0.0.0.0
	requested netip.Addr // option 50
	server    netip.Addr // option 54
}

// answer4 answers a DHCPv4 message as RFC 2131 section 4.3 says. The server is the only one and knows all addresses of the port.
// So any other address that the guest claims is refused and not ignored.
func answer4(b *object.DHCPBinding, d packetsocket.Datagram) Outcome {
	r, ok := parse4(b, d.Payload)
	if !ok || len(b.V4) == 0 {
		return Outcome{}
	}
	switch r.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		lease := b.V4[0]
		if l, ok := leaseOf(b, r.requested); ok {
			lease = l
		}
		return reply4(b, r, lease, dhcpv4.MessageTypeOffer)
	case dhcpv4.MessageTypeRequest:
		return answerRequest4(b, r)
	case dhcpv4.MessageTypeInform:
		return answerInform4(b, r)
	case dhcpv4.MessageTypeDecline:
		return Outcome{Note: fmt.Sprintf("DHCPv4 client declined %s: something else answers for it", r.requested),
			Declined: []netip.Addr{r.requested}}
	}
	return Outcome{} // RELEASE needs nothing, because the address stays the port's
}

// addr4 is the address. It is not valid for none and for 0.0.0.0.
func addr4(ip net.IP) netip.Addr {
	a, ok := netip.AddrFromSlice(ip.To4())
	if !ok || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// answerRequest4 distinguishes the states of RFC 2131 section 4.3.2 by the fields that are filled in.
func answerRequest4(b *object.DHCPBinding, r request4) Outcome {
	asked := r.requested // SELECTING and INIT-REBOOT
	switch {
	case r.server.IsValid() && !slices.Contains(servers(b), r.server):
		return Outcome{} // it chose another server
	case !asked.IsValid():
		asked = r.client // RENEWING and REBINDING
	}
	if !asked.IsValid() {
		return Outcome{}
	}
	lease, ok := leaseOf(b, asked)
	if !ok {
		return Outcome{Frames: [][]byte{refuse4(b, r, asked)}}
	}
	return reply4(b, r, lease, dhcpv4.MessageTypeAck)
}

// answerInform4 sends options without a lease to a client that has an address (RFC 2131 section 4.3.5).
func answerInform4(b *object.DHCPBinding, r request4) Outcome {
	for _, l := range b.V4 {
		if r.client.IsValid() && l.Prefix.Contains(r.client) {
			return reply4(b, r, l, dhcpv4.MessageTypeAck)
		}
	}
	return Outcome{}
}

func leaseOf(b *object.DHCPBinding, a netip.Addr) (object.DHCPv4Lease, bool) {
	i := slices.IndexFunc(b.V4, func(l object.DHCPv4Lease) bool { return l.Address == a })
	if !a.IsValid() || i < 0 {
		return object.DHCPv4Lease{}, false
	}
	return b.V4[i], true
}

// reply4 builds an OFFER or ACK as a whole frame.
func reply4(b *object.DHCPBinding, r request4, l object.DHCPv4Lease, kind dhcpv4.MessageType) Outcome {
	m := begin4(r, kind, l.Server)
	inform := r.MessageType() == dhcpv4.MessageTypeInform
	if !inform {
		m.YourIPAddr = l.Address.AsSlice()
	}
	if kind == dhcpv4.MessageTypeAck && r.client.IsValid() {
		m.ClientIPAddr = r.client.AsSlice()
	}
	limit := limit4(b, r)
	left := leftOut{"DHCPv4", fill4(m, r, options4(b, l, inform), limit), limit}
	return Outcome{Frames: [][]byte{send4(b, r, l, m)}, Note: left.String(), leftOut: left}
}

// refuse4 builds a NAK. It is always broadcast, because the client is wrong about its network (RFC 2131 section 4.3.2).
func refuse4(b *object.DHCPBinding, r request4, asked netip.Addr) []byte {
	server := b.V4[0].Server
	if r.server.IsValid() {
		server = r.server
	}
	m := begin4(r, dhcpv4.MessageTypeNak, server)
	m.UpdateOption(dhcpv4.OptMessage(fmt.Sprintf("%s is not an address of this port", asked)))
	return packetsocket.UDP(toAll(), netip.AddrPortFrom(server, server4Port), broadcast4(), m.ToBytes())
}

// begin4 fills in what every reply has: the server identifier, and the client identifier as it was received (RFC 6842).
func begin4(r request4, kind dhcpv4.MessageType, server netip.Addr) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: r.HWType, TransactionID: r.TransactionID, Flags: r.Flags,
		ClientHWAddr: r.ClientHWAddr,
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
		Options: dhcpv4.Options{},
	}
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	m.UpdateOption(dhcpv4.OptServerIdentifier(server.AsSlice()))
	if id := r.GetOneOption(dhcpv4.OptionClientIdentifier); len(id) > 0 {
		m.UpdateOption(dhcpv4.OptClientIdentifier(id))
	}
	return m
}

// send4 addresses a reply as RFC 2131 section 4.1 says: to the client's address if it has one, else to broadcast if it asked for
// that, else to the address that it will get.
func send4(b *object.DHCPBinding, r request4, l object.DHCPv4Lease, m *dhcpv4.DHCPv4) []byte {
	between, dst := toGuest(b), netip.AddrPortFrom(l.Address, client4Port)
	switch {
	case r.client.IsValid():
		dst = netip.AddrPortFrom(r.client, client4Port)
	case r.IsBroadcast():
		between, dst = toAll(), broadcast4()
	}
	return packetsocket.UDP(between, netip.AddrPortFrom(l.Server, server4Port), dst, m.ToBytes())
}

func broadcast4() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), client4Port)
}
