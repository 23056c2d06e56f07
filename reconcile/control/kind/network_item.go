package kind

import (
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// resolveNetwork makes the network's item on a node, with all defaults filled in. Items of different nodes differ only because of the routers
// there.
func resolveNetwork(s *cache.Reader, name string, a *etcdschema.Accepted) *desired.Network {
	spec := a.Object.Spec.(*model.NetworkSpec)
	n := &desired.Network{
		UID: a.UID, Project: a.Object.Metadata.Project, Name: a.Object.Metadata.Name, Type: spec.Type,
		PhysicalNetwork: spec.PhysicalNetwork, SegmentationID: a.Allocated.SegmentationID,
		MTU: spec.EffectiveMTU(physicalMTU(s, spec.PhysicalNetwork)),
		DHCP: desired.DHCP{
			DNSServers: spec.DHCP.DNSServers, NTPServers: spec.DHCP.NTPServers, Domain: spec.DHCP.Domain, Routes: spec.DHCP.Routes,
			LeaseSeconds: uint32(model.DefaultLeaseTime.Seconds()),
		},
	}
	n.DHCP.MTU = spec.GuestMTU(n.MTU)
	if t := spec.DHCP.LeaseTime.Duration; t > 0 {
		n.DHCP.LeaseSeconds = uint32(t.Seconds())
	}
	n.CentralMAC = centralMAC(s, name, a.UID)
	n.IsolateGuests, n.RouterMACs = spec.IsolateGuests, routersToIsolated(s, a)
	n.AddressPairs = pairsOn(s, name, a.UID)
	for _, sub := range spec.Subnets {
		d := desired.Subnet{CIDR: sub.CIDR, Gateway: sub.Gateway}
		if leads(s, name, a.UID) || !n.CentralMAC.IsZero() {
			d.Gateway = sub.ReservedGateway()
		}
		if sub.ServerOutside() {
			d.DHCPServer = model.ServiceIPv4
		}
		if i := slices.IndexFunc(a.Allocated.DHCPServers, func(d model.Address) bool { return sub.CIDR.Contains(d.Addr) }); i >= 0 {
			d.DHCPServer = a.Allocated.DHCPServers[i]
		}
		n.Subnets = append(n.Subnets, d)
	}
	if tracks(s, name, a.UID) {
		if router := routerOf(s, a.UID); router != nil {
			n.Router = router.UID
		}
	}
	if spec.External != nil && shares(s, name, a.UID) {
		n.Gateway = gatewayOn(a, externalAddresses(s, model.HostID(name), a.UID))
	}
	return n
}
