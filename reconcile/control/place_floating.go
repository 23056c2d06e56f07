package control

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// floating claims the floating address. It also claims the guest's address behind it, unless another floating address has that
// claim.
func (a *Allocation) floating(s *model.FloatingIPSpec) {
	x := a.reader.accepted(s.NetworkID(a.id.Project))
	if x == nil {
		return // reported with the references
	}
	if s.Address.IsValid() {
		a.result.Addresses = []model.Address{s.Address}
		a.request("spec.address", etcdschema.AddressClaim(x.UID, s.Address), "address "+s.Address.String())
	} else {
		a.floatingAddress(s, x)
	}
	if s.Port == "" || len(a.result.Addresses) == 0 {
		return
	}
	port := a.reader.accepted(model.ID{Project: a.id.Project, Kind: model.KindPort, Name: s.Port})
	if port == nil {
		return
	}
	network := a.reader.accepted(port.Object.Spec.(*model.PortSpec).NetworkID(a.id.Project))
	fixed, ok := fixedAddress(port, s.FixedAddress, a.result.Addresses[0])
	if network == nil || !ok {
		return
	}
	k := etcdschema.FixedClaim(network.UID, fixed)
	if _, blocked := a.conflict(k); blocked {
		a.reader.inTheWay(k)
		return
	}
	a.want(k)
}

// floatingAddress keeps the address or takes the lowest free one. Its family is that of the declared fixed address. Without one it
// is IPv4, if the network has IPv4.
func (a *Allocation) floatingAddress(s *model.FloatingIPSpec, x *etcdschema.Accepted) {
	spec := x.Object.Spec.(*model.NetworkSpec)
	v4, v6 := pooled(subnetsOf(spec, false), s.Pool), pooled(subnetsOf(spec, true), s.Pool)
	if spec.External == nil || spec.External.Mode() == model.ExternalIPv6Routed {
		v6 = nil
	}
	subnets := v4
	fixed := s.FixedAddress
	for _, f := range s.PortForwards {
		if f.FixedAddress.IsValid() {
			fixed = f.FixedAddress
		}
	}
	if fixed.IsValid() && fixed.Is6() || !fixed.IsValid() && len(v4) == 0 {
		subnets = v6
	}
	if len(subnets) == 0 && s.Pool != "" {
		a.condition.invalid("spec.pool",
			fmt.Sprintf("the pool %s of %s has no floating addresses of the family: use a pool that has some", s.Pool, x.Object.ID()))
		return
	}
	if len(subnets) == 0 {
		a.condition.invalid("spec.network",
			fmt.Sprintf("%s has no subnet for floating addresses of the family: use a network that has one", x.Object.ID()))
		return
	}
	a.oneAddress("spec.address", x.UID, subnets, s.Pool)
}

// pooled returns the subnets that have a pool of this name; all of them when no pool is named.
func pooled(subnets []model.Subnet, pool string) []model.Subnet {
	if pool == "" {
		return subnets
	}
	return slices.DeleteFunc(subnets, func(s model.Subnet) bool { return len(s.Pools(pool)) == 0 })
}

// fixedAddress is the port's address that a floating address leads to.
func fixedAddress(port *etcdschema.Accepted, wanted, floating model.Address) (model.Address, bool) {
	for _, a := range port.Allocated.Addresses {
		if wanted.IsValid() && a == wanted || !wanted.IsValid() && a.Is4() == floating.Is4() {
			return a, true
		}
	}
	return model.Address{}, false
}

// end is the guest to which a floating address leads.
type end struct {
	node   string // of the guest
	router string // uid
	port   string // uid
	fixed  model.Address
	// at names, for people, where the address is translated. hosts are the hosts of that: the host of the guest, or the hosts of a
	// centralized router.
	at    string
	hosts []string
}

// resolveFloating returns the item and its nodes. The item is nil when the address leads nowhere; the condition then says why.
func (p *planner) resolveFloating(acc *etcdschema.Accepted, cond *condition) ([]string, *desired.FloatingIP) {
	s := acc.Object.Spec.(*model.FloatingIPSpec)
	project := acc.Object.Metadata.Project
	x := p.reader.accepted(s.NetworkID(project))
	if x == nil || len(acc.Allocated.Addresses) == 0 || s.Port == "" && len(s.PortForwards) == 0 {
		return nil, nil
	}
	addr := acc.Allocated.Addresses[0]
	if !p.reader.owns(acc.UID, etcdschema.AddressClaim(x.UID, addr)) {
		cond.pending("spec.address", fmt.Sprintf("is wired nowhere: %s is not its own on the present incarnation of the network", addr))
		return nil, nil
	}
	item := &desired.FloatingIP{UID: acc.UID, Project: project, Name: acc.Object.Metadata.Name, Network: x.UID, Address: addr}
	if s.Port != "" {
		e, why := p.endOf(model.ID{Project: project, Kind: model.KindPort, Name: s.Port}, s.FixedAddress, addr, x, cond)
		if why == "" {
			why = p.sharedFixed(acc, e)
		}
		if why != "" {
			cond.pending("spec.port", why)
			return nil, nil
		}
		item.Router, item.Port, item.Fixed = e.router, e.port, e.fixed
		return e.hosts, item
	}
	return p.resolveForwards(item, s, x, cond)
}

