package kind

import (
	"fmt"
	"net/netip"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/claimed"
)

// claimNetwork claims the segment and, in each subnet, the addresses of the gateway and of the DHCP server.
func claimNetwork(a *claim.Allocation, s *model.NetworkSpec) {
	physical := a.Accepted(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: s.PhysicalNetwork})
	if physical == nil {
		return // the check of the references reports it
	}
	isolateRecognisable(a, s)
	refuseManaged(a, s)
	claimSegment(a, s, physical.Object.Spec.(*model.PhysicalNetworkSpec))
	for i, sub := range s.Subnets {
		claimGateway(a, s.Subnets[:i], fmt.Sprintf("spec.subnets[%d].gateway", i), sub.ReservedGateway())
	}
	for i, sub := range s.Subnets {
		if sub.CIDR.Addr().Is4() {
			claimDHCPServer(a, fmt.Sprintf("spec.subnets[%d].dhcpServer", i), sub)
		}
	}
	for _, guard := range []etcdschema.Key{etcdschema.RoutedPrefixGuard(a.UID), etcdschema.AddressPoolGuard(a.UID)} {
		if a.Owns(a.UID, guard) {
			a.Want(guard)
		}
	}
	keepUsed(a, s)
	keepRouted(a, s)
}

// claimGateway claims the address of a subnet's gateway, so that no guest gets it. Subnets may share a gateway that is outside of them.
// Nobody claims link-local addresses: no guest is given one.
func claimGateway(a *claim.Allocation, before []model.Subnet, field string, gw model.Address) {
	if !gw.IsValid() || gw.IsLinkLocalUnicast() || slices.ContainsFunc(before, func(s model.Subnet) bool { return s.Gateway == gw }) {
		return
	}
	a.Claim(field, etcdschema.AddressClaim(a.UID, gw), "gateway address "+gw.String())
}

// claimSegment claims the VLAN id that the spec names, the one that the network has, or a free one. A flat network claims the untagged
// frames of the physical network. When a network's type changes, what it had is released into the hold time.
func claimSegment(a *claim.Allocation, s *model.NetworkSpec, physical *model.PhysicalNetworkSpec) {
	key := func(v uint16) etcdschema.Key { return etcdschema.SegmentClaim(s.PhysicalNetwork, v) }
	if s.Type == model.NetworkTypeFlat {
		a.Claim("spec.physicalNetwork", key(0), fmt.Sprintf("the untagged segment of physical network %s", s.PhysicalNetwork))
		return
	}
	if s.SegmentationID != 0 {
		a.Result.SegmentationID = s.SegmentationID
		a.Claim("spec.segmentationID", key(s.SegmentationID),
			fmt.Sprintf("VLAN %d of physical network %s", s.SegmentationID, s.PhysicalNetwork))
		return
	}
	if a.Previous != nil && a.Previous.Allocated.SegmentationID != 0 && a.Keeps(key(a.Previous.Allocated.SegmentationID)) {
		a.Result.SegmentationID = a.Previous.Allocated.SegmentationID
		a.Want(key(a.Result.SegmentationID))
		return
	}
	free, ok := a.FreeSegment(s.PhysicalNetwork, physical.VLANRanges)
	if !ok {
		a.Pending("spec.segmentationID",
			fmt.Sprintf("physical network %s has no free VLAN id left: widen its vlanRanges", s.PhysicalNetwork))
		return
	}
	a.Result.SegmentationID = free
	a.Want(key(free))
}

// claimDHCPServer keeps the server's address, or chooses a free one. An address that is not declared must be one that the subnet allots and
// that no address pool excludes. Others may belong to machines that nobody declares, for example the own address of an upstream router
// beside its virtual one.
func claimDHCPServer(a *claim.Allocation, field string, s model.Subnet) {
	key := func(addr model.Address) etcdschema.Key { return etcdschema.AddressClaim(a.UID, addr) }
	if s.ServerOutside() {
		return // the address is no network's own
	}
	if s.DHCPServer.IsValid() {
		a.Result.DHCPServers = append(a.Result.DHCPServers, s.DHCPServer)
		a.Claim(field, key(s.DHCPServer), "DHCP server address "+s.DHCPServer.String())
		return
	}
	excluded := excludedOn(a.Reader, a.ID)
	if a.Previous != nil {
		for _, addr := range a.Previous.Allocated.DHCPServers {
			_, taken := a.Wanted[key(addr)]
			taken = taken || slices.ContainsFunc(excluded, func(r claimed.Range) bool { return r.Contains(addr.Addr) })
			if s.CIDR.Contains(addr.Addr) && s.Allots("", addr) && a.Keeps(key(addr)) && !taken {
				a.Result.DHCPServers = append(a.Result.DHCPServers, addr)
				a.Want(key(addr))
				return
			}
		}
	}
	if len(s.AllocationPools) > 0 && len(s.Pools("")) == 0 {
		return // the pools are for floating addresses only: nobody asks for a lease there
	}
	if addr, ok := freeServer(a, s, excluded); ok {
		a.Result.DHCPServers = append(a.Result.DHCPServers, addr)
		a.Want(key(addr))
		return
	}
	a.Exhausted(a.UID)
	what := s.CIDR.String()
	if len(s.AllocationPools) > 0 {
		what = "the allocation pools of " + what
	}
	a.Pending(field,
		fmt.Sprintf("no address of %s is free for the DHCP server: widen the pools, remove a port, or name an address here", what))
}

// freeServer is a free address for a DHCP server. In a subnet without pools it is the first one after the gateway. In a subnet with
// pools it is the last one of them, because people who choose the addresses of ports by hand start at the beginning.
func freeServer(a *claim.Allocation, s model.Subnet, excluded []claimed.Range) (model.Address, bool) {
	used, pairs := a.Cache.Addresses(a.UID), a.Cache.Pairs(a.UID)
	unclaimed := func(addr netip.Addr) bool {
		return a.Unclaimed(etcdschema.AddressClaim(a.UID, model.Address{Addr: addr}))
	}
	if len(s.AllocationPools) == 0 {
		block := claim.Hosts(s)
		after := block
		if gw := s.ReservedGateway(); s.CIDR.Contains(gw.Addr) {
			after.First = gw.Next()
		}
		for _, r := range append(claimed.Without([]claimed.Range{after}, excluded), claimed.Without([]claimed.Range{block}, excluded)...) {
			addr, ok := claimed.Free(used, pairs, r.First, r.Last)
			for ok && !unclaimed(addr) { // this network wants it for a gateway
				addr, ok = claimed.Free(used, pairs, addr.Next(), r.Last)
			}
			if ok {
				return model.Address{Addr: addr}, true
			}
		}
		return model.Address{}, false
	}
	pools := claim.Pools(s, "")
	if len(excluded) > 0 {
		pools = claimed.Without(pools, excluded)
	}
	for _, r := range slices.Backward(pools) {
		addr, ok := claimed.LastFree(used, pairs, r.First, r.Last)
		for ok && !unclaimed(addr) {
			addr, ok = claimed.LastFree(used, pairs, r.First, addr.Prev())
		}
		if ok {
			return model.Address{Addr: addr}, true
		}
	}
	return model.Address{}, false
}
