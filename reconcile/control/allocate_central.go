package control

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

func isCentral(router *etcdschema.Accepted) bool {
	return router.Object.Spec.(*model.RouterSpec).Mode() == model.GatewayCentralized
}

// central claims the MAC and the external addresses of a centralized router, and chooses its hosts. When something is not
// available, the router is accepted nevertheless, and waits (see reader.centralLacks).
func (a *Allocation) central(s *model.RouterSpec) {
	a.result.GatewayHosts = a.gatewayHosts(s)
	if !a.ownMAC() || s.ExternalNetwork == "" {
		return
	}
	if x := a.reader.accepted(s.ExternalID(a.id.Project)); x != nil {
		a.ownAddresses(x)
	}
}

// gatewayHosts are the hosts that have the router. First come those that had it and still can have it, in their order. Then come
// others by rendezvous hashing, so that routers are distributed over the hosts. A host that is only silent keeps its place.
func (a *Allocation) gatewayHosts(s *model.RouterSpec) []string {
	var list []string
	if a.previous != nil && a.previous.UID == a.uid {
		for _, name := range a.previous.Allocated.GatewayHosts {
			if a.cache.unfit(name, a.id.Project, s, true) == "" {
				list = append(list, name)
			}
		}
	}
	var fit []string
	for name := range a.reader.gateways() {
		if !slices.Contains(list, name) && a.cache.unfit(name, a.id.Project, s, false) == "" {
			fit = append(fit, name)
		}
	}
	slices.SortFunc(fit, func(x, y string) int {
		return cmp.Or(cmp.Compare(rendezvous(a.uid, y), rendezvous(a.uid, x)), cmp.Compare(x, y))
	})
	return append(list, fit[:min(len(fit), desired.MaxGatewayPeers-min(len(list), desired.MaxGatewayPeers))]...)
}

// rendezvous is the weight of a host for a router. The host with the highest weight comes first.
func rendezvous(uid, host string) uint64 {
	sum := sha256.Sum256([]byte(uid + " " + host))
	return binary.BigEndian.Uint64(sum[:])
}

// unfit says why the host cannot be a gateway host of a router; empty when it can. A host that has the router already keeps it
// while it has reported nothing.
func (c *Cache) unfit(name, project string, router *model.RouterSpec, has bool) string {
	return (&reader{cache: c}).unfit(name, project, router, has)
}

func (s *reader) unfit(name, project string, router *model.RouterSpec, has bool) string {
	host := s.accepted(hostID(name))
	if host == nil {
		return "does not exist"
	}
	spec := host.Object.Spec.(*model.HostSpec)
	switch {
	case !slices.Contains(spec.Roles, model.RoleGateway):
		return fmt.Sprintf("does not have the role %s: give it spec.roles: [%s]", model.RoleGateway, model.RoleGateway)
	case spec.Driver == model.DriverBridge:
		return fmt.Sprintf("has driver %s: centralized routers need hosts with driver %s", model.DriverBridge, model.DriverOVS)
	case host.Allocated.MAC.IsZero():
		return "waits for a MAC of its own"
	}
	if why := s.unmapped(spec, router, project); why != "" {
		return why
	}
	n := s.cache.nodes[name]
	if f, lacks := s.lacks(name, desired.FeatureRouter, desired.FeatureCentral); lacks && (!has || n != nil && n.report != nil) {
		return fmt.Sprintf("needs feature %s, which it does not have: start weftd there, or upgrade it", f)
	}
	return ""
}

// unmapped says which of the router's networks the host does not reach; empty when it reaches all of them.
func (s *reader) unmapped(host *model.HostSpec, router *model.RouterSpec, project string) string {
	ids := router.NetworkIDs(project)
	if router.ExternalNetwork != "" {
		ids = append(ids, router.ExternalID(project))
	}
	for _, id := range ids {
		n := s.accepted(id)
		if n == nil {
			return fmt.Sprintf("%s is not accepted", id)
		}
		physical := n.Object.Spec.(*model.NetworkSpec).PhysicalNetwork
		if !slices.ContainsFunc(host.PhysicalNetworks, func(m model.HostPhysicalNetwork) bool { return m.Name == physical }) {
			return fmt.Sprintf("has no interface on physical network %s, which carries %s", physical, id)
		}
	}
	return ""
}

// noGatewayHost says why no host has a centralized router.
func (s *reader) noGatewayHost(project string, router *model.RouterSpec) string {
	names := s.gateways()
	if len(names) == 0 {
		return fmt.Sprintf("no host has the role %s: give spec.roles: [%s] to hosts that reach the router's networks", model.RoleGateway, model.RoleGateway)
	}
	text := ""
	for i, name := range slices.Sorted(maps.Keys(names)) {
		if i == troubles {
			text += fmt.Sprintf("; and %d more", len(names)-troubles)
			break
		}
		text += fmt.Sprintf("; host %s %s", name, s.cache.unfit(name, project, router, false)) // a change of the group evaluates this again
	}
	return fmt.Sprintf("no host with the role %s can have the router%s", model.RoleGateway, text)
}
