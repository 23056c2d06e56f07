package ovs

import (
	"fmt"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// setSession makes or repairs both ports.
func (t *dbChanges) setSession(s *object.Session) error {
	if err := t.setPatch(s, s.Device, s.PeerDevice, sessionSettings(s)); err != nil {
		return err
	}
	return t.setPatch(s, s.PeerDevice, s.Device, nil)
}

func (t *dbChanges) setPatch(s *object.Session, device, peer string, bfd map[string]string) error {
	tag := uint16(object.DeadVLAN)
	p, there := t.rows.port(device)
	if there && p.session() != s.Device {
		return fmt.Errorf("bfd session: port %s is there already and not the session's", device)
	}
	w := wantedPort{device: device, bridge: s.Bridge, tag: &tag, ids: map[string]string{idOwner: s.OwnerUID, idSession: s.Device},
		patch: &patchEnd{peer: peer, bfd: bfd}}
	if err := t.setPort(w); err != nil || !there {
		return err
	}
	t.update(ovsdb.TableInterface, p.iface.UUID, w.patch.row())
	return nil
}

// removeSession deletes both ports.
func (t *dbChanges) removeSession(device string) error {
	for _, p := range t.rows.ports() {
		if p.session() == device {
			if err := t.removePort(p.port.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
