package bridge

import (
	"bytes"
	"slices"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// The settings of the kinds of ports.
var (
	uplinkPort = own.PortSettings{Learning: true, Unicast: true, Multicast: true, Broadcast: true}
	guestPort  = own.PortSettings{Multicast: true, Broadcast: true}
	sharedPort = own.PortSettings{Learning: true, Multicast: true, Broadcast: true}
	mutePort   = own.PortSettings{}
)

func settingsOf(p *object.BridgePort) own.PortSettings {
	switch {
	case p.Mute:
		return mutePort
	case len(p.MACs) > 0 && p.Learns:
		return sharedPort
	case len(p.MACs) > 0:
		return guestPort
	}
	return uplinkPort
}

// entry is one static entry of a bridge's forwarding table.
type entry struct {
	index int // of the port
	mac   object.MAC
}

// entries are the static entries by port.
type entries map[int]map[object.MAC]bool

// set adds or removes one entry and says whether that changed anything.
func (s entries) set(e entry, present bool) bool {
	if s[e.index][e.mac] == present {
		return false
	}
	if !present {
		delete(s[e.index], e.mac)
		if len(s[e.index]) == 0 {
			delete(s, e.index)
		}
		return true
	}
	if s[e.index] == nil {
		s[e.index] = map[object.MAC]bool{}
	}
	s[e.index][e.mac] = true
	return true
}

// cache is the links and the static entries at one moment.
type cache struct {
	own.Cache
	entries entries
}

// seen is what the driver compares of a link.
func seen(l own.Link) own.Link {
	l.Promiscuous, l.XDP, l.AltNames = false, 0, ""
	return l
}

// object is the object on the host for a key. It is nil if there is none of ours.
func (v cache) object(k object.Key) object.Object {
	l, ok := v.Named(k.Name)
	if !ok {
		return nil
	}
	owner, ours := l.Owner()
	switch {
	case k.Kind == object.KindVLANDevice && l.Kind == "vlan" && ours:
		return &object.VLANDevice{OwnerUID: owner, Name: l.Name, Parent: v.name(l.Parent), ID: l.VLAN, MTU: l.MTU, Down: !l.Up}
	case k.Kind == object.KindLinuxBridge && l.Kind == "bridge" && ours:
		return &object.LinuxBridge{OwnerUID: owner, Name: l.Name, MAC: l.MAC, MTU: l.MTU, Strange: strange(l)}
	case k.Kind == object.KindBridgePort && l.Master != 0:
		return v.port(l)
	}
	return nil
}

// name is the name of a link. It is empty if the link does not exist.
func (v cache) name(index int) string {
	l, _ := v.Link(index)
	return l.Name
}

// port is a device as a port of a bridge of ours. It is nil if it is no such port.
func (v cache) port(l own.Link) object.Object {
	master, ok := v.Link(l.Master)
	if _, ours := master.Owner(); !ok || !ours || master.Kind != "bridge" {
		return nil
	}
	p := &object.BridgePort{Device: l.Name, Bridge: master.Name, Mute: l.Port == mutePort, Learns: l.Port == sharedPort}
	for m := range v.entries[l.Index] {
		p.MACs = append(p.MACs, m)
	}
	slices.SortFunc(p.MACs, func(a, b object.MAC) int { return bytes.Compare(a[:], b[:]) })
	p.Strange = l.Port != settingsOf(p)
	return p
}

// strange names the settings of a bridge that differ from what Weft sets.
func strange(l own.Link) []string {
	var s []string
	for _, c := range []struct {
		is   bool
		word string
	}{
		{l.Bridge.SpanningTree, "spanning tree runs"}, {l.Bridge.Filtering, "VLAN filtering"},
		{l.Bridge.Snooping, "multicast snooping"}, {l.Bridge.Netfilter, "frames pass iptables"},
		{l.Bridge.ForwardDelay != 0, "forward delay"}, {!l.Up, "down"},
	} {
		if c.is {
			s = append(s, c.word)
		}
	}
	return s
}
