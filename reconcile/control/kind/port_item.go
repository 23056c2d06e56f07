package kind

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// resolvePort is the port's item on a node on which it has this state.
func resolvePort(a *etcdschema.Accepted, networkUID string, state desired.State) *desired.Port {
	s := a.Object.Spec.(*model.PortSpec)
	p := &desired.Port{
		UID: a.UID, Project: a.Object.Metadata.Project, Name: a.Object.Metadata.Name, Network: networkUID,
		MAC: a.Allocated.MAC, Addresses: a.Allocated.Addresses, Hostname: s.Hostname, State: state,
		InterfaceID: interfaceID(s, a.Object.Metadata.Name, a.UID),
	}
	if m := a.Migration; m != nil && !m.Activated && state == desired.StateStandby {
		p.Migration = m.Number
	}
	p.Device = deviceName(a, p.InterfaceID)
	p.HostNet = hostNetOf(s.HostNet, p.Device, p.MAC)
	if p.Hostname == "" {
		p.Hostname = a.Object.Metadata.Name
	}
	return p
}

// limitsOf are the limits that count for a port. It reads the port's project.
func limitsOf(r *cache.Reader, a, network *etcdschema.Accepted) desired.PortLimits {
	var project model.PortLimits
	if p := r.Accepted(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: a.Object.Metadata.Project}); p != nil {
		project = p.Object.Spec.(*model.ProjectSpec).PortLimits
	}
	l := model.EffectivePortLimits(a.Object.Spec.(*model.PortSpec).Limits, network.Object.Spec.(*model.NetworkSpec).PortLimits, project)
	return desired.PortLimits{Ingress: limitOf(l.Ingress), Egress: limitOf(l.Egress), Broadcast: broadcastOf(l.Broadcast)}
}

// broadcastOf is the limit of what a port sends to many; zero when none is set, so that the host's default counts.
func broadcastOf(l *model.BroadcastLimit) desired.BroadcastLimit {
	if l == nil {
		return desired.BroadcastLimit{}
	}
	return desired.BroadcastLimit{PacketRate: uint32(l.PacketRate), BurstPackets: uint32(l.BurstPackets), Unlimited: l.Unlimited}
}

// limitOf is the limit of one direction; zero when there is none, or when it is lifted.
func limitOf(l *model.PortLimit) desired.RateLimit {
	if l == nil {
		return desired.RateLimit{}
	}
	return desired.RateLimit{RateKbps: uint32(l.RateKbps), BurstKbit: uint32(l.BurstKbit), PacketRate: uint32(l.PacketRate)}
}

// placements are the nodes of a port with its state there. After a guest has arrived on another host, a standby port stays on the
// old host until the spec names the new one. The node's mass-change protection might hold a removal. It does not hold a change to
// standby, which makes the port mute.
func placements(a *etcdschema.Accepted) map[string]desired.State {
	s := a.Object.Spec.(*model.PortSpec)
	nodes := map[string]desired.State{}
	for _, name := range []string{s.MigrateTo, s.Host} {
		if name != "" {
			nodes[name] = desired.StateStandby
		}
	}
	if host := activeHost(a); host != "" {
		nodes[host] = desired.StateActive
	}
	return nodes
}

// unplaceable says why the port cannot be written to a node config; empty when it can.
func unplaceable(s *cache.Reader, host string, p *desired.Port, network *etcdschema.Accepted) string {
	a := s.Accepted(model.HostID(host))
	if a == nil {
		return fmt.Sprintf("host %s does not exist or is not accepted yet", host)
	}
	spec := network.Object.Spec.(*model.NetworkSpec)
	mapped := false
	for _, m := range a.Object.Spec.(*model.HostSpec).PhysicalNetworks {
		mapped = mapped || m.Name == spec.PhysicalNetwork
	}
	if !mapped {
		return fmt.Sprintf("host %s has no interface on physical network %s", host, spec.PhysicalNetwork)
	}
	if f, lacks := s.Lacks(host, features(p, spec)...); lacks {
		return fmt.Sprintf("needs feature %s, which host %s does not have: upgrade weftd there", f, host)
	}
	return ""
}

// features are the features that a node needs for the port.
func features(p *desired.Port, n *model.NetworkSpec) []desired.Feature {
	f := []desired.Feature{typeFeature(n.Type)}
	if n.IsolateGuests {
		f = append(f, desired.FeatureIsolation)
	}
	if slices.ContainsFunc(n.Subnets, func(s model.Subnet) bool { return s.OnLinkGateway() || s.ServerOutside() }) {
		f = append(f, desired.FeatureOnLink)
	}
	if p.State == desired.StateStandby {
		f = append(f, desired.FeatureStandby)
	}
	if p.Limits.Rates() != (desired.RateLimits{}) {
		f = append(f, desired.FeatureLimits)
	}
	if p.Limits.Broadcast != (desired.BroadcastLimit{}) {
		f = append(f, desired.FeatureBroadcastLimit)
	}
	if len(p.SecurityGroups) > 0 {
		f = append(f, desired.FeatureSecurityGroups)
	}
	if len(p.AddressPairs) > 0 {
		f = append(f, desired.FeatureAddressPairs)
	}
	if p.HostNet != (desired.HostNet{}) {
		f = append(f, desired.FeatureHostNet)
	}
	var v4, v6 bool
	for _, a := range p.Addresses {
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
	}
	if v4 {
		f = append(f, desired.FeatureDHCPv4)
	}
	if v6 {
		f = append(f, desired.FeatureDHCPv6, desired.FeatureRA)
	}
	return f
}

// typeFeature is the feature that a node needs for networks of the type.
func typeFeature(t model.NetworkType) desired.Feature {
	if t == model.NetworkTypeFlat {
		return desired.FeatureFlat
	}
	return desired.FeatureVLAN
}

// migration is the migration that the spec of next asks for, nil when it asks for none. A migration that has started continues
// until the spec names other hosts. When the guest has announced itself on the new host, it has arrived. This is recorded with its
// consequences and never evaluated again. A node that forgets it, or a later leader, changes nothing.
func migration(r *cache.Reader, previous, next *etcdschema.Accepted) *etcdschema.Migration {
	s, ok := next.Object.Spec.(*model.PortSpec)
	if !ok || s.Host == "" || s.MigrateTo == "" {
		return nil
	}
	m := etcdschema.Migration{From: s.Host, To: s.MigrateTo, Number: next.IntentRevision}
	if previous != nil && previous.UID == next.UID && previous.Migration != nil &&
		previous.Migration.From == m.From && previous.Migration.To == m.To {
		m = *previous.Migration
	}
	m.Activated = m.Activated || r.Activated(m.To, next.UID) == m.Number
	return &m
}

// activeHost is the host on which a port's guest runs: that of its spec, or the one at which it has arrived. It is empty for a port
// without host and for objects of other kinds.
func activeHost(a *etcdschema.Accepted) string {
	s, ok := a.Object.Spec.(*model.PortSpec)
	switch {
	case !ok:
		return ""
	case a.Migration != nil && a.Migration.Activated:
		return a.Migration.To
	}
	return s.Host
}
