package ovs

import (
	"cmp"
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// object is what the key names now, or nil. An OVS port without marks is found too, because it may have to be adopted.
func (r *rows) object(key object.Key) object.Object {
	switch key.Kind {
	case object.KindBridge:
		if b, err := r.ownBridge(key.Name); err == nil {
			return r.bridge(b)
		}
	case object.KindUplink:
		if p, ok := r.port(key.Name); ok && !p.local() && (p.uplink() || !p.ours()) {
			return &object.Uplink{OwnerUID: p.owner(), Bridge: p.bridge.Name, Device: p.port.Name,
				PhysicalNetwork: id(p.iface.ExternalIDs, idPhysicalNetwork), MTURequest: p.mtuRequest()}
		}
	case object.KindSession:
		if p, ok := r.port(key.Name); ok {
			if s := r.sessionOf(p); s != nil {
				return s
			}
		}
	case object.KindOVSPort:
		if p, ok := r.port(key.Name); ok && !p.local() && !p.uplink() && p.session() == "" {
			return guestPort(p)
		}
	}
	return nil
}

func guestPort(p portRecord) *object.OVSPort {
	o := &object.OVSPort{OwnerUID: p.owner(), Bridge: p.bridge.Name, Device: p.port.Name, Adopted: !p.created(),
		InterfaceID: id(p.iface.ExternalIDs, idInterface), MAC: id(p.iface.ExternalIDs, idAttachedMAC), MTURequest: p.mtuRequest()}
	if p.port.Tag != nil {
		o.Tag = uint16(*p.port.Tag) // the schema limits it to 4095
	}
	return o
}

func (r *rows) bridge(b *ovsdb.Bridge) *object.Bridge {
	o := &object.Bridge{OwnerUID: id(b.ExternalIDs, idOwner), Name: b.Name, DatapathType: cmp.Or(b.DatapathType, "system"),
		Protocols: slices.Clone(b.Protocols), SpanningTree: b.STP || b.RSTP}
	if b.FailMode != nil {
		o.FailMode = *b.FailMode
	}
	for _, k := range slices.Sorted(maps.Keys(b.OtherConfig)) {
		o.Settings = append(o.Settings, object.Setting{Key: k, Value: b.OtherConfig[k]})
	}
	for _, u := range b.Controller {
		target := u
		if c, ok := ovsdb.Get[*ovsdb.Controller](r.db.Client, u); ok {
			target = c.Target
		}
		o.Controllers = append(o.Controllers, target)
	}
	return o
}

// keys lists everything in the database that is ours.
func (r *rows) keys() []object.Key {
	var out []object.Key
	for name, b := range r.bridges {
		if id(b.ExternalIDs, idOwner) != "" {
			out = append(out, object.Key{Kind: object.KindBridge, Name: name})
		}
	}
	for _, p := range r.ports() {
		if k, ours := p.key(); ours && (k.Kind != object.KindSession || k.Name == p.port.Name || !r.carried(k.Name)) {
			out = append(out, k)
		}
	}
	return out
}

// carried says that the port that carries a session exists. Then the session's other port need not be listed too.
func (r *rows) carried(session string) bool {
	p, ok := r.port(session)
	return ok && p.session() == session
}

// owns says whether what the key names in the database is ours.
func (r *rows) owns(k object.Key) bool {
	if k.Kind == object.KindBridge {
		_, err := r.ownBridge(k.Name)
		return err == nil
	}
	p, there := r.port(k.Name)
	if !there {
		return false
	}
	is, ours := p.key()
	return ours && is == k
}
