package kind

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

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

// placeFloating puts the floating address on its nodes. When it leads to no guest, it is on no node.
func placeFloating(p *Placement) error {
	hosts, item := resolveFloating(p)
	items := map[string]desired.Item{}
	if item != nil {
		for _, name := range hosts {
			items[name] = limitedFloating(p, name, item)
		}
	}
	return p.Put(desired.KindFloatingIP, items)
}

// limitedFloating is the item of a node with the limits that hold there.
func limitedFloating(p *Placement, name string, item *desired.FloatingIP) *desired.FloatingIP {
	limits, lack := rateLimitsOn(p.Reader, name, p.accepted.Object.Spec.(*model.FloatingIPSpec).Limits)
	if lack != "" {
		p.Pending("spec.limits", lack)
	}
	limited := *item
	limited.Limits = limits
	return &limited
}

// resolveFloating returns the item and its nodes. The item is nil when the address leads nowhere; the condition then says why.
func resolveFloating(p *Placement) ([]string, *desired.FloatingIP) {
	acc, r := p.accepted, p.Reader
	s := acc.Object.Spec.(*model.FloatingIPSpec)
	project := acc.Object.Metadata.Project
	x := r.Accepted(s.NetworkID(project))
	if x == nil || len(acc.Allocated.Addresses) == 0 || s.Port == "" && len(s.PortForwards) == 0 {
		return nil, nil
	}
	addr := acc.Allocated.Addresses[0]
	if !r.Owns(acc.UID, etcdschema.AddressClaim(x.UID, addr)) {
		p.Pending("spec.address", fmt.Sprintf("is wired nowhere: %s is not its own on the present incarnation of the network", addr))
		return nil, nil
	}
	item := &desired.FloatingIP{UID: acc.UID, Project: project, Name: acc.Object.Metadata.Name, Network: x.UID, Address: addr}
	if s.Port != "" {
		to, why := endOf(r, model.ID{Project: project, Kind: model.KindPort, Name: s.Port}, s.FixedAddress, addr, x)
		if why == "" {
			why = sharedFixed(r, acc, to)
		}
		if why != "" {
			p.Pending("spec.port", why)
			return nil, nil
		}
		item.Router, item.Port, item.Fixed = to.router, to.port, to.fixed
		return to.hosts, item
	}
	return resolveForwards(p, item, s, x)
}

// resolveForwards adds the port forwards to the item. All of them must lead to one host, or through one centralized router.
func resolveForwards(
	p *Placement, item *desired.FloatingIP, s *model.FloatingIPSpec, x *etcdschema.Accepted,
) ([]string, *desired.FloatingIP) {
	var first end
	whole := true
	for i, f := range s.PortForwards {
		to, why := endOf(p.Reader, model.ID{Project: item.Project, Kind: model.KindPort, Name: f.Target}, f.FixedAddress, item.Address, x)
		if why == "" && first.at != "" && first.at != to.at {
			why = fmt.Sprintf("Port %s/%s is on %s, that of another forward on %s: all forwards of one address lead to one host, or through one centralized router", item.Project, f.Target, to.at, first.at)
		}
		if why != "" {
			p.Pending(fmt.Sprintf("spec.portForwards[%d].target", i), why)
			whole = false
			continue
		}
		first = to
		item.Forwards = append(item.Forwards, desired.Forward{
			Protocol: string(f.Protocol), First: f.Port.First, Last: f.Port.Last, Router: to.router, Port: to.port, To: to.fixed, ToFirst: f.To(),
		})
	}
	if !whole {
		return nil, nil
	}
	return first.hosts, item
}

// sharedFixed says that another floating address has the guest's address; empty when this one has it.
func sharedFixed(r *cache.Reader, acc *etcdschema.Accepted, to end) string {
	item, _ := cache.ValueOf[*desired.Port](r.Cache.Item(to.node, desired.Key{Kind: desired.KindPort, UID: to.port}))
	k := etcdschema.FixedClaim(item.Network, to.fixed)
	if r.Owns(acc.UID, k) {
		return ""
	}
	cl, _ := r.Cache.Claim(k)
	other := "another floating address"
	if id, known := r.Cache.ID(cl.Owner); known {
		other = id.String()
	}
	return fmt.Sprintf("%s is what %s stands for: use another address of the port, or change that one first", to.fixed, other)
}

// endOf finds the guest, or says why no traffic can be sent there.
func endOf(r *cache.Reader, id model.ID, wanted, floating model.Address, x *etcdschema.Accepted) (end, string) {
	port := r.Accepted(id)
	if port == nil {
		return end{}, fmt.Sprintf("%s does not exist or is not accepted yet", id)
	}
	s := port.Object.Spec.(*model.PortSpec)
	network := r.Accepted(s.NetworkID(id.Project))
	fixed, has := fixedAddress(port, wanted, floating)
	switch {
	case !has && wanted.IsValid():
		return end{}, fmt.Sprintf("%s does not have the address %s", id, wanted)
	case !has:
		return end{}, fmt.Sprintf("%s has no address of the family of %s", id, floating)
	case network == nil:
		return end{}, fmt.Sprintf("the network of %s is not accepted", id)
	}
	router := routerOf(r, network.UID)
	switch {
	case router == nil:
		return end{}, fmt.Sprintf("%s of %s is on no router: put it on one that leads to %s", network.Object.ID(), id, x.Object.ID())
	case externalOf(r, router) != x:
		return end{}, fmt.Sprintf("%s, on which %s of %s is, does not lead to %s", router.Object.ID(), network.Object.ID(), id, x.Object.ID())
	case s.Host == "":
		return end{}, fmt.Sprintf("%s has no host", id)
	}
	to := end{node: activeHost(port), router: router.UID, port: port.UID, fixed: fixed}
	why := endReady(r, &to, id, router, x)
	return to, why
}

// endReady fills in where the address is translated, or says why it cannot be translated yet.
func endReady(r *cache.Reader, to *end, id model.ID, router, x *etcdschema.Accepted) string {
	rk, pk := desired.Key{Kind: desired.KindRouter, UID: to.router}, desired.Key{Kind: desired.KindPort, UID: to.port}
	hosts, at, missing := []string{to.node}, "host "+to.node, "on host "+to.node
	if isCentral(router) {
		hosts, at, missing = router.Allocated.GatewayHosts, router.Object.ID().String(), "on any gateway host"
	}
	to.at, to.hosts = at, nil
	for _, name := range hosts {
		item, ok := cache.ValueOf[*desired.Router](r.Item(name, rk))
		if ok && item.External == x.UID && (item.Central != nil) == isCentral(router) {
			to.hosts = append(to.hosts, name)
		}
	}
	if len(to.hosts) == 0 {
		return fmt.Sprintf("%s is not %s: see its status", router.Object.ID(), missing)
	}
	item, ok := cache.ValueOf[*desired.Port](r.Item(to.node, pk))
	if !ok || item.State != desired.StateActive || !slices.Contains(item.Addresses, to.fixed) {
		return fmt.Sprintf("%s is not on host %s yet: see its status", id, to.node)
	}
	return ""
}
