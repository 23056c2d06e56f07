package kind

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// updateRouter updates the router on a node with the networks that it needs there, and starts its neighbours.
func updateRouter(e *Evaluation, name string, k desired.Key) error {
	was, _ := cache.ValueOf[*desired.Router](e.Cache.Item(name, k))
	router, is, why := routerFor(e, name, k)
	e.Schedule.SetReason(k.UID, name, why)
	if is == nil {
		e.Tx.RemoveItem(name, k)
	} else if _, err := e.Tx.PutItem(name, is); err != nil {
		return err
	}
	e.statusOf(k.UID)
	if was != nil || is != nil {
		beginHost(e, name)
	}
	for _, uid := range networksAround(e, router, was, is) {
		if err := e.Schedule.Evaluate(e.Tx, cache.ItemWork(name, desired.Key{Kind: desired.KindNetwork, UID: uid})); err != nil {
			return err
		}
	}
	beginNeighbors(e, name, is)
	return nil
}

// routerFor returns the router of an item on a node, and what the item must be. The item is nil when it must not exist. why says
// what is not as it should be.
func routerFor(e *Evaluation, name string, k desired.Key) (router *etcdschema.Accepted, is *desired.Router, why string) {
	router = e.WithUID(k.UID)
	if router == nil || router.Object.ID().Kind != model.KindRouter {
		e.Forget() // the router starts the item when it is accepted
		return nil, nil, ""
	}
	e.Accepted(router.Object.ID())
	if !wantsRouter(e.Reader, name, router) {
		return router, nil, untold(e.Reader, name, router)
	}
	is, why = resolveRouter(e, name, router)
	if why != "" {
		return router, is, fmt.Sprintf("is not on host %s: %s", name, why)
	}
	if is == nil {
		return router, nil, untold(e.Reader, name, router)
	}
	if is.Limits, why = rateLimitsOn(e.Reader, name, router.Object.Spec.(*model.RouterSpec).Limits); why != "" {
		why = "its limit " + why
	}
	return router, is, why
}

// resolveRouter makes the router's item on a node, or says why there is none.
func resolveRouter(e *Evaluation, name string, router *etcdschema.Accepted) (*desired.Router, string) {
	host := e.Accepted(model.HostID(name))
	if host == nil {
		return nil, fmt.Sprintf("host %s does not exist or is not accepted yet", name)
	}
	if isCentral(router) {
		if _, why := centralLacks(e.Reader, router); why != "" {
			return nil, "" // the router's own condition has the reason
		}
		if why := unfit(e.Reader, name, router.Object.Metadata.Project, router.Object.Spec.(*model.RouterSpec), true); why != "" {
			return nil, why
		}
	} else if why := unroutable(e.Reader, name, host.Object.Spec.(*model.HostSpec), router); why != "" {
		return nil, why
	}
	if prefix, lacks := unclaimedPrefix(e.Reader, router); lacks {
		return nil, fmt.Sprintf("the router has no claim of %s", prefix)
	}
	item := &desired.Router{UID: router.UID, Project: router.Object.Metadata.Project, Name: router.Object.Metadata.Name}
	if !isCentral(router) {
		if why := hostReady(e, name, host, router, item); why != "" {
			beginHost(e, name)
			return nil, why
		}
	}
	s := router.Object.Spec.(*model.RouterSpec)
	for _, id := range s.NetworkIDs(item.Project) {
		a := e.Accepted(id)
		if routerOf(e.Reader, a.UID) != router {
			return nil, fmt.Sprintf("%s is not its own on its present incarnation", id)
		}
		one := desired.RouterInterface{Network: a.UID, Addresses: []netip.Prefix{}}
		for _, sub := range a.Object.Spec.(*model.NetworkSpec).Subnets {
			one.Addresses = append(one.Addresses, netip.PrefixFrom(sub.ReservedGateway().Addr, sub.CIDR.Bits()))
		}
		item.Interfaces = append(item.Interfaces, one)
	}
	slices.SortFunc(item.Interfaces, func(a, b desired.RouterInterface) int { return strings.Compare(a.Network, b.Network) })
	if isCentral(router) {
		resolveCentral(e.Reader, router, item)
	}
	return item, ""
}

// hostReady fills in the external network as soon as the host has what a router needs there. Otherwise it says what is missing.
func hostReady(e *Evaluation, name string, host, router *etcdschema.Accepted, item *desired.Router) string {
	if host.Allocated.MAC.IsZero() {
		return fmt.Sprintf("waits for a MAC of host %s", name)
	}
	x := externalOf(e.Reader, router)
	if x == nil {
		return ""
	}
	item.External = x.UID
	if lack := lacking(x, externalAddresses(e.Reader, model.HostID(name), x.UID)); lack != nil {
		return fmt.Sprintf("waits for an address of host %s in %s of %s: when none is free, add a subnet or an allocation pool", name, claim.CIDRs(lack), x.Object.ID())
	}
	return ""
}

// networksAround are the networks whose items on the node must be evaluated together with the router: those of its item, old and
// new. For a centralized router these are also the networks of all its interfaces, because of the guests there.
func networksAround(e *Evaluation, router *etcdschema.Accepted, was, is *desired.Router) []string {
	list := networksOf(was, is)
	if router == nil || !isCentral(router) {
		return list
	}
	for _, id := range router.Object.Spec.(*model.RouterSpec).NetworkIDs(router.Object.Metadata.Project) {
		if a := e.Cache.Accepted(id); a != nil && !slices.Contains(list, a.UID) {
			list = append(list, a.UID)
		}
	}
	return list
}

// networksOf are the uids of all networks that the given items of a router name.
func networksOf(items ...*desired.Router) []string {
	set := map[string]struct{}{}
	for _, it := range items {
		if it == nil {
			continue
		}
		for _, one := range it.Interfaces {
			set[one.Network] = struct{}{}
		}
		if it.External != "" {
			set[it.External] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(set))
}
