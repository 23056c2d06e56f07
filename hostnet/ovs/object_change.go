package ovs

import (
	"fmt"
	"maps"

	"weft/hostnet/object"
)

// add appends the operations of one change. On an error it appends nothing, also if the change consists of several ports.
func (t *dbChanges) add(c object.Change) error {
	before := dbChanges{ops: t.ops, plug: maps.Clone(t.plug), unplug: maps.Clone(t.unplug), carried: t.carried}
	err := t.tryAdd(c)
	if err != nil {
		t.ops, t.plug, t.unplug, t.carried = before.ops, before.plug, before.unplug, before.carried
	}
	return err
}

func (t *dbChanges) tryAdd(c object.Change) error {
	t.carried = t.carried || c.Key().Kind != object.KindOVSPort
	switch c.Key().Kind {
	case object.KindBridge:
		if c.Op == object.Delete {
			return t.deleteBridge(c.Key().Name)
		}
		return t.setBridge(c.Desired.(*object.Bridge))
	case object.KindUplink:
		if c.Op == object.Delete {
			return t.removePort(c.Key().Name)
		}
		u := c.Desired.(*object.Uplink)
		return t.setPort(wantedPort{device: u.Device, bridge: u.Bridge,
			ids: map[string]string{idOwner: u.OwnerUID, idPhysicalNetwork: u.PhysicalNetwork}})
	case object.KindSession:
		if c.Op == object.Delete {
			return t.removeSession(c.Key().Name)
		}
		return t.setSession(c.Desired.(*object.Session))
	case object.KindOVSPort:
		if c.Op == object.Delete {
			return t.removePort(c.Key().Name)
		}
		return t.setPort(guestPortWanted(c.Desired.(*object.OVSPort)))
	}
	return fmt.Errorf("%s is not of the Open vSwitch database", c.Key())
}
