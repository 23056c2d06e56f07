package netlink

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// linkBody is the body of a link message of a device, with the attributes.
func linkBody(family byte, index int, flags uint32, attributes ...*nl.RtAttr) []byte {
	b := make([]byte, LinkHeader)
	b[0] = family
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	for _, a := range attributes {
		b = append(b, a.Serialize()...)
	}
	return b
}

func attr(kind int, value []byte) *nl.RtAttr { return nl.NewRtAttr(kind, value) }

// nested is an attribute that contains attributes.
func nested(kind int, children ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(kind, nil)
	for _, c := range children {
		a.AddChild(c)
	}
	return a
}

var guestMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

func on(kind int) *nl.RtAttr { return attr(kind, nl.Uint8Attr(1)) }

// TestParseLink: each attribute and each setting that Weft fixes is read into its field.
func TestParseLink(t *testing.T) {
	t.Parallel()
	kind := func(name string, data ...*nl.RtAttr) *nl.RtAttr {
		return nested(unix.IFLA_LINKINFO, attr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(name)), nested(nl.IFLA_INFO_DATA, data...))
	}
	slave := func(master string, data ...*nl.RtAttr) *nl.RtAttr {
		return nested(unix.IFLA_LINKINFO, attr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("tun")),
			attr(nl.IFLA_INFO_SLAVE_KIND, nl.NonZeroTerminated(master)), nested(nl.IFLA_INFO_SLAVE_DATA, data...))
	}
	for name, c := range map[string]struct {
		a    *nl.RtAttr
		want Link
	}{
		"name":              {attr(unix.IFLA_IFNAME, nl.ZeroTerminated("tap1")), Link{Name: "tap1"}},
		"alias":             {attr(unix.IFLA_IFALIAS, nl.ZeroTerminated("weft:n")), Link{Alias: "weft:n"}},
		"MAC":               {attr(unix.IFLA_ADDRESS, guestMAC[:]), Link{MAC: guestMAC}},
		"no MAC":            {attr(unix.IFLA_ADDRESS, []byte{1, 2, 3, 4}), Link{}},
		"MTU":               {attr(unix.IFLA_MTU, nl.Uint32Attr(1400)), Link{MTU: 1400}},
		"master":            {attr(unix.IFLA_MASTER, nl.Uint32Attr(3)), Link{Master: 3}},
		"parent":            {attr(unix.IFLA_LINK, nl.Uint32Attr(4)), Link{Parent: 4}},
		"VLAN":              {kind("vlan", attr(nl.IFLA_VLAN_ID, nl.Uint16Attr(101))), Link{Kind: "vlan", VLAN: 101}},
		"spanning tree":     {kind("bridge", attr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(1))), Link{Kind: "bridge", Bridge: BridgeSettings{SpanningTree: true}}},
		"forward delay":     {kind("bridge", attr(nl.IFLA_BR_FORWARD_DELAY, nl.Uint32Attr(1500))), Link{Kind: "bridge", Bridge: BridgeSettings{ForwardDelay: 1500}}},
		"filtering":         {kind("bridge", on(nl.IFLA_BR_VLAN_FILTERING)), Link{Kind: "bridge", Bridge: BridgeSettings{Filtering: true}}},
		"snooping":          {kind("bridge", on(nl.IFLA_BR_MCAST_SNOOPING)), Link{Kind: "bridge", Bridge: BridgeSettings{Snooping: true}}},
		"iptables":          {kind("bridge", on(nl.IFLA_BR_NF_CALL_IPTABLES), attr(nl.IFLA_BR_NF_CALL_ARPTABLES, nl.Uint8Attr(0))), Link{Kind: "bridge", Bridge: BridgeSettings{Netfilter: true}}},
		"ip6tables":         {kind("bridge", on(nl.IFLA_BR_NF_CALL_IP6TABLES)), Link{Kind: "bridge", Bridge: BridgeSettings{Netfilter: true}}},
		"arptables":         {kind("bridge", on(nl.IFLA_BR_NF_CALL_ARPTABLES)), Link{Kind: "bridge", Bridge: BridgeSettings{Netfilter: true}}},
		"learning":          {slave("bridge", on(nl.IFLA_BRPORT_LEARNING)), Link{Kind: "tun", Port: PortSettings{Learning: true}}},
		"unicast floods":    {slave("bridge", on(nl.IFLA_BRPORT_UNICAST_FLOOD)), Link{Kind: "tun", Port: PortSettings{Unicast: true}}},
		"multicast floods":  {slave("bridge", on(nl.IFLA_BRPORT_MCAST_FLOOD)), Link{Kind: "tun", Port: PortSettings{Multicast: true}}},
		"broadcast floods":  {slave("bridge", on(nl.IFLA_BRPORT_BCAST_FLOOD)), Link{Kind: "tun", Port: PortSettings{Broadcast: true}}},
		"hairpin":           {slave("bridge", on(nl.IFLA_BRPORT_MODE)), Link{Kind: "tun", Port: PortSettings{Hairpin: true}}},
		"isolated":          {slave("bridge", on(nl.IFLA_BRPORT_ISOLATED)), Link{Kind: "tun", Port: PortSettings{Isolated: true}}},
		"other names":       {nested(unix.IFLA_PROP_LIST, attr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated("a")), attr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated("b"))), Link{AltNames: "a b"}},
		"a program":         {nested(unix.IFLA_XDP, attr(xdpAttached, nl.Uint8Attr(2)), attr(xdpProgramID, nl.Uint32Attr(9))), Link{XDP: 9}},
		"no program":        {nested(unix.IFLA_XDP, attr(xdpAttached, nl.Uint8Attr(0)), attr(xdpProgramID, nl.Uint32Attr(9))), Link{}},
		"in another master": {slave("bond", on(nl.IFLA_BRPORT_LEARNING)), Link{Kind: "tun"}},
	} {
		c.want.Index = 7
		if got, ok, err := parseLink(linkBody(unix.AF_UNSPEC, 7, 0, c.a)); err != nil || !ok || got != c.want {
			t.Errorf("%s: %+v, %v, expected %+v", name, got, err, c.want)
		}
		c.want.Up = true
		if got, ok, err := parseLink(linkBody(unix.AF_UNSPEC, 7, unix.IFF_UP, c.a)); err != nil || !ok || got != c.want {
			t.Errorf("%s, up: %+v, %v", name, got, err)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, LinkHeader-1), append(make([]byte, LinkHeader), 9, 0, 0, 0)} {
		if l, _, err := parseLink(bad); err == nil {
			t.Errorf("% x is %+v", bad, l)
		}
	}
}

