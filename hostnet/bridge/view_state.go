package bridge

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// link is what the view holds of one netdev. It is comparable.
type link struct {
	index, master, parent int
	name, kind, alias     string
	mac                   object.MAC
	mtu                   int
	up                    bool
	vlanID                uint16
	bridge                bridgeSettings
	port                  portSettings
}

// bridgeSettings are those of a bridge that Weft fixes.
type bridgeSettings struct {
	stp, filtering, snooping, iptables bool
	forwardDelay                       uint32
}

// portSettings are those of a bridge's port that Weft fixes.
type portSettings struct {
	learning, unicast, multicast, broadcast bool
	hairpin, isolated                       bool
}

// The settings of ports by what they are.
var (
	wirePort  = portSettings{learning: true, unicast: true, multicast: true, broadcast: true}
	guestPort = portSettings{multicast: true, broadcast: true}
	mutePort  = portSettings{}
)

func settingsOf(p *object.BridgePort) portSettings {
	switch {
	case p.Mute:
		return mutePort
	case len(p.MACs) > 0:
		return guestPort
	}
	return wirePort
}

// entry is one static entry of a bridge's forwarding table.
type entry struct {
	index int // of the port
	mac   object.MAC
}

// view is the driver's picture of the namespace.
type view struct {
	links   map[int]link
	names   map[string]int
	entries map[int]map[object.MAC]bool // by port
}

func newView() *view {
	return &view{links: map[int]link{}, names: map[string]int{}, entries: map[int]map[object.MAC]bool{}}
}

// setLink stores a link and lists the names whose state changed.
func (v *view) setLink(l link) []string {
	old, known := v.links[l.index]
	if known && old == l {
		return nil
	}
	changed := []string{l.name}
	if known && old.name != l.name {
		delete(v.names, old.name)
		changed = append(changed, old.name)
	}
	v.links[l.index], v.names[l.name] = l, l.index
	return changed
}

// setPort brings the settings of a port up to date by the body of a link message of family AF_BRIDGE, and lists the names whose
// state changed.
func (v *view) setPort(data []byte) ([]string, error) {
	index, _, attributes, err := linkMessage(data)
	if err != nil {
		return nil, err
	}
	l, known := v.links[index]
	if !known {
		return nil, nil // its own message follows
	}
	for _, a := range attributes {
		if a.Attr.Type&^unix.NLA_F_NESTED != unix.IFLA_PROTINFO {
			continue
		}
		if err := each(a.Value, l.port.read); err != nil {
			return nil, err
		}
	}
	return v.setLink(l), nil
}

func (v *view) deleteLink(index int) []string {
	old, known := v.links[index]
	if !known {
		return nil
	}
	delete(v.links, index)
	delete(v.entries, index)
	if v.names[old.name] == index {
		delete(v.names, old.name)
	}
	return []string{old.name}
}

func (v *view) setEntry(e entry, present bool) []string {
	if v.entries[e.index][e.mac] == present {
		return nil
	}
	if present {
		if v.entries[e.index] == nil {
			v.entries[e.index] = map[object.MAC]bool{}
		}
		v.entries[e.index][e.mac] = true
	} else {
		delete(v.entries[e.index], e.mac)
	}
	if l, ok := v.links[e.index]; ok {
		return []string{l.name}
	}
	return nil
}

func (v *view) find(name string) (link, bool) {
	l, ok := v.links[v.names[name]]
	return l, ok && l.name == name
}

// owner is the uid in a device's alias; false when the device is not ours.
func (l link) owner() (string, bool) { return strings.CutPrefix(l.alias, object.AliasPrefix) }

// object is what stands on the host under a key; nil when nothing of ours does.
func (v *view) object(k object.Key) object.Object {
	l, ok := v.find(k.Name)
	if !ok {
		return nil
	}
	owner, ours := l.owner()
	switch {
	case k.Kind == object.KindVLANDevice && l.kind == "vlan" && ours:
		return &object.VLANDevice{OwnerUID: owner, Name: l.name, Parent: v.links[l.parent].name, ID: l.vlanID, MTU: l.mtu, Down: !l.up}
	case k.Kind == object.KindLinuxBridge && l.kind == "bridge" && ours:
		return &object.LinuxBridge{OwnerUID: owner, Name: l.name, MAC: l.mac, MTU: l.mtu, Strange: l.strange()}
	case k.Kind == object.KindBridgePort && l.master != 0:
		return v.port(l)
	}
	return nil
}

// port is a device as a port of a bridge of ours; nil when it is none.
func (v *view) port(l link) object.Object {
	master, ok := v.links[l.master]
	if _, ours := master.owner(); !ok || !ours || master.kind != "bridge" {
		return nil
	}
	p := &object.BridgePort{Device: l.name, Bridge: master.name, Mute: l.port == mutePort}
	for m := range v.entries[l.index] {
		p.MACs = append(p.MACs, m)
	}
	slices.SortFunc(p.MACs, func(a, b object.MAC) int { return bytes.Compare(a[:], b[:]) })
	p.Strange = l.port != settingsOf(p)
	return p
}

// strange says in words what of a bridge is not as Weft makes it.
func (l link) strange() []string {
	var s []string
	for _, c := range []struct {
		is   bool
		word string
	}{
		{l.bridge.stp, "spanning tree runs"}, {l.bridge.filtering, "VLAN filtering"},
		{l.bridge.snooping, "multicast snooping"}, {l.bridge.iptables, "frames pass iptables"},
		{l.bridge.forwardDelay != 0, "forward delay"}, {!l.up, "down"},
	} {
		if c.is {
			s = append(s, c.word)
		}
	}
	return s
}
