package ovs

import (
	"fmt"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// wantedPort is what a port row and its interface row must be.
type wantedPort struct {
	device, bridge string
	adopted        bool
	tag            *uint16 // if nil: left alone, or none on a new port
	ids            map[string]string
	patch          *patchEnd // nil for a netdev
}

func guestPortWanted(p *object.OVSPort) wantedPort {
	w := wantedPort{device: p.Device, bridge: p.Bridge, adopted: p.Adopted, tag: &p.Tag, ids: map[string]string{idOwner: p.OwnerUID}}
	if !p.Adopted {
		w.ids[idInterface], w.ids[idAttachedMAC] = p.InterfaceID, p.MAC
	}
	return w
}

func (t *dbChanges) setPort(w wantedPort) error {
	b, err := t.rows.ownBridge(w.bridge)
	if err != nil {
		return fmt.Errorf("port %s: %w", w.device, err)
	}
	if w.ids[idOwner] == "" {
		return fmt.Errorf("port %s: has no owner", w.device)
	}
	p, there := t.rows.port(w.device)
	switch {
	case !there && w.adopted:
		return fmt.Errorf("port %s: to be adopted, but whoever plugged it has taken it away", w.device)
	case !there:
		t.createPort(b, w)
		return nil
	case p.local():
		return fmt.Errorf("port %s: the name is that of bridge %s itself", w.device, p.bridge.Name)
	case p.bridge.UUID != b.UUID && !p.created():
		return fmt.Errorf("port %s: is on bridge %s, where somebody else put it: expected on %s", w.device, p.bridge.Name, w.bridge)
	case p.bridge.UUID != b.UUID:
		t.unplug[p.bridge.UUID] = append(t.unplug[p.bridge.UUID], ovsdb.UUID{GoUUID: p.port.UUID})
		t.plug[b.UUID] = append(t.plug[b.UUID], ovsdb.UUID{GoUUID: p.port.UUID})
	}
	t.setIDs(ovsdb.TableInterface, p.iface.UUID, p.iface.ExternalIDs, w.ids)
	t.setIDs(ovsdb.TablePort, p.port.UUID, p.port.ExternalIDs, map[string]string{idOwner: w.ids[idOwner]})
	if p.iface.MTURequest != nil {
		t.carried = true
		t.update(ovsdb.TableInterface, p.iface.UUID, ovsdb.Columns{"mtu_request": ovsdb.EmptySet()})
	}
	if w.tag != nil && (p.port.Tag == nil || *p.port.Tag != int(*w.tag)) {
		t.update(ovsdb.TablePort, p.port.UUID, ovsdb.Columns{"tag": int(*w.tag)})
	}
	return nil
}

func (t *dbChanges) createPort(b *ovsdb.Bridge, w wantedPort) {
	owned := map[any]any{idOwner: w.ids[idOwner], idCreated: "true"}
	ids := map[any]any{idCreated: "true"}
	for k, v := range w.ids {
		if v != "" {
			ids[k] = v
		}
	}
	row := ovsdb.Columns{}
	if w.patch != nil {
		row = w.patch.row()
	}
	row["name"], row["external_ids"] = w.device, ovsdb.Map{GoMap: ids}
	i := t.insert(ovsdb.TableInterface, row)
	port := ovsdb.Columns{"name": w.device, "interfaces": i, "external_ids": ovsdb.Map{GoMap: owned}}
	if w.tag != nil {
		port["tag"] = int(*w.tag)
	}
	t.plug[b.UUID] = append(t.plug[b.UUID], t.insert(ovsdb.TablePort, port))
}

// removePort deletes a port that Weft created. From a port that Weft adopted it removes only the marks. A port that does not
// exist or is not ours needs nothing.
func (t *dbChanges) removePort(device string) error {
	p, there := t.rows.port(device)
	switch {
	case !there || !p.ours() || p.local():
		return nil
	case p.created():
		t.unplug[p.bridge.UUID] = append(t.unplug[p.bridge.UUID], ovsdb.UUID{GoUUID: p.port.UUID})
		return nil
	}
	marks := []any{idOwner, idCreated, idPhysicalNetwork}
	t.mutateMap(ovsdb.TableInterface, p.iface.UUID, "external_ids", marks, nil)
	t.mutateMap(ovsdb.TablePort, p.port.UUID, "external_ids", marks, nil)
	if p.port.Tag != nil && *p.port.Tag == object.DeadVLAN {
		t.update(ovsdb.TablePort, p.port.UUID, ovsdb.Columns{"tag": ovsdb.EmptySet()})
	}
	return nil
}

// patchEnd is what makes an interface one end of a patch.
type patchEnd struct {
	peer string
	bfd  map[string]string
}

func (e *patchEnd) row() ovsdb.Columns {
	settings := map[any]any{}
	for k, v := range e.bfd {
		settings[k] = v
	}
	return ovsdb.Columns{"type": "patch", "options": ovsdb.Map{GoMap: map[any]any{"peer": e.peer}}, "bfd": ovsdb.Map{GoMap: settings}}
}
