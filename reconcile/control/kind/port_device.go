package kind

import (
	"fmt"

	"github.com/google/uuid"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
)

// claimDevice chooses the name of the port's netdev and claims it. The default name is claimed on all hosts at once. Otherwise another
// port could have it on a host to which the guest moves later, and would be connected to that guest.
//
//   - If another port has the conventional name, the port gets a name that is made of the whole interface id, and keeps it.
//   - A device that the spec names must not be the default device of another port.
func claimDevice(a *claim.Allocation, s *model.PortSpec, ifaceID string) string {
	conventional := etcdschema.DeviceClaim(etcdschema.AnyHost, defaultDeviceName(ifaceID))
	_, taken := a.Conflict(conventional)
	if s.Device != "" {
		if !taken {
			a.Want(conventional)
		}
		refuseOtherDefault(a, s.Device)
		return s.Device
	}
	name := hashedDeviceName(ifaceID)
	if kept := a.Previous != nil && a.Previous.Allocated.Device == name; !taken && !kept {
		a.Want(conventional)
		return defaultDeviceName(ifaceID)
	}
	a.Result.Device = name
	a.Claim("spec.interfaceID", etcdschema.DeviceClaim(etcdschema.AnyHost, name),
		fmt.Sprintf("device %s, the default of interface id %s,", name, ifaceID))
	return name
}

// refuseOtherDefault refuses a device that the spec names and that is the default device of another port.
func refuseOtherDefault(a *claim.Allocation, device string) {
	k := etcdschema.DeviceClaim(etcdschema.AnyHost, device)
	a.Owns(a.UID, k)
	if cl, blocked := a.Conflict(k); blocked {
		a.InTheWay(k)
		a.Invalid("spec.device",
			fmt.Sprintf("device %s is on every host the default device of %s: choose another name", device, a.OwnerName(cl)))
	}
}

// interfaceID is what the hypervisor writes to external_ids:iface-id (see model.PortSpec).
func interfaceID(s *model.PortSpec, name, uid string) string {
	if s.InterfaceID != "" {
		return s.InterfaceID
	}
	if u, err := uuid.Parse(name); err == nil && u.String() == name {
		return name
	}
	return uid
}

// deviceName is the guest's netdev of an accepted port (see model.PortSpec).
func deviceName(a *etcdschema.Accepted, interfaceID string) string {
	s := a.Object.Spec.(*model.PortSpec)
	switch {
	case s.Device != "":
		return s.Device
	case a.Allocated.Device != "":
		return a.Allocated.Device
	}
	return defaultDeviceName(interfaceID)
}

// defaultDeviceName is the conventional name. hashedDeviceName is the name for a port whose conventional name is taken.
func defaultDeviceName(interfaceID string) string {
	return devicePrefix + interfaceID[:min(11, len(interfaceID))]
}

func hashedDeviceName(interfaceID string) string { return devicePrefix + model.DeviceHash(interfaceID) }

const devicePrefix = "tap"
