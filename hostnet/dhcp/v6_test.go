package dhcp

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

const linkLocal = "fe80::f816:3eff:fe00:1"

// ask6 builds a request with the client's identifier.
func ask6(kind dhcpv6.MessageType, options ...dhcpv6.Option) *dhcpv6.Message {
	m := &dhcpv6.Message{MessageType: kind, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	m.AddOption(dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: clientMAC[:]}))
	for _, o := range options {
		m.AddOption(o)
	}
	return m
}

func from6(m *dhcpv6.Message, dst string) []byte {
	group := netip.MustParseAddr("ff02::1:2")
	return packetsocket.UDP(packetsocket.Between{Src: clientMAC, Dst: packetsocket.MulticastMAC(group)},
		netip.AddrPortFrom(netip.MustParseAddr(linkLocal), 546), netip.AddrPortFrom(netip.MustParseAddr(dst), 547), m.ToBytes())
}

// ia builds an IA_NA with the addresses.
func ia(id byte, addresses ...string) dhcpv6.Option {
	o := &dhcpv6.OptIANA{IaId: [4]byte{0, 0, 0, id}}
	for _, a := range addresses {
		o.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: netip.MustParseAddr(a).AsSlice()})
	}
	return o
}

func TestAnswer6(t *testing.T) {
	t.Parallel()
	const all = "ff02::1:2"
	ours := dhcpv6.OptServerID(serverDUID())
	other := dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: []byte{2, 0, 0, 0, 0, 9}})
	rapid := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit}
	everything := dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList,
		dhcpv6.OptionNTPServer, dhcpv6.OptionSNTPServerList, dhcpv6.OptionInformationRefreshTime)
	nothing := dhcpv6.OptRequestedOption(dhcpv6.OptionBootfileURL)
	solicit, request := dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest
	const own, second, foreign = "2001:db8:1::5", "2001:db8:2::5", "2001:db8:1::6"
	cases := []struct {
		name  string
		frame []byte
	}{
		{"SOLICIT", from6(ask6(solicit, ia(1), everything), all)},
		{"SOLICIT without a list", from6(ask6(solicit, ia(1)), all)},
		{"SOLICIT with rapid commit", from6(ask6(solicit, ia(1), rapid, nothing), all)},
		{"SOLICIT for two associations", from6(ask6(solicit, ia(1), ia(2), nothing), all)},
		{"SOLICIT that hints at a foreign address", from6(ask6(solicit, ia(1, foreign), nothing), all)},
		{"SOLICIT to one server", from6(ask6(solicit, ia(1), ours), all)},
		{"SOLICIT by unicast", from6(ask6(solicit, ia(1)), object.ServerLinkLocal.String())},
		{"REQUEST", from6(ask6(request, ours, ia(1, own), nothing), all)},
		{"REQUEST for a foreign address", from6(ask6(request, ours, ia(1, foreign), nothing), all)},
		{"REQUEST to another server", from6(ask6(request, other, ia(1, own)), all)},
		{"REQUEST to no server", from6(ask6(request, ia(1, own)), all)},
		{"REQUEST by unicast", from6(ask6(request, ours, ia(1, own)), object.ServerLinkLocal.String())},
		{"CONFIRM", from6(ask6(dhcpv6.MessageTypeConfirm, ia(1, own, second)), all)},
		{"CONFIRM of a foreign address", from6(ask6(dhcpv6.MessageTypeConfirm, ia(1, own, foreign)), all)},
		{"CONFIRM of nothing", from6(ask6(dhcpv6.MessageTypeConfirm, ia(1)), all)},
		{"RENEW", from6(ask6(dhcpv6.MessageTypeRenew, ours, ia(7, own), nothing), all)},
		{"RENEW of a foreign address", from6(ask6(dhcpv6.MessageTypeRenew, ours, ia(1, own, foreign), nothing), all)},
		{"RENEW of two associations", from6(ask6(dhcpv6.MessageTypeRenew, ours, ia(1, own), ia(2, second), nothing), all)},
		{"REBIND", from6(ask6(dhcpv6.MessageTypeRebind, ia(1, own), nothing), all)},
		{"RELEASE", from6(ask6(dhcpv6.MessageTypeRelease, ours, ia(1, own)), all)},
		{"RELEASE of a foreign address", from6(ask6(dhcpv6.MessageTypeRelease, ours, ia(1, foreign)), all)},
		{"DECLINE", from6(ask6(dhcpv6.MessageTypeDecline, ours, ia(1, own)), all)},
		{"INFORMATION-REQUEST", from6(ask6(dhcpv6.MessageTypeInformationRequest, everything), all)},
		{"INFORMATION-REQUEST with an association", from6(ask6(dhcpv6.MessageTypeInformationRequest, ia(1)), all)},
		{"a server's message", from6(ask6(dhcpv6.MessageTypeAdvertise, ours, ia(1, own)), all)},
		{"through a relay", from6(ask6(dhcpv6.MessageTypeRelayForward), all)},
		{"from another MAC", spoofed(from6(ask6(solicit, ia(1)), all))},
		{"with an option cut short", from6(ask6(solicit, &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionIANA, OptionData: []byte{1, 2}}), all)},
		{"with a malformed option of no interest", from6(ask6(solicit, nothing,
			&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionFQDN, OptionData: []byte{}}), all)},
	}
	var w strings.Builder
	b := fullBinding()
	for _, c := range cases {
		fmt.Fprintf(&w, "== %s\n%s", c.name, describe(t, Answer(b, c.frame)))
	}
	b.V6 = nil
	fmt.Fprintf(&w, "== SOLICIT on a port without IPv6\n%s", describe(t, Answer(b, from6(ask6(solicit, ia(1), nothing), all))))
	fmt.Fprintf(&w, "== RENEW on a port without IPv6\n%s", describe(t, Answer(b, from6(ask6(dhcpv6.MessageTypeRenew, ours, ia(1, own), nothing), all))))
	checkGolden(t, "v6", w.String())
}

// TestBounds6: messages that are larger than any honest message are ignored.
func TestBounds6(t *testing.T) {
	t.Parallel()
	b := fullBinding()
	many := slices.Repeat([]dhcpv6.Option{ia(1)}, maxIANA+1)
	addresses := slices.Repeat([]string{"2001:db8:1::5"}, maxIAAddress+1)
	long := &dhcpv6.DUIDOpaque{Type: 99, Data: bytes.Repeat([]byte{1}, maxDUID)}
	longID := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeSolicit}
	longID.AddOption(dhcpv6.OptClientID(long))
	for name, m := range map[string]*dhcpv6.Message{
		"associations": ask6(dhcpv6.MessageTypeSolicit, many...),
		"addresses":    ask6(dhcpv6.MessageTypeSolicit, ia(1, addresses...)),
		"identifier":   longID,
	} {
		if o := Answer(b, from6(m, "ff02::1:2")); len(o.Frames) != 0 {
			t.Errorf("too many %s: answered", name)
		}
	}
}

// TestSameServerEverywhere: a migrated guest must find the server that it knows.
func TestSameServerEverywhere(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprintf("%x", serverDUID().ToBytes()); got != "00030001025745465401" {
		t.Errorf("server DUID %s", got)
	}
}