// TestParseAddress: if a message has the link's own address and its peer's, the own one counts.
func TestParseAddress(t *testing.T) {
	t.Parallel()
	data := make([]byte, AddressHeader)
	data[1] = 30
	binary.NativeEndian.PutUint32(data[4:], 7)
	data = append(data, attr(unix.IFA_ADDRESS, []byte{192, 0, 2, 2}).Serialize()...)
	data = append(data, attr(unix.IFA_LOCAL, []byte{192, 0, 2, 1}).Serialize()...)
	if index, p, err := parseAddress(data); err != nil || index != 7 || p != netip.MustParsePrefix("192.0.2.1/30") {
		t.Errorf("%d %v, %v", index, p, err)
	}
	for n := range data {
		_, _, _ = parseAddress(data[:n]) // never panics
	}
}

// news are the names of the changes that a listener has collected.
func news(s *Listener) (names []string) {
	for k := range s.changed {
		names = append(names, k.name)
	}
	clear(s.changed)
	slices.Sort(names)
	return names
}

// heard is a state with two links, and a listener that ignores the promiscuous mode.
func heard() (*linkState, *Listener) {
	s := newLinkState()
	s.set(Link{Index: 4, Name: "tap1", Kind: "tun", Master: 2})
	s.set(Link{Index: 5, Name: "tap2", Kind: "tun", Master: 2})
	l := &Listener{wake: make(chan struct{}, 1), changed: map[changeKey]Change{}, differs: func(was, is Link) bool {
		was.Promiscuous, is.Promiscuous = false, false
		return was != is
	}}
	s.listeners[l] = true
	return s, l
}

// TestAbsorbLink: a notification is reported only to listeners that it concerns.
func TestAbsorbLink(t *testing.T) {
	t.Parallel()
	named := func(family byte, index int, flags uint32, name string) []byte {
		return linkBody(family, index, flags, attr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)), attr(unix.IFLA_MASTER, nl.Uint32Attr(2)),
			nested(unix.IFLA_LINKINFO, attr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("tun"))))
	}
	port := nested(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, on(nl.IFLA_BRPORT_LEARNING))
	for name, c := range map[string]struct {
		kind uint16
		data []byte
		want []string
	}{
		"one comes":          {unix.RTM_NEWLINK, named(unix.AF_UNSPEC, 9, 0, "tap9"), []string{"tap9"}},
		"one goes":           {unix.RTM_DELLINK, linkBody(unix.AF_UNSPEC, 4, 0), []string{"tap1"}},
		"an unknown goes":    {unix.RTM_DELLINK, linkBody(unix.AF_UNSPEC, 99, 0), nil},
		"nothing new":        {unix.RTM_NEWLINK, named(unix.AF_UNSPEC, 4, 0, "tap1"), nil},
		"it comes up":        {unix.RTM_NEWLINK, named(unix.AF_UNSPEC, 4, unix.IFF_UP, "tap1"), []string{"tap1"}},
		"nobody's matter":    {unix.RTM_NEWLINK, named(unix.AF_UNSPEC, 4, unix.IFF_PROMISC, "tap1"), nil},
		"another name":       {unix.RTM_NEWLINK, named(unix.AF_UNSPEC, 4, 0, "tap7"), []string{"tap1", "tap7"}},
		"the name of one":    {unix.RTM_NEWLINK, named(unix.AF_UNSPEC, 9, 0, "tap1"), []string{"tap1"}},
		"a port's settings":  {unix.RTM_NEWLINK, linkBody(unix.AF_BRIDGE, 5, 0, port), []string{"tap2"}},
		"of an unknown port": {unix.RTM_NEWLINK, linkBody(unix.AF_BRIDGE, 99, 0, port), nil},
		"it leaves a bridge": {unix.RTM_DELLINK, linkBody(unix.AF_BRIDGE, 5, 0), nil},
		"another family":     {unix.RTM_NEWLINK, linkBody(unix.AF_INET6, 4, unix.IFF_UP), nil},
		"a radio's event":    {unix.RTM_NEWLINK, linkBody(unix.AF_UNSPEC, 4, unix.IFF_UP, attr(unix.IFLA_WIRELESS, []byte{1, 2, 3, 4})), nil},
	} {
		s, l := heard()
		err := s.absorbLink(Message{Header: syscall.NlMsghdr{Type: c.kind}, Data: c.data})
		if got := news(l); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: told is %v, %v, expected %v", name, got, err, c.want)
		}
		if name == "a port's settings" && !s.links[5].Port.Learning {
			t.Error("a port's setting was not taken in")
		}
	}
	s, _ := heard()
	if err := s.absorbLink(Message{Data: []byte{unix.AF_BRIDGE, 0, 0}}); err == nil {
		t.Error("three bytes were read")
	}
}

