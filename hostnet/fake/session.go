package fake

import "weft/hostnet/object"

// wireSession gives both patch ports of a session their interfaces. It is not known yet whether the other host is there.
func (h *Host) plugSession(s *object.Session) {
	if old, ok := h.objects[s.Key()].(*object.Session); ok && old.PeerDevice != s.PeerDevice {
		delete(h.facts.Interfaces, old.PeerDevice)
	}
	h.objects[s.Key()] = s // its ports need no netdev
	h.plug(s.PeerDevice, s.Bridge, s.OwnerUID, "", true)
	h.plug(s.Device, s.Bridge, s.OwnerUID, "", true)
	i := h.facts.Interfaces[s.Device]
	i.Session.Known = true
	h.facts.Interfaces[s.Device] = i
}

// patchPort says that an interface is one end of a session.
func (h *Host) patchPort(device string) bool {
	for _, o := range h.objects {
		if s, ok := o.(*object.Session); ok && (s.Device == device || s.PeerDevice == device) {
			return true
		}
	}
	return false
}

// Meet sets what the switch finds out about a session: the other host is heard, or has not been heard for long enough.
func (h *Host) Meet(device string, up bool) {
	h.change(nil, func() {
		if i, there := h.facts.Interfaces[device]; there && i.Session.Known {
			i.Session = object.SessionFacts{Known: true, Up: up, Converged: true}
			h.facts.Interfaces[device] = i
		}
	}, device)
}
