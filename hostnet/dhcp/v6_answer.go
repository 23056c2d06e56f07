package dhcp

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

const (
	onlyServer    = 255 // preference: the client need not wait for others (RFC 8415 section 18.2.1)
	minRefresh6   = 10 * time.Minute
	statusSuccess = iana.StatusSuccess
)

// request6 is a well-formed DHCPv6 message from the guest. It keeps parts of the received frame.
type request6 struct {
	kind        dhcpv6.MessageType
	transaction dhcpv6.TransactionID
	clientID    []byte // the DUID as received; nil if the client sent none
	serverID    []byte
	unicast     bool
	rapidCommit bool
	listed      bool // the client sent a list of requested options, which is in asked
	asked       []dhcpv6.OptionCode
	ia          []association
}

// asks says whether the client requested the option.
func (r request6) asks(code dhcpv6.OptionCode) bool { return slices.Contains(r.asked, code) }

// association is one IA_NA as the client sent it (RFC 8415 section 21.4).
type association struct {
	id        [4]byte
	addresses []netip.Addr
}

// answer6 answers a DHCPv6 message as RFC 8415 section 18.3 says. The server is the only one and knows the port's addresses. They
// belong to the first IA_NA of a message, because one address cannot be in two.
func answer6(b *object.DHCPBinding, d packetsocket.Datagram) Outcome {
	if !d.Src.Addr().IsLinkLocalUnicast() {
		return Outcome{}
	}
	r, ok := parse6(d)
	if !ok || !valid6(r) {
		return Outcome{}
	}
	reply, note, left := decide6(b, r)
	if reply == nil {
		return Outcome{Note: note}
	}
	src := netip.AddrPortFrom(object.ServerLinkLocal, server6Port)
	dst := netip.AddrPortFrom(d.Src.Addr(), client6Port)
	o := Outcome{Frames: [][]byte{packetsocket.UDP(toGuest(b), src, dst, reply.ToBytes())}, Note: cmp.Or(note, left.String()), leftOut: left}
	if r.kind == dhcpv6.MessageTypeDecline {
		o.Declined = listed6(r)
	}
	return o
}

// serverDUID is the same on every host, so that a migrated guest keeps its server (RFC 8415 section 11.4).
func serverDUID() dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: object.ServerMAC[:]}
}

// valid6 checks RFC 8415 section 16: which identifiers each message must and must not carry.
func valid6(r request6) bool {
	ours := bytes.Equal(r.serverID, serverDUID().ToBytes())
	switch r.kind {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
		return len(r.clientID) > 0 && r.serverID == nil && !r.unicast
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		return len(r.clientID) > 0 && ours
	case dhcpv6.MessageTypeInformationRequest:
		return (r.serverID == nil || ours) && len(r.ia) == 0 && !r.unicast
	}
	return false
}

// decide6 builds the reply. It is nil if there is none.
func decide6(b *object.DHCPBinding, r request6) (reply *dhcpv6.Message, note string, left leftOut) {
	reply = begin6(r, dhcpv6.MessageTypeReply)
	if r.unicast { // permitted only if the server has allowed it (RFC 8415 section 18.4)
		status6(reply, iana.StatusUseMulticast, "send to All_DHCP_Relay_Agents_and_Servers")
		return reply, "", left
	}
	var names []string
	switch r.kind {
	case dhcpv6.MessageTypeSolicit:
		if r.rapidCommit {
			reply.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		} else {
			reply.MessageType = dhcpv6.MessageTypeAdvertise
		}
		reply.AddOption(dhcpv6.OptPreference(onlyServer))
		assign6(b, r, reply)
		names = configure6(b, r, reply)
	case dhcpv6.MessageTypeRequest:
		assign6(b, r, reply)
		names = configure6(b, r, reply)
	case dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		extend6(b, r, reply)
		names = configure6(b, r, reply)
	case dhcpv6.MessageTypeConfirm:
		return confirm6(b, r, reply), "", left
	case dhcpv6.MessageTypeDecline:
		note = fmt.Sprintf("DHCPv6 client declined %s: something else answers for it", listed6(r))
		release6(b, r, reply)
	case dhcpv6.MessageTypeRelease:
		release6(b, r, reply)
	case dhcpv6.MessageTypeInformationRequest:
		names = configure6(b, r, reply)
		if r.asks(dhcpv6.OptionInformationRefreshTime) {
			reply.AddOption(dhcpv6.OptInformationRefreshTime(max(b.Lease, minRefresh6)))
		}
	}
	return reply, note, leftOut{"DHCPv6", names, room6(b) + headers6}
}