// TestReplaceTellsEveryDifference: a link may take another link's name before that link is reported as removed. It keeps the
// name.
func TestReplaceTellsEveryDifference(t *testing.T) {
	t.Parallel()
	s, l := heard()
	address := netip.MustParsePrefix("192.0.2.1/24")
	s.setAddress(5, address, true)
	s.set(Link{Index: 9, Name: "tap1"})
	s.remove(4)
	if again, ok := s.named("tap1"); !ok || again.Index != 9 {
		t.Errorf("tap1 is %+v, %v", again, ok)
	}
	news(l)
	fresh := newLinkState()
	fresh.set(Link{Index: 5, Name: "tap2", Kind: "tun", Master: 2})
	fresh.set(Link{Index: 10, Name: "made"})
	s.replace(fresh)
	if c := l.changed[changeKey{5, "tap2"}]; c.Link || !c.Address {
		t.Errorf("of an address that went: %+v", c)
	}
	if got := news(l); !slices.Equal(got, []string{"made", "tap1", "tap2"}) || len(s.addresses) != 0 {
		t.Errorf("told is %v, addresses %v", got, s.addresses)
	}
	fresh = newLinkState()
	fresh.set(Link{Index: 5, Name: "tap2", Kind: "tun", Master: 2})
	fresh.set(Link{Index: 10, Name: "made"})
	if s.replace(fresh); len(news(l)) != 0 {
		t.Error("replacing by the same is told")
	}
}

// TestConsistent: an interrupted reading is repeated and never used.
func TestConsistent(t *testing.T) {
	t.Parallel()
	calls := 0
	got, err := Consistent(t.Context(), "links", func() (int, error) {
		if calls++; calls < 3 {
			return 1, []error{ErrInterrupted, vnl.ErrDumpInterrupted}[calls-1]
		}
		return 2, nil
	})
	if err != nil || got != 2 {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := Consistent(t.Context(), "links", func() (int, error) { return 1, ErrInterrupted }); err == nil || got != 0 {
		t.Errorf("what is always interrupted is %d, %v", got, err)
	}
	boom := errors.New("boom")
	if _, err := Consistent(t.Context(), "links", func() (int, error) { return 1, boom }); !errors.Is(err, boom) {
		t.Errorf("%v, expected it to wrap boom", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Consistent(ctx, "links", func() (int, error) { return 1, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, expected it to end with the context", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok, err := parseLink(data); ok && (err != nil || len(data) < LinkHeader) {
			t.Errorf("a link was read from %d bytes, %v", len(data), err)
		}
		_, _, _ = parseAddress(data)
	})
}

// TestALinkThatCameBackIsAnotherOne: index, name and settings are what they were, and whoever was bound to it is not any more.
func TestALinkThatCameBackIsAnotherOne(t *testing.T) {
	t.Parallel()
	c := NewCache([]Link{{Index: 5, Name: "tap1"}, {Index: 6, Name: "tap2"}}, nil)
	first := c.Came(5)
	if first == 0 || first == c.Came(6) || c.Came(7) != 0 {
		t.Fatalf("came: %d, %d and %d of one that is not there", first, c.Came(6), c.Came(7))
	}
	c.state.set(Link{Index: 5, Name: "tap1", Up: true})
	if c.Came(5) != first {
		t.Error("a link that is only set up counts as another")
	}
	c.state.remove(5)
	if c.Came(5) != 0 {
		t.Error("a link that is gone has a number")
	}
	c.state.set(Link{Index: 5, Name: "tap1", Up: true})
	if again := c.Came(5); again == 0 || again == first {
		t.Errorf("it came as %d, and again as %d", first, again)
	}
}
