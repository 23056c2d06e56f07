package fake

import (
	"slices"

	"weft/hostnet/object"
)

// inFilter says that an object is in the table of security groups, besides the table itself.
func inFilter(o object.Object) bool {
	switch o.(type) {
	case *object.FilterNetwork, *object.FilterPort, *object.FilterGroup, *object.FilterMembers:
		return true
	}
	return false
}

// putFilter is an object of the table of security groups as it is read back. The kernel gives no owners, and only the version of rules.
func putFilter(want object.Object) object.Object {
	switch o := want.(type) {
	case *object.BridgeFilter:
		return &object.BridgeFilter{Rules: o.Rules}
	case *object.FilterNetwork:
		return &object.FilterNetwork{Bridge: o.Bridge, Zone: o.Zone, Router: o.Router}
	case *object.FilterPort:
		return &object.FilterPort{Device: o.Device, Groups: o.Groups, Fault: o.Fault}
	case *object.FilterGroup:
		return &object.FilterGroup{Number: o.Number, Version: o.Version}
	case *object.FilterMembers:
		return &object.FilterMembers{Group: o.Group, Bridge: o.Bridge, Router: o.Router, Shard: o.Shard, Members: o.Members}
	}
	return want
}

// filterNeeds says why the kernel does not remove an object: chains of ports still lead to the group. It is empty if nothing does.
func (h *Host) filterNeeds(k object.Key) string {
	group, ok := h.objects[k].(*object.FilterGroup)
	if !ok {
		return ""
	}
	for _, o := range h.objects {
		if p, ok := o.(*object.FilterPort); ok && slices.Contains(p.Groups, group.Number) {
			return "chains of " + p.Device + " lead to it"
		}
	}
	return ""
}
