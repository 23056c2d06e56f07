package ovs

import (
	"fmt"

	"weft/hostnet/object"
)

// facts adds every interface, whoever made it, and every bridge that is not ours.
func (r *rows) facts(into *object.Facts, sessions *convergence) {
	for _, p := range r.ports() {
		into.Interfaces[p.iface.Name] = p.facts(sessions)
	}
	r.bridgeFacts(into)
}

// deviceFacts sets the facts of these interfaces and removes those that do not exist any more. It looks at all bridges, because
// they are few.
func (r *rows) deviceFacts(devices []string, into *object.Facts, sessions *convergence) {
	for _, name := range devices {
		if p, there := r.port(name); there {
			into.Interfaces[name] = p.facts(sessions)
		} else {
			delete(into.Interfaces, name)
		}
	}
	clear(into.ForeignBridges)
	r.bridgeFacts(into)
}

func (p portRecord) facts(sessions *convergence) object.InterfaceFacts {
	f := object.InterfaceFacts{Bridge: p.bridge.Name, Error: p.problem(), InterfaceID: id(p.iface.ExternalIDs, idInterface),
		AttachedMAC: id(p.iface.ExternalIDs, idAttachedMAC), Row: p.iface.UUID,
		OwnerUID: id(p.iface.ExternalIDs, idOwner), Created: p.created(), Session: sessions.facts(p)}
	if n := p.iface.OFPort; n != nil && *n > 0 {
		f.OFPort = uint32(*n)
	}
	return f
}

func (r *rows) bridgeFacts(into *object.Facts) {
	for name, b := range r.bridges {
		if id(b.ExternalIDs, idOwner) == "" {
			into.ForeignBridges[name] = fmt.Sprintf("an Open vSwitch bridge %s is there already, without external_ids:%s", name, idOwner)
		}
	}
}
