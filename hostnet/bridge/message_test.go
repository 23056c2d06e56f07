package bridge

import (
	"encoding/binary"
	"slices"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// linkBody is the body of a link message of a device, with the attributes.
func linkBody(family byte, index int, flags uint32, attributes ...*nl.RtAttr) []byte {
	b := make([]byte, ifInfoMsgSize)
	b[0] = family
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	for _, a := range attributes {
		b = append(b, a.Serialize()...)
	}
	return b
}

func attr(kind int, value []byte) *nl.RtAttr { return nl.NewRtAttr(kind, value) }

// nested is an attribute of attributes.
func nested(kind int, children ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(kind, nil)
	for _, c := range children {
		a.AddChild(c)
	}
	return a
}

func on(kind int) *nl.RtAttr { return attr(kind, nl.Uint8Attr(1)) }

// TestParseLink reads each attribute into its place, and each setting that Weft fixes into its own.
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
		want link
	}{
		"name":              {attr(unix.IFLA_IFNAME, nl.ZeroTerminated("tap1")), link{name: "tap1"}},
		"alias":             {attr(unix.IFLA_IFALIAS, nl.ZeroTerminated("weft:n")), link{alias: "weft:n"}},
		"MAC":               {attr(unix.IFLA_ADDRESS, guestMAC[:]), link{mac: guestMAC}},
		"no MAC":            {attr(unix.IFLA_ADDRESS, []byte{1, 2, 3, 4}), link{}},
		"MTU":               {attr(unix.IFLA_MTU, nl.Uint32Attr(1400)), link{mtu: 1400}},
		"master":            {attr(unix.IFLA_MASTER, nl.Uint32Attr(3)), link{master: 3}},
		"parent":            {attr(unix.IFLA_LINK, nl.Uint32Attr(4)), link{parent: 4}},
		"VLAN":              {kind("vlan", attr(nl.IFLA_VLAN_ID, nl.Uint16Attr(101))), link{kind: "vlan", vlanID: 101}},
		"spanning tree":     {kind("bridge", attr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(1))), link{kind: "bridge", bridge: bridgeSettings{stp: true}}},
		"forward delay":     {kind("bridge", attr(nl.IFLA_BR_FORWARD_DELAY, nl.Uint32Attr(1500))), link{kind: "bridge", bridge: bridgeSettings{forwardDelay: 1500}}},
		"filtering":         {kind("bridge", on(nl.IFLA_BR_VLAN_FILTERING)), link{kind: "bridge", bridge: bridgeSettings{filtering: true}}},
		"snooping":          {kind("bridge", on(nl.IFLA_BR_MCAST_SNOOPING)), link{kind: "bridge", bridge: bridgeSettings{snooping: true}}},
		"iptables":          {kind("bridge", on(nl.IFLA_BR_NF_CALL_IPTABLES), attr(nl.IFLA_BR_NF_CALL_ARPTABLES, nl.Uint8Attr(0))), link{kind: "bridge", bridge: bridgeSettings{iptables: true}}},
		"ip6tables":         {kind("bridge", on(nl.IFLA_BR_NF_CALL_IP6TABLES)), link{kind: "bridge", bridge: bridgeSettings{iptables: true}}},
		"arptables":         {kind("bridge", on(nl.IFLA_BR_NF_CALL_ARPTABLES)), link{kind: "bridge", bridge: bridgeSettings{iptables: true}}},
		"learning":          {slave("bridge", on(nl.IFLA_BRPORT_LEARNING)), link{kind: "tun", port: portSettings{learning: true}}},
		"unicast floods":    {slave("bridge", on(nl.IFLA_BRPORT_UNICAST_FLOOD)), link{kind: "tun", port: portSettings{unicast: true}}},
		"multicast floods":  {slave("bridge", on(nl.IFLA_BRPORT_MCAST_FLOOD)), link{kind: "tun", port: portSettings{multicast: true}}},
		"broadcast floods":  {slave("bridge", on(nl.IFLA_BRPORT_BCAST_FLOOD)), link{kind: "tun", port: portSettings{broadcast: true}}},
		"hairpin":           {slave("bridge", on(nl.IFLA_BRPORT_MODE)), link{kind: "tun", port: portSettings{hairpin: true}}},
		"isolated":          {slave("bridge", on(nl.IFLA_BRPORT_ISOLATED)), link{kind: "tun", port: portSettings{isolated: true}}},
		"in another master": {slave("bond", on(nl.IFLA_BRPORT_LEARNING)), link{kind: "tun"}},
	} {
		c.want.index = 7
		if got, err := parseLink(linkBody(unix.AF_UNSPEC, 7, 0, c.a)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, expected %+v", name, got, err, c.want)
		}
		c.want.up = true
		if got, err := parseLink(linkBody(unix.AF_UNSPEC, 7, unix.IFF_UP, c.a)); err != nil || got != c.want {
			t.Errorf("%s, up: %+v, %v", name, got, err)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, ifInfoMsgSize-1), append(make([]byte, ifInfoMsgSize), 9, 0, 0, 0)} {
		if l, err := parseLink(bad); err == nil {
			t.Errorf("% x is %+v", bad, l)
		}
	}
}

