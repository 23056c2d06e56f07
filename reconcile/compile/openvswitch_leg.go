package compile

import (
	"cmp"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Features of the legs' flow sets. A router has one set for each of its networks.
const (
	featureLeg         = "leg/"
	FeatureExternalLeg = "external-leg"
)

// FeatureLeg is the feature of the flow set of a router's leg on a network.
func FeatureLeg(networkUID string) string { return featureLeg + networkUID }

// Leg joins a router's veth to one of its networks: an OVS port in the dead VLAN, and flows when the port has a number.
func (OpenVSwitch) Leg(b *Builder, s Site, n *desired.Network, leg Leg) Plug {
	wire := s.networkState(s.Host, n)
	plug := Plug{Device: leg.Device, Netdev: true, Announce: []object.Key{flowSetKey(s.Host.Bridge, leg.OwnerUID, FeatureLeg(n.UID))}}
	plug.Open = s.plugLeg(b, leg, FeatureLeg(n.UID), func(ofport uint32) []object.Flow {
		return legFlows(n, wire, leg, ofport, object.MAC(s.Host.RouterMAC))
	})
	return plug
}

// ExternalLeg joins an external namespace's veth to its network.
func (OpenVSwitch) ExternalLeg(b *Builder, s Site, n *desired.Network, leg Leg) Plug {
	wire := s.networkState(s.Host, n)
	plug := Plug{Device: leg.Device, Netdev: true}
	feature := cmp.Or(leg.Feature, FeatureExternalLeg)
	if leg.Gate != nil && leg.Gate.Closed != "" {
		s.plugLeg(b, leg, feature, nil)
		b.Pend("%s", leg.Gate.Closed)
		return plug
	}
	plug.Open = s.plugLeg(b, leg, feature, func(ofport uint32) []object.Flow {
		if leg.Gate == nil {
			return externalLegFlows(wire.number, leg, ofport)
		}
		return centralLegFlows(wire.number, leg, ofport)
	})
	plug.Announce = []object.Key{
		flowSetKey(s.Host.Bridge, leg.OwnerUID, feature), flowSetKey(s.Host.Bridge, n.UID, FeatureNetwork),
	}
	if wire.uplinkPort != 0 {
		plug.Uplink = wire.device
	}
	return plug
}

// plugLeg adds the OVS port and the flow set of a leg. It returns whether the leg has a number and therefore flows. A leg without
// flows is plugged and mute.
func (s Site) plugLeg(b *Builder, leg Leg, feature string, flows func(ofport uint32) []object.Flow) bool {
	h := s.Host
	if s.bridgeRefusal(h) != "" {
		b.Pend("waits for the host's bridge")
		return false
	}
	port := &object.OVSPort{OwnerUID: leg.OwnerUID, Bridge: h.Bridge, Device: leg.Device, Tag: object.DeadVLAN, MAC: leg.MAC.String(),
		After: []object.Key{leg.Veth}}
	b.Add(port)
	ofport := s.legPort(leg.Device)
	if ofport == 0 {
		i, _ := s.read.Interface(leg.Device)
		b.Pend("waits for an OpenFlow port number of %s%s", leg.Device, because(i.Error))
		return false
	}
	if flows == nil {
		return false
	}
	b.Add(&object.FlowSet{
		OwnerUID: leg.OwnerUID, Bridge: h.Bridge, Feature: feature, Cookie: Cookie(leg.OwnerUID, feature), Flows: flows(ofport),
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge), port.Key()},
	})
	return true
}

// legPort is the OpenFlow port number of a leg that Weft has plugged into the host's bridge; 0 while it has none.
func (s Site) legPort(device string) uint32 {
	i, ok := s.read.Interface(device)
	if !ok || i.Bridge != s.Host.Bridge || !i.Created {
		return 0
	}
	return usableOFPort(i)
}
