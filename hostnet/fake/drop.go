package fake

import (
	"strings"

	"weft/hostnet/object"
)

// drop removes an object and what is removed with it. The lock is held.
func (h *Host) drop(k object.Key) {
	gone := h.objects[k]
	delete(h.objects, k)
	switch k.Kind {
	case object.KindOVSPort, object.KindUplink:
		delete(h.facts.Interfaces, k.Name)
	case object.KindSession:
		if s, ok := gone.(*object.Session); ok {
			delete(h.facts.Interfaces, s.Device)
			delete(h.facts.Interfaces, s.PeerDevice)
		}
	case object.KindMeter:
		if m, ok := gone.(*object.Meter); ok {
			h.dropMetered(m)
		}
	case object.KindBridge:
		h.dropAll(func(o object.Object) bool { return bridgeOf(o) == k.Name })
	case object.KindNamespace:
		h.dropNamespace(k.Name)
	case object.KindVeth:
		h.dropVeth(gone)
	case object.KindNATTable:
		h.dropAll(func(o object.Object) bool {
			return o.Key().Kind == object.KindNATMapping && strings.HasPrefix(o.Key().Name, k.Name+"/")
		})
	case object.KindPortSecurity:
		h.dropAll(func(o object.Object) bool { return o.Key().Kind == object.KindPortSecurityElements })
	case object.KindBridgeFilter:
		h.dropAll(inFilter)
	case object.KindHostFilter:
		h.dropAll(func(o object.Object) bool { return o.Key().Kind == object.KindSilentDevice })
	case object.KindVLANDevice, object.KindLinuxBridge:
		if gone != nil {
			h.dropDevice(k.Name)
		}
	case object.KindBridgePort:
		h.setMaster(k.Name, "", "")
	}
}

// dropAll drops the objects for which goes is true. The lock is held.
func (h *Host) dropAll(goes func(object.Object) bool) {
	for k, o := range h.objects {
		if goes(o) {
			h.drop(k)
		}
	}
}

// dropMetered removes the flows that name the meter. The rest of their sets stays. The lock is held.
func (h *Host) dropMetered(m *object.Meter) {
	for k, o := range h.objects {
		if set, ok := o.(*object.FlowSet); ok && set.Bridge == m.Bridge {
			h.objects[k] = set.WithoutMeter(m.ID)
		}
	}
}

// bridgeOf names the bridge that an object is part of.
func bridgeOf(o object.Object) string {
	switch o := o.(type) {
	case *object.Uplink:
		return o.Bridge
	case *object.OVSPort:
		return o.Bridge
	case *object.FlowSet:
		return o.Bridge
	case *object.Meter:
		return o.Bridge
	case *object.Session:
		return o.Bridge
	}
	return ""
}
