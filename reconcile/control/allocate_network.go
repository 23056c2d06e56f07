package control

import (
	"fmt"
	"net/netip"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claimed"
)

// network claims the segment and, in each subnet, the addresses of the gateway and of the DHCP server.
func (a *Allocation) network(s *model.NetworkSpec) {
	physical := a.reader.accepted(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: s.PhysicalNetwork})
	if physical == nil {
		return // the check of the references reports it
	}
	a.segment(s, physical.Object.Spec.(*model.PhysicalNetworkSpec))
	for i, sub := range s.Subnets {
		gw := sub.ReservedGateway()
		a.request(fmt.Sprintf("spec.subnets[%d].gateway", i), etcdschema.AddressClaim(a.uid, gw), "gateway address "+gw.String())
	}
	for i, sub := range s.Subnets {
		if sub.CIDR.Addr().Is4() {
			a.dhcpServer(fmt.Sprintf("spec.subnets[%d].dhcpServer", i), sub)
		}
	}
	if guard := etcdschema.RoutedPrefixGuard(a.uid); a.reader.owns(a.uid, guard) {
		a.want(guard)
	}
	a.keepUsed(s)
	a.keepRouted(s)
}

func (a *Allocation) segment(s *model.NetworkSpec, physical *model.PhysicalNetworkSpec) {
	key := func(v uint16) etcdschema.Key { return etcdschema.SegmentClaim(s.PhysicalNetwork, v) }
	if s.SegmentationID != 0 {
		a.result.SegmentationID = s.SegmentationID
		a.request("spec.segmentationID", key(s.SegmentationID),
			fmt.Sprintf("VLAN %d of physical network %s", s.SegmentationID, s.PhysicalNetwork))
		return
	}
	if a.previous != nil && a.previous.Allocated.SegmentationID != 0 && a.keeps(key(a.previous.Allocated.SegmentationID)) {
		a.result.SegmentationID = a.previous.Allocated.SegmentationID
		a.want(key(a.result.SegmentationID))
		return
	}
	used := a.cache.segmentsOf(s.PhysicalNetwork)
	var free []uint16
	for _, r := range physical.VLANRanges {
		free = append(free, used.Free(r.Minimum, r.Maximum, a.choice()-len(free))...)
	}
	if len(free) == 0 {
		a.reader.exhausted(segmentSpace(s.PhysicalNetwork))
		a.condition.pending("spec.segmentationID",
			fmt.Sprintf("physical network %s has no free VLAN id left: widen its vlanRanges", s.PhysicalNetwork))
		return
	}
	a.result.SegmentationID = free[a.settings.Random()%uint64(len(free))]
	a.want(key(a.result.SegmentationID))
}

// choice is the number of free values from which one is chosen at random. Normally it is 1, the lowest value. After a lost race it
// is larger.
func (p *planner) choice() int {
	if p.spread {
		return 64
	}
	return 1
}

// segmentSpace names the VLAN ids of a physical network, as a space that may be exhausted.
func segmentSpace(physicalNetwork string) string { return "segment/" + physicalNetwork }

