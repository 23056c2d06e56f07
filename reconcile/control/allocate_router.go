package control

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model"
)

// router claims its networks, because each is on one router only. For a centralized router it also claims its MAC and external
// addresses.
func (a *Allocation) router(s *model.RouterSpec) {
	for i, id := range s.NetworkIDs(a.id.Project) {
		if n := a.reader.accepted(id); n != nil {
			a.request(fmt.Sprintf("spec.networks[%d]", i), etcdschema.RouterNetworkClaim(n.UID), id.String())
		}
	}
	a.claimPrefixes(s)
	if s.Mode() == model.GatewayCentralized {
		a.central(s)
	}
}

// routerOf is the accepted router that the network is on; nil when it is on none.
func (c *Cache) routerOf(network string) *etcdschema.Accepted {
	cl, ok := c.claim(etcdschema.RouterNetworkClaim(network))
	if !ok {
		return nil
	}
	a := c.accepted[c.ids[cl.Owner]]
	if a == nil {
		return nil
	}
	if _, is := a.Object.Spec.(*model.RouterSpec); !is {
		return nil
	}
	return a
}

// keepRouted refuses changes that would make routers or floating addresses of the network invalid. They were accepted with the
// network as it was.
func (a *Allocation) keepRouted(s *model.NetworkSpec) {
	if a.previous == nil || a.previous.UID != a.uid {
		return
	}
	if was := a.previous.Object.Spec.(*model.NetworkSpec); reflect.DeepEqual(was.Subnets, s.Subnets) && reflect.DeepEqual(was.External, s.External) {
		return
	}
	a.claimForRouter(s)
	a.keepApart(s)
	lookup := func(id model.ID) (model.Object, bool) {
		if id == a.id {
			return a.object, true
		}
		if acc := a.reader.accepted(id); acc != nil {
			return acc.Object, true
		}
		return model.Object{}, true
	}
	for _, id := range sortedIDs(a.reader.users(a.id)) {
		if id.Kind != model.KindRouter && id.Kind != model.KindFloatingIP {
			continue
		}
		if errs := model.ValidateRefs(a.reader.accepted(id).Object, lookup); len(errs) > 0 {
			a.condition.invalid("spec", fmt.Sprintf("would make %s wrong (%s: %s): change that one first", id, errs[0].Field, errs[0].Message))
		}
	}
}

// host claims what the host needs for the distributed routers on it: a MAC for their frames on the physical network, and an address
// of each family on each of their external networks. When something is not available, the host is accepted nevertheless, and the
// routers wait.
func (a *Allocation) host(s *model.HostSpec) {
	externals := map[string]*etcdschema.Accepted{}
	routed := slices.Contains(s.Roles, model.RoleGateway) && s.Driver != model.DriverBridge // its peers identify it by this MAC
	for uid := range a.reader.guests(a.id.Name) {
		router := a.reader.routerOf(uid)
		if router == nil || isCentral(router) || a.reader.unroutable(a.id.Name, s, router) != "" {
			continue
		}
		routed = true
		if x := a.reader.externalOf(router); x != nil {
			externals[x.UID] = x
		}
	}
	if !routed {
		return
	}
	if !a.ownMAC() {
		return
	}
	for _, uid := range slices.Sorted(maps.Keys(externals)) {
		if a.unbound() >= hostShare && len(a.cache.externalAddresses(a.id, uid)) == 0 {
			a.touch(a.id) // the rest follows in another transaction; the routers wait
			continue
		}
		a.ownAddresses(externals[uid])
	}
}

// hostShare bounds the claims that a host makes in one transaction, because it may be on any number of external networks.
const hostShare = 40

// unbound counts the claims that the allocation wants and that the object does not have yet.
func (a *Allocation) unbound() int {
	n := 0
	for k := range a.wanted {
		if _, has := a.reader.owned(a.uid)[k]; !has {
			n++
		}
	}
	return n
}

