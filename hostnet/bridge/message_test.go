package bridge

import (
	"encoding/binary"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// TestStrangeIsNamed: each setting of a bridge that differs from Weft's is named. Each such setting of a port makes the port
// strange.
func TestStrangeIsNamed(t *testing.T) {
	t.Parallel()
	for word, change := range map[string]func(*own.Link){
		"spanning tree runs": func(l *own.Link) { l.Bridge.SpanningTree = true }, "VLAN filtering": func(l *own.Link) { l.Bridge.Filtering = true },
		"multicast snooping": func(l *own.Link) { l.Bridge.Snooping = true }, "frames pass iptables": func(l *own.Link) { l.Bridge.Netfilter = true },
		"forward delay": func(l *own.Link) { l.Bridge.ForwardDelay = 1 }, "down": func(l *own.Link) { l.Up = false },
	} {
		l := own.Link{Up: true}
		if s := strange(l); len(s) > 0 {
			t.Errorf("what is right is strange: %v", s)
		}
		change(&l)
		if s := strange(l); !slices.Equal(s, []string{word}) {
			t.Errorf("%s is %v", word, s)
		}
	}
	for name, change := range map[string]func(*own.PortSettings){
		"learning": func(p *own.PortSettings) { p.Learning = !p.Learning }, "unicast": func(p *own.PortSettings) { p.Unicast = !p.Unicast },
		"multicast": func(p *own.PortSettings) { p.Multicast = !p.Multicast }, "broadcast": func(p *own.PortSettings) { p.Broadcast = !p.Broadcast },
		"hairpin": func(p *own.PortSettings) { p.Hairpin = !p.Hairpin }, "isolated": func(p *own.PortSettings) { p.Isolated = !p.Isolated },
	} {
		for index, want := range map[int]*object.BridgePort{
			3: {Device: "wfv1", Bridge: "wfb1"}, 4: {Device: "tap1", Bridge: "wfb1", MACs: []object.MAC{guestMAC}}, 5: {Device: "tap2", Bridge: "wfb1", Mute: true},
		} {
			v := town(index, func(l *own.Link) { change(&l.Port) })
			if len(diff(t, v, want)) == 0 {
				t.Errorf("%s: its %s is another, and nobody sees it", want.Device, name)
			}
		}
	}
}

// TestAbsorb: a notification is about the port of its entry. The driver's own changes are not reported.
func TestAbsorb(t *testing.T) {
	t.Parallel()
	neighbour := func(state uint16) []byte {
		m := make([]byte, own.NeighborHeader)
		m[0] = unix.AF_BRIDGE
		binary.NativeEndian.PutUint32(m[4:], 5)
		binary.NativeEndian.PutUint16(m[8:], state)
		return own.NewRequest(0, 0, m).Attr(unix.NDA_LLADDR, guestMAC[:]...).Uint32(unix.NDA_MASTER, 2).Body()
	}
	for name, c := range map[string]struct {
		kind uint16
		data []byte
		mine *entry
		want []int
	}{
		"an entry comes":   {unix.RTM_NEWNEIGH, neighbour(unix.NUD_NOARP), nil, []int{5}},
		"by the driver":    {unix.RTM_NEWNEIGH, neighbour(unix.NUD_NOARP), &entry{5, guestMAC}, nil},
		"one is learnt":    {unix.RTM_NEWNEIGH, neighbour(unix.NUD_REACHABLE), nil, nil},
		"one is not there": {unix.RTM_DELNEIGH, neighbour(unix.NUD_NOARP), nil, nil},
		"of IPv4":          {unix.RTM_NEWNEIGH, append([]byte{unix.AF_INET}, neighbour(unix.NUD_NOARP)[1:]...), nil, nil},
		"a route":          {unix.RTM_NEWROUTE, nil, nil, nil},
	} {
		d := &Driver{entries: entries{}, mine: c.mine}
		d.absorb(own.Message{Header: syscall.NlMsghdr{Type: c.kind}, Data: c.data})
		if !slices.Equal(d.heard, c.want) || d.entries[5][guestMAC] != (c.want != nil || c.mine != nil) {
			t.Errorf("%s: heard of %v, entries %v", name, d.heard, d.entries)
		}
	}
}