// dhcpServer keeps the server's address, or chooses a free one. An address that is not declared must be one that the subnet allots.
// Others may belong to machines that nobody declares, for example the own address of an upstream router beside its virtual one.
func (a *Allocation) dhcpServer(field string, s model.Subnet) {
	key := func(addr model.Address) etcdschema.Key { return etcdschema.AddressClaim(a.uid, addr) }
	if s.DHCPServer.IsValid() {
		a.result.DHCPServers = append(a.result.DHCPServers, s.DHCPServer)
		a.request(field, key(s.DHCPServer), "DHCP server address "+s.DHCPServer.String())
		return
	}
	if a.previous != nil {
		for _, addr := range a.previous.Allocated.DHCPServers {
			_, taken := a.wanted[key(addr)]
			if s.CIDR.Contains(addr.Addr) && s.Allots("", addr) && a.keeps(key(addr)) && !taken {
				a.result.DHCPServers = append(a.result.DHCPServers, addr)
				a.want(key(addr))
				return
			}
		}
	}
	if len(s.AllocationPools) > 0 && len(s.Pools("")) == 0 {
		return // the pools are for floating addresses only: nobody asks for a lease there
	}
	if addr, ok := a.freeServer(s); ok {
		a.result.DHCPServers = append(a.result.DHCPServers, addr)
		a.want(key(addr))
		return
	}
	a.reader.exhausted(a.uid)
	what := s.CIDR.String()
	if len(s.AllocationPools) > 0 {
		what = "the allocation pools of " + what
	}
	a.condition.pending(field,
		fmt.Sprintf("no address of %s is free for the DHCP server: widen the pools, remove a port, or name an address here", what))
}

// freeServer is a free address for a DHCP server. In a subnet without pools it is the first one after the gateway. In a subnet with
// pools it is the last one of them, because people who choose the addresses of ports by hand start at the beginning.
func (a *Allocation) freeServer(s model.Subnet) (model.Address, bool) {
	used := a.cache.addressesOf(a.uid)
	unclaimed := func(addr netip.Addr) bool {
		return a.unclaimed(etcdschema.AddressClaim(a.uid, model.Address{Addr: addr}))
	}
	if len(s.AllocationPools) == 0 {
		block := hosts(s.CIDR.Prefix)
		for _, r := range []claimed.Range{{First: s.ReservedGateway().Next(), Last: block.Last}, block} {
			addr, ok := used.Free(r.First, r.Last)
			for ok && !unclaimed(addr) { // this network wants it for a gateway
				addr, ok = used.Free(addr.Next(), r.Last)
			}
			if ok {
				return model.Address{Addr: addr}, true
			}
		}
		return model.Address{}, false
	}
	for _, r := range slices.Backward(pools(s, "")) {
		addr, ok := used.LastFree(r.First, r.Last)
		for ok && !unclaimed(addr) {
			addr, ok = used.LastFree(r.First, addr.Prev())
		}
		if ok {
			return model.Address{Addr: addr}, true
		}
	}
	return model.Address{}, false
}

// keepUsed refuses to remove a subnet in which ports or floating addresses still have addresses.
func (a *Allocation) keepUsed(s *model.NetworkSpec) {
	if a.previous == nil || a.previous.UID != a.uid {
		return
	}
	old := a.previous.Object.Spec.(*model.NetworkSpec)
	for _, sub := range old.Subnets {
		if slices.ContainsFunc(s.Subnets, func(n model.Subnet) bool { return covers(n, sub) }) {
			continue
		}
		if id, addr, ok := a.userOf(sub, s); ok {
			a.condition.invalid("spec.subnets",
				fmt.Sprintf("subnet %s is gone, but %s still has %s of it: change or delete that one first", sub.CIDR, id, addr))
		}
	}
}

func covers(n, old model.Subnet) bool {
	return n.CIDR.Bits() <= old.CIDR.Bits() && n.CIDR.Contains(old.CIDR.Addr())
}

// userOf finds a port or a floating address whose address in the subnet is in no subnet of the new spec.
func (a *Allocation) userOf(sub model.Subnet, now *model.NetworkSpec) (model.ID, model.Address, bool) {
	for id := range a.reader.users(a.id) {
		p := a.reader.accepted(id)
		switch spec := p.Object.Spec.(type) {
		case *model.PortSpec:
			if spec.NetworkID(id.Project) != a.id {
				continue
			}
		case *model.FloatingIPSpec:
		default:
			continue
		}
		for _, addr := range p.Allocated.Addresses {
			if sub.CIDR.Contains(addr.Addr) && now.SubnetOf(addr) < 0 {
				return id, addr, true
			}
		}
	}
	return model.ID{}, model.Address{}, false
}