func (p *planner) resolveForwards(
	item *desired.FloatingIP, s *model.FloatingIPSpec, x *etcdschema.Accepted, cond *condition,
) ([]string, *desired.FloatingIP) {
	var first end
	whole := true
	for i, f := range s.PortForwards {
		e, why := p.endOf(model.ID{Project: item.Project, Kind: model.KindPort, Name: f.Target}, f.FixedAddress, item.Address, x, cond)
		if why == "" && first.at != "" && first.at != e.at {
			why = fmt.Sprintf("Port %s/%s is on %s, that of another forward on %s: all forwards of one address lead to one host, or through one centralized router", item.Project, f.Target, e.at, first.at)
		}
		if why != "" {
			cond.pending(fmt.Sprintf("spec.portForwards[%d].target", i), why)
			whole = false
			continue
		}
		first = e
		item.Forwards = append(item.Forwards, desired.Forward{
			Protocol: string(f.Protocol), First: f.Port.First, Last: f.Port.Last, Router: e.router, Port: e.port, To: e.fixed, ToFirst: f.To(),
		})
	}
	if !whole {
		return nil, nil
	}
	return first.hosts, item
}

// sharedFixed says that another floating address has the guest's address; empty when this one has it.
func (p *planner) sharedFixed(acc *etcdschema.Accepted, e end) string {
	item, _ := entryValue[*desired.Port](p.cache.node(e.node).items[desired.Key{Kind: desired.KindPort, UID: e.port}])
	k := etcdschema.FixedClaim(item.Network, e.fixed)
	if p.reader.owns(acc.UID, k) {
		return ""
	}
	cl, _ := p.cache.claim(k)
	other := "another floating address"
	if id, known := p.cache.ids[cl.Owner]; known {
		other = id.String()
	}
	return fmt.Sprintf("%s is what %s stands for: use another address of the port, or change that one first", e.fixed, other)
}

// endOf finds the guest, or says why no traffic can be sent there.
func (p *planner) endOf(id model.ID, wanted, floating model.Address, x *etcdschema.Accepted, cond *condition) (end, string) {
	port := p.reader.accepted(id)
	if port == nil {
		return end{}, fmt.Sprintf("%s does not exist or is not accepted yet", id)
	}
	s := port.Object.Spec.(*model.PortSpec)
	network := p.reader.accepted(s.NetworkID(id.Project))
	fixed, has := fixedAddress(port, wanted, floating)
	switch {
	case !has && wanted.IsValid():
		return end{}, fmt.Sprintf("%s does not have the address %s", id, wanted)
	case !has:
		return end{}, fmt.Sprintf("%s has no address of the family of %s", id, floating)
	case network == nil:
		return end{}, fmt.Sprintf("the network of %s is not accepted", id)
	}
	router := p.reader.routerOf(network.UID)
	switch {
	case router == nil:
		return end{}, fmt.Sprintf("%s of %s is on no router: put it on one that leads to %s", network.Object.ID(), id, x.Object.ID())
	case p.reader.externalOf(router) != x:
		return end{}, fmt.Sprintf("%s, on which %s of %s is, does not lead to %s", router.Object.ID(), network.Object.ID(), id, x.Object.ID())
	case s.Host == "":
		return end{}, fmt.Sprintf("%s has no host", id)
	}
	e := end{node: activeHost(port), router: router.UID, port: port.UID, fixed: fixed}
	why := p.endReady(&e, id, router, x, cond)
	return e, why
}

// endReady fills in where the address is translated, or says why it cannot be translated yet.
func (p *planner) endReady(e *end, id model.ID, router, x *etcdschema.Accepted, cond *condition) string {
	rk, pk := desired.Key{Kind: desired.KindRouter, UID: e.router}, desired.Key{Kind: desired.KindPort, UID: e.port}
	hosts, at, missing := []string{e.node}, "host "+e.node, "on host "+e.node
	if isCentral(router) {
		hosts, at, missing = router.Allocated.GatewayHosts, router.Object.ID().String(), "on any gateway host"
	}
	e.at, e.hosts = at, nil
	for _, name := range hosts {
		item, ok := entryValue[*desired.Router](p.reader.item(name, rk))
		if ok && item.External == x.UID && (item.Central != nil) == isCentral(router) {
			e.hosts = append(e.hosts, name)
		}
	}
	if len(e.hosts) == 0 {
		return fmt.Sprintf("%s is not %s: see its status", router.Object.ID(), missing)
	}
	item, ok := entryValue[*desired.Port](p.reader.item(e.node, pk))
	if !ok || item.State != desired.StateActive || !slices.Contains(item.Addresses, e.fixed) {
		return fmt.Sprintf("%s is not on host %s yet: see its status", id, e.node)
	}
	return ""
}