// begin6 copies the transaction and the client identifier and adds the server's.
func begin6(r request6, kind dhcpv6.MessageType) *dhcpv6.Message {
	m := &dhcpv6.Message{MessageType: kind, TransactionID: r.transaction}
	if r.clientID != nil {
		m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: r.clientID})
	}
	m.AddOption(dhcpv6.OptServerID(serverDUID()))
	return m
}

// assign6 answers SOLICIT and REQUEST. The port's addresses go into the first IA_NA. A REQUEST for other addresses means that the
// client remembers an earlier configuration.
func assign6(b *object.DHCPBinding, r request6, reply *dhcpv6.Message) {
	for i, ia := range r.ia {
		out := &dhcpv6.OptIANA{IaId: ia.id}
		switch {
		case r.kind == dhcpv6.MessageTypeRequest && len(foreign6(b, ia)) > 0:
			statusIA6(out, iana.StatusNotOnLink, "not an address of this port")
		case i > 0 || len(b.V6) == 0:
			statusIA6(out, iana.StatusNoAddrsAvail, "no address for this IA")
		default:
			lend6(b, out)
		}
		reply.AddOption(out)
	}
}

// extend6 answers RENEW and REBIND. The port's addresses are extended. Other addresses that the client lists end at once (RFC
// 8415 sections 18.3.4 and 18.3.5).
func extend6(b *object.DHCPBinding, r request6, reply *dhcpv6.Message) {
	for i, ia := range r.ia {
		out := &dhcpv6.OptIANA{IaId: ia.id}
		if i > 0 || len(b.V6) == 0 {
			statusIA6(out, iana.StatusNoBinding, "no address in this IA")
			reply.AddOption(out)
			continue
		}
		lend6(b, out)
		reply.AddOption(out)
		for _, a := range foreign6(b, ia) {
			if len(reply.ToBytes())+headerOption6+headerAddress > room6(b) {
				break // the client learns about the rest when it asks again
			}
			out.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: a.AsSlice()})
		}
	}
}

// lend6 adds the port's addresses with their lifetimes to the IA_NA.
func lend6(b *object.DHCPBinding, out *dhcpv6.OptIANA) {
	lease := b.Lease.Truncate(time.Second)
	out.T1, out.T2 = (lease / 2).Truncate(time.Second), (lease * 4 / 5).Truncate(time.Second)
	for _, a := range b.V6 {
		out.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: a.AsSlice(), PreferredLifetime: lease, ValidLifetime: lease})
	}
}

// confirm6 says whether all listed addresses are still correct here. A message without addresses is not answered (RFC 8415
// section 18.3.3).
func confirm6(b *object.DHCPBinding, r request6, reply *dhcpv6.Message) *dhcpv6.Message {
	if len(listed6(r)) == 0 {
		return nil
	}
	for _, ia := range r.ia {
		if len(foreign6(b, ia)) > 0 {
			status6(reply, iana.StatusNotOnLink, "not an address of this port")
			return reply
		}
	}
	status6(reply, statusSuccess, "")
	return reply
}

// release6 answers RELEASE and DECLINE. The addresses stay the port's, so there is nothing to do.
func release6(b *object.DHCPBinding, r request6, reply *dhcpv6.Message) {
	status6(reply, statusSuccess, "")
	for _, ia := range r.ia {
		if len(foreign6(b, ia)) > 0 {
			out := &dhcpv6.OptIANA{IaId: ia.id}
			statusIA6(out, iana.StatusNoBinding, "not an address of this port")
			reply.AddOption(out)
		}
	}
}

// foreign6 lists the addresses of the IA_NA that are not the port's.
func foreign6(b *object.DHCPBinding, ia association) []netip.Addr {
	var list []netip.Addr
	for _, a := range ia.addresses {
		if !slices.Contains(b.V6, a) {
			list = append(list, a)
		}
	}
	return list
}

// listed6 lists all addresses that the client names.
func listed6(r request6) []netip.Addr {
	var list []netip.Addr
	for _, ia := range r.ia {
		list = append(list, ia.addresses...)
	}
	return list
}

func status6(m *dhcpv6.Message, code iana.StatusCode, text string) {
	m.AddOption(&dhcpv6.OptStatusCode{StatusCode: code, StatusMessage: text})
}

func statusIA6(ia *dhcpv6.OptIANA, code iana.StatusCode, text string) {
	ia.Options.Add(&dhcpv6.OptStatusCode{StatusCode: code, StatusMessage: text})
}