// TestStrangeIsNamed: each setting of a bridge that is not as Weft makes it is said in words, and each of a port makes it strange.
func TestStrangeIsNamed(t *testing.T) {
	t.Parallel()
	for word, change := range map[string]func(*link){
		"spanning tree runs": func(l *link) { l.bridge.stp = true }, "VLAN filtering": func(l *link) { l.bridge.filtering = true },
		"multicast snooping": func(l *link) { l.bridge.snooping = true }, "frames pass iptables": func(l *link) { l.bridge.iptables = true },
		"forward delay": func(l *link) { l.bridge.forwardDelay = 1 }, "down": func(l *link) { l.up = false },
	} {
		l := link{up: true}
		if s := l.strange(); len(s) > 0 {
			t.Errorf("what is right is strange: %v", s)
		}
		change(&l)
		if s := l.strange(); !slices.Equal(s, []string{word}) {
			t.Errorf("%s is %v", word, s)
		}
	}
	for name, change := range map[string]func(*portSettings){
		"learning": func(p *portSettings) { p.learning = !p.learning }, "unicast": func(p *portSettings) { p.unicast = !p.unicast },
		"multicast": func(p *portSettings) { p.multicast = !p.multicast }, "broadcast": func(p *portSettings) { p.broadcast = !p.broadcast },
		"hairpin": func(p *portSettings) { p.hairpin = !p.hairpin }, "isolated": func(p *portSettings) { p.isolated = !p.isolated },
	} {
		for index, want := range map[int]*object.BridgePort{
			3: {Device: "wfv1", Bridge: "wfb1"}, 4: {Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}}, 5: {Device: "tap2", Bridge: "wfb1", Mute: true},
		} {
			v := town()
			l := v.links[index]
			change(&l.port)
			v.setLink(l)
			if len(diff(t, v, want)) == 0 {
				t.Errorf("%s: its %s is another, and nobody sees it", want.Device, name)
			}
		}
	}
}

// TestAbsorb: a notification changes the keys of what it is about, and others none.
func TestAbsorb(t *testing.T) {
	t.Parallel()
	neighbour := func(state uint16) []byte {
		m := make([]byte, ndMsgSize)
		m[0] = unix.AF_BRIDGE
		binary.NativeEndian.PutUint32(m[4:], 5)
		binary.NativeEndian.PutUint16(m[8:], state)
		m = append(m, attr(unix.NDA_LLADDR, guestMAC[:]).Serialize()...)
		return append(m, attr(unix.NDA_MASTER, nl.Uint32Attr(2)).Serialize()...)
	}
	for name, c := range map[string]struct {
		kind uint16
		data []byte
		want string
	}{
		"a device comes":     {unix.RTM_NEWLINK, linkBody(unix.AF_UNSPEC, 9, 0, attr(unix.IFLA_IFNAME, nl.ZeroTerminated("tap9"))), "tap9"},
		"a device goes":      {unix.RTM_DELLINK, linkBody(unix.AF_UNSPEC, 4, 0), "tap1"},
		"an unknown goes":    {unix.RTM_DELLINK, linkBody(unix.AF_UNSPEC, 99, 0), ""},
		"a port's settings":  {unix.RTM_NEWLINK, linkBody(unix.AF_BRIDGE, 5, 0, nested(unix.IFLA_PROTINFO, on(nl.IFLA_BRPORT_LEARNING))), "tap2"},
		"of an unknown port": {unix.RTM_NEWLINK, linkBody(unix.AF_BRIDGE, 99, 0, nested(unix.IFLA_PROTINFO, on(nl.IFLA_BRPORT_LEARNING))), ""},
		"of another family":  {unix.RTM_NEWLINK, linkBody(unix.AF_INET6, 4, 0, attr(unix.IFLA_IFNAME, nl.ZeroTerminated("x"))), ""},
		"an entry comes":     {unix.RTM_NEWNEIGH, neighbour(unix.NUD_NOARP), "tap2"},
		"one is learnt":      {unix.RTM_NEWNEIGH, neighbour(unix.NUD_REACHABLE), ""},
		"one is not there":   {unix.RTM_DELNEIGH, neighbour(unix.NUD_NOARP), ""},
		"of IPv4":            {unix.RTM_NEWNEIGH, append([]byte{unix.AF_INET}, neighbour(unix.NUD_NOARP)[1:]...), ""},
		"a route":            {unix.RTM_NEWROUTE, nil, ""},
	} {
		d := &Driver{view: town()}
		names, err := d.absorbOne(syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: c.kind}, Data: c.data})
		if got := names; err != nil || len(got) > 1 || len(got) == 1 && got[0] != c.want || len(got) == 0 && c.want != "" {
			t.Errorf("%s changes %v, %v, expected %q", name, names, err, c.want)
		}
	}
	d := &Driver{view: town()}
	keys := d.absorb([]syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Type: unix.RTM_DELLINK}, Data: linkBody(unix.AF_UNSPEC, 4, 0)}})
	if !slices.Equal(keys, keysOf("tap1")) || len(keys) != 3 {
		t.Errorf("told are %v", keys)
	}
}
