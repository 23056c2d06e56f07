package planner

import (
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// routerOfNetwork is the accepted router that the network is on.
func (s *sim) routerOfNetwork(network string) *etcdschema.Accepted {
	cl, _ := s.cache().Claim(etcdschema.RouterNetworkClaim(network))
	if a := s.cache().WithUID(cl.Owner); a != nil && a.Object.Kind == model.KindRouter {
		return a
	}
	return nil
}

// needed says that an item of the node, besides the network itself and its neighbours, names the network.
func (s *sim) needed(node, network string) bool {
	for _, e := range s.cache().Node(node).Items {
		switch v := e.Value.(type) {
		case *desired.Port:
			if v.Network == network {
				return true
			}
		case *desired.Router:
			if v.External == network || slices.ContainsFunc(v.Interfaces, func(l desired.RouterInterface) bool { return l.Network == network }) {
				return true
			}
		}
	}
	return false
}

// gatewayNames are the names of the hosts with the role gateway, sorted.
func (s *sim) gatewayNames() []string {
	var names []string
	for id, a := range s.cache().AllAccepted() {
		if h, ok := a.Object.Spec.(*model.HostSpec); ok && slices.Contains(h.Roles, model.RoleGateway) {
			names = append(names, id.Name)
		}
	}
	slices.Sort(names)
	return names
}

// fits says that the host can be a gateway host of a router of project alpha. One that has the router already keeps it while it has
// reported nothing.
func (s *sim) fits(name string, router *model.RouterSpec, has bool) bool {
	host := s.cache().Accepted(model.HostID(name))
	if host == nil || host.Allocated.MAC.IsZero() {
		return false
	}
	h := host.Object.Spec.(*model.HostSpec)
	if !slices.Contains(h.Roles, model.RoleGateway) || h.Driver == model.DriverBridge {
		return false
	}
	for _, id := range append(router.NetworkIDs("alpha"), router.ExternalID("alpha")) {
		network := s.cache().Accepted(id)
		if network == nil {
			return false
		}
		physical := network.Object.Spec.(*model.NetworkSpec).PhysicalNetwork
		if !slices.ContainsFunc(h.PhysicalNetworks, func(m model.HostPhysicalNetwork) bool { return m.Name == physical }) {
			return false
		}
	}
	report := s.cache().NodeReport(name)
	if report == nil {
		return has
	}
	return slices.Contains(report.Features, desired.FeatureRouter) && slices.Contains(report.Features, desired.FeatureCentral)
}

// portDevice is the guest's netdev of a port that names neither device nor interface id.
func portDevice(a *etcdschema.Accepted) string {
	if a.Allocated.Device != "" {
		return a.Allocated.Device
	}
	id := a.UID
	if strings.Count(a.Object.Metadata.Name, "-") == 4 { // a uuid
		id = a.Object.Metadata.Name
	}
	return "tap" + id[:11]
}