// ownMAC chooses the MAC of a host or router: the one it has, one that it released a short while ago, or a free one.
func (a *Allocation) ownMAC() bool {
	if a.previous == nil || a.previous.Allocated.MAC.IsZero() {
		a.previousMAC()
	}
	return !a.result.MAC.IsZero() || a.chooseMAC()
}

// ownAddresses chooses the addresses of a host or router on an external network, as far as any are available.
func (a *Allocation) ownAddresses(x *etcdschema.Accepted) {
	at := etcdschema.ExternalAddresses{UID: x.UID, Network: x.Object.Metadata.Project + "/" + x.Object.Metadata.Name}
	for _, v6 := range []bool{false, true} {
		if addr, ok := a.ownAddress(x, v6); ok {
			at.Addresses = append(at.Addresses, addr)
		}
	}
	if len(at.Addresses) > 0 {
		a.result.External = append(a.result.External, at)
	}
}

// previousMAC takes back a MAC that was released a short while ago.
func (a *Allocation) previousMAC() {
	for _, k := range slices.SortedFunc(maps.Keys(a.reader.owned(a.uid)), compareKeys) {
		if m, ok := etcdschema.ParseMACClaim(k); ok {
			a.result.MAC = m
			a.want(k)
			return
		}
	}
}

// ownAddress chooses the address of one family of a host or router on an external network: the one it has, one that it released a
// short while ago, or a free one.
func (a *Allocation) ownAddress(x *etcdschema.Accepted, v6 bool) (model.Address, bool) {
	subnets := subnetsOf(x.Object.Spec.(*model.NetworkSpec), v6)
	if len(subnets) == 0 {
		return model.Address{}, false
	}
	if a.previous != nil && a.previous.UID == a.uid {
		for _, had := range a.previous.Allocated.External {
			for _, addr := range had.Addresses {
				k := etcdschema.AddressClaim(x.UID, addr)
				inside := slices.ContainsFunc(subnets, func(s model.Subnet) bool { return s.CIDR.Contains(addr.Addr) })
				if had.UID == x.UID && inside && a.keeps(k) {
					a.want(k)
					return addr, true
				}
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(a.reader.owned(a.uid)), compareKeys) {
		uid, addr, ok := etcdschema.ParseAddressClaim(k)
		if ok && uid == x.UID && slices.ContainsFunc(subnets, func(s model.Subnet) bool { return s.CIDR.Contains(addr.Addr) }) {
			a.want(k)
			return addr, true
		}
	}
	for _, s := range subnets {
		if addr, ok := a.freeAddress(x.UID, s, ""); ok {
			a.want(etcdschema.AddressClaim(x.UID, addr))
			return addr, true
		}
	}
	a.reader.exhausted(x.UID)
	return model.Address{}, false
}

// externalOf is the router's external network; nil when it has none, or none that is accepted.
func (s *reader) externalOf(router *etcdschema.Accepted) *etcdschema.Accepted {
	spec := router.Object.Spec.(*model.RouterSpec)
	if spec.ExternalNetwork == "" {
		return nil
	}
	x := s.accepted(spec.ExternalID(router.Object.Metadata.Project))
	if x == nil || x.Object.Spec.(*model.NetworkSpec).External == nil {
		return nil
	}
	return x
}

// externalAddresses are what the host or router has on the external network.
func (c *Cache) externalAddresses(id model.ID, network string) []model.Address {
	a := c.accepted[id]
	if a == nil {
		return nil
	}
	for _, x := range a.Allocated.External {
		if x.UID == network {
			return x.Addresses
		}
	}
	return nil
}

// prefixIn is the address with the prefix length of its subnet, and this subnet.
func prefixIn(s *model.NetworkSpec, a model.Address) (netip.Prefix, model.Subnet, bool) {
	i := s.SubnetOf(a)
	if i < 0 {
		return netip.Prefix{}, model.Subnet{}, false
	}
	return netip.PrefixFrom(a.Addr, s.Subnets[i].CIDR.Bits()), s.Subnets[i], true
}
