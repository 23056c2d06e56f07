package kind

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// gatewayMember is the member of the gateway hosts for a host.
func gatewayMember(host *etcdschema.Accepted) string {
	spec, _ := etcdschema.Encode(host.Object.Spec) // a spec that was decoded can be encoded
	sum := sha256.Sum256(append(spec, host.Allocated.MAC.String()+host.GatewaySecret...))
	return host.Object.Metadata.Name + "/" + string(sum[:])
}

// gateways are the names of the hosts with the role gateway, sorted.
func gateways(s *cache.Reader) []string {
	var names []string
	for member := range s.Members(gatewayRole, "") {
		name, _, _ := strings.Cut(member, "/")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// MayBeGateway says that centralized routers may be on the node: it is a gateway host, or no host of its name is accepted.
func MayBeGateway(c *cache.Cache, name string) bool {
	host := c.Accepted(model.HostID(name))
	return host == nil || slices.Contains(host.Object.Spec.(*model.HostSpec).Roles, model.RoleGateway)
}

// unfitGateway is unfit for one of the gateways. Only its features are recorded, because the group of them shows everything else.
func unfitGateway(s *cache.Reader, name, project string, router *model.RouterSpec, has bool) string {
	s.Lacks(name)
	return unfit(s.Quiet(), name, project, router, has)
}

func unfit(s *cache.Reader, name, project string, router *model.RouterSpec, has bool) string {
	host := s.Accepted(model.HostID(name))
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
	if why := unmapped(s, spec, router, project); why != "" {
		return why
	}
	features := routerFeatures(s, router, project, desired.FeatureRouter, desired.FeatureCentral)
	if f, lacks := s.Lacks(name, features...); lacks && (!has || s.Cache.NodeReport(name) != nil) {
		return fmt.Sprintf("needs feature %s, which it does not have: start weftd there, or upgrade it", f)
	}
	return ""
}

// unmapped says which of the router's networks the host does not reach; empty when it reaches all of them.
func unmapped(s *cache.Reader, host *model.HostSpec, router *model.RouterSpec, project string) string {
	for _, id := range networksWith(router, project) {
		n := s.Accepted(id)
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

// networksWith are the networks of a router, with its external one.
func networksWith(router *model.RouterSpec, project string) []model.ID {
	ids := router.NetworkIDs(project)
	if router.ExternalNetwork != "" {
		ids = append(ids, router.ExternalID(project))
	}
	return ids
}

// routerFeatures are the features that a node needs for the router's networks, and those given.
func routerFeatures(s *cache.Reader, router *model.RouterSpec, project string, more ...desired.Feature) []desired.Feature {
	for _, id := range networksWith(router, project) {
		if n := s.Accepted(id); n != nil {
			more = append(more, typeFeature(n.Object.Spec.(*model.NetworkSpec).Type))
		}
	}
	return more
}

// hostsNamed bounds how many hosts a reason names.
const hostsNamed = 5

// noGatewayHost says why no host has a centralized router.
func noGatewayHost(s *cache.Reader, project string, router *model.RouterSpec) string {
	names := gateways(s)
	if len(names) == 0 {
		return fmt.Sprintf("no host has the role %s: give spec.roles: [%s] to hosts that reach the router's networks", model.RoleGateway, model.RoleGateway)
	}
	text := ""
	for i, name := range names {
		if i == hostsNamed {
			text += fmt.Sprintf("; and %d more", len(names)-hostsNamed)
			break
		}
		text += fmt.Sprintf("; host %s %s", name, unfitGateway(s, name, project, router, false))
	}
	return fmt.Sprintf("no host with the role %s can have the router%s", model.RoleGateway, text)
}
