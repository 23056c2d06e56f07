package compile

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Features of flow sets, the second half of their cookies.
const (
	FeatureBridge  = "bridge"
	FeatureNetwork = "network"
	FeaturePort    = "port"
)

// host compiles the bridge, the uplinks and the flows that all guests share.
func (c compiler) host(u *unitBuilder, h *desired.Host) {
	if why := c.bridgeRefusal(h); why != "" {
		u.refuse("%s", why)
		return
	}
	u.add(&object.Bridge{
		OwnerUID: h.UID, Name: h.Bridge, DatapathType: c.facts.DatapathType, FailMode: "secure",
		Protocols: object.BridgeProtocols(), Fragments: object.FragmentsNXMatch,
		// In-band control would put hidden flows before ours.
		Settings: []object.Setting{{Key: "disable-in-band", Value: "true"}},
	})
	var ports []uint32
	for i := range h.Uplinks {
		up := c.uplink(h, i)
		switch {
		case up.refused != "":
			u.refuse("%s", up.refused)
			continue
		case up.missing:
			u.pend("%s", up.pending)
			continue
		case up.pending != "":
			u.pend("%s", up.pending)
		}
		c.addUplink(u, h, h.Uplinks[i])
		if up.ofport != 0 {
			ports = append(ports, up.ofport)
		}
	}
	u.add(&object.FlowSet{
		OwnerUID: h.UID, Bridge: h.Bridge, Feature: FeatureBridge, Cookie: Cookie(h.UID, FeatureBridge),
		Flows: bridgeFlows(ports),
	})
}

// addUplink adds one uplink's port and link. A NIC with a larger MTU than its physical network's keeps it.
func (c compiler) addUplink(u *unitBuilder, h *desired.Host, up desired.Uplink) {
	port := &object.Uplink{OwnerUID: h.UID, Bridge: h.Bridge, Device: up.Interface, PhysicalNetwork: up.PhysicalNetwork}
	u.add(port)
	u.add(&object.Link{
		OwnerUID: h.UID, Name: up.Interface, Up: true,
		MTU:   max(up.MTU, c.facts.Links[up.Interface].MTU),
		After: []object.Key{port.Key()},
	})
}

// bridgeRefusal says why the host cannot have its bridge; empty when it can.
func (c compiler) bridgeRefusal(h *desired.Host) string {
	if h.Driver != model.DriverOVS && h.Driver != "" {
		return "driver " + quote(string(h.Driver)) + " is not known to this version"
	}
	if why := deviceNameFault(h.Bridge); why != "" {
		return "bridge " + quote(h.Bridge) + " " + why
	}
	if why, foreign := c.facts.ForeignBridges[h.Bridge]; foreign {
		return "bridge " + h.Bridge + " is not Weft's: " + why
	}
	return ""
}

// flowSetKey is the key of an owner's flow set on the bridge.
func flowSetKey(bridge, ownerUID, feature string) object.Key {
	return object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(bridge, Cookie(ownerUID, feature))}
}
