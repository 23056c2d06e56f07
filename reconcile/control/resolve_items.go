package control

import (
	"slices"

	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// host is the host's own item. prefix is the prefix of the MACs that the controllers choose.
func (s *reader) host(prefix [3]byte, a *etcdschema.Accepted) *desired.Host {
	spec := a.Object.Spec.(*model.HostSpec)
	h := &desired.Host{UID: a.UID, Name: a.Object.Metadata.Name, Driver: spec.Driver, Bridge: spec.Bridge}
	if h.Driver == "" {
		h.Driver = model.DriverOVS
	}
	if h.Bridge == "" {
		h.Bridge = model.DefaultBridge
	}
	h.RouterMAC = a.Allocated.MAC
	if prefix != defaultMACPrefix {
		copy(h.MACPrefix[:], prefix[:])
	}
	for _, p := range spec.PhysicalNetworks {
		h.Uplinks = append(h.Uplinks, desired.Uplink{
			PhysicalNetwork: p.Name, Interface: p.Interface, MTU: s.physicalMTU(p.Name),
		})
	}
	return h
}

func (s *reader) physicalMTU(name string) int {
	a := s.accepted(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: name})
	if a == nil || a.Object.Spec.(*model.PhysicalNetworkSpec).MTU == 0 {
		return model.DefaultMTU
	}
	return a.Object.Spec.(*model.PhysicalNetworkSpec).MTU
}

// network is the network's item on a node, with all defaults filled in. Items of different nodes differ only because of the routers
// there.
func (s *reader) network(name string, a *etcdschema.Accepted) *desired.Network {
	spec := a.Object.Spec.(*model.NetworkSpec)
	n := &desired.Network{
		UID: a.UID, Project: a.Object.Metadata.Project, Name: a.Object.Metadata.Name, Type: spec.Type,
		PhysicalNetwork: spec.PhysicalNetwork, SegmentationID: a.Allocated.SegmentationID,
		MTU: s.physicalMTU(spec.PhysicalNetwork),
		DHCP: desired.DHCP{
			DNSServers: spec.DHCP.DNSServers, NTPServers: spec.DHCP.NTPServers, Domain: spec.DHCP.Domain, Routes: spec.DHCP.Routes,
			LeaseSeconds: uint32(model.DefaultLeaseTime.Seconds()),
		},
	}
	if spec.MTU != 0 {
		n.MTU = min(n.MTU, spec.MTU)
	}
	n.DHCP.MTU = n.MTU
	if spec.DHCP.MTU != 0 {
		n.DHCP.MTU = min(n.MTU, spec.DHCP.MTU)
	}
	if t := spec.DHCP.LeaseTime.Duration; t > 0 {
		n.DHCP.LeaseSeconds = uint32(t.Seconds())
	}
	n.CentralMAC = s.centralMAC(name, a.UID)
	for _, sub := range spec.Subnets {
		d := desired.Subnet{CIDR: sub.CIDR, Gateway: sub.Gateway}
		if s.leads(name, a.UID) || !n.CentralMAC.IsZero() {
			d.Gateway = sub.ReservedGateway()
		}
		if i := slices.IndexFunc(a.Allocated.DHCPServers, func(d model.Address) bool { return sub.CIDR.Contains(d.Addr) }); i >= 0 {
			d.DHCPServer = a.Allocated.DHCPServers[i]
		}
		n.Subnets = append(n.Subnets, d)
	}
	if spec.External != nil && s.shares(name, a.UID) {
		n.Gateway = gatewayOn(a, s.externalAddresses(hostID(name), a.UID))
	}
	return n
}

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
	if p.Hostname == "" {
		p.Hostname = a.Object.Metadata.Name
	}
	return p
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
func (s *reader) unplaceable(host string, p *desired.Port, network *etcdschema.Accepted) string {
	a := s.accepted(hostID(host))
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
	if f, lacks := s.lacks(host, features(p, spec)...); lacks {
		return fmt.Sprintf("needs feature %s, which host %s does not have: upgrade weftd there", f, host)
	}
	return ""
}

// features are the features that a node needs for the port.
func features(p *desired.Port, n *model.NetworkSpec) []desired.Feature {
	var f []desired.Feature
	if n.Type == model.NetworkTypeVLAN {
		f = append(f, desired.FeatureVLAN)
	}
	if p.State == desired.StateStandby {
		f = append(f, desired.FeatureStandby)
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
