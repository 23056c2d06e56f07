package compile

import (
	"fmt"
	"slices"
	"strings"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Unit is the result of compiling one desired item on this host.
type Result struct {
	Key     desired.Key
	Objects []object.Object
	// Pending names what the item waits for ("device tap1 or an OVS interface with iface-id …"); empty when nothing is
	// missing. A pending result may still have objects: those that are right already.
	Pending string
	// Refused says why the item, or a part of it, cannot be on this host ("uplink eth0 carries the default route"). A refused port
	// or network has no objects. A host with a refused uplink still has its bridge and its other uplinks.
	Refused string
	// Device is the interface that a port has here; empty while it has none.
	Device string
	// Warnings say what looks wrong although nothing is missing.
	Warnings []object.Warning
	// Reads are everything that the result was made of, absence included, in no order. The result stays the same while none of it
	// changes.
	Reads []Read
	// Gateway says whether a centralized router is active here; nil for all other items.
	Gateway *GatewayRole
}

// GatewayRole is the role of a centralized router on this host, as far as it is known here. The switch itself decides it.
type GatewayRole struct {
	Active bool
	Reason string // in words
}

// Builder collects a result's objects, and the sentences about what is missing or wrong.
type Builder struct{ Result }

// Add adds an object to the result.
func (u *Builder) Add(o object.Object) { u.Objects = append(u.Objects, o) }

// Pend adds a sentence about what the item waits for.
func (u *Builder) Pend(format string, args ...any) {
	u.Pending = joinReason(u.Pending, fmt.Sprintf(format, args...))
}

// Refuse adds a sentence about why the item, or a part of it, cannot be on this host.
func (u *Builder) Refuse(format string, args ...any) {
	u.Refused = joinReason(u.Refused, fmt.Sprintf(format, args...))
}

// Warn adds a warning: something looks wrong although nothing is missing.
func (u *Builder) Warn(reason object.WarningReason, format string, args ...any) {
	u.Warnings = append(u.Warnings, object.Warning{Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// joinReason adds a sentence to others, unless it is there already.
func joinReason(have, more string) string {
	switch {
	case have == "":
		return more
	case slices.Contains(strings.Split(have, "; "), more):
		return have
	}
	return have + "; " + more
}

// Silence keeps the host's own network stack away from a device. It returns the key that must be in place before the device is
// brought up.
func (u *Builder) Silence(owner, device string) object.Key {
	s := &object.SilentDevice{OwnerUID: owner, Device: device}
	u.Add(s)
	return s.Key()
}
