package model

import "strings"

// KindRouter is the kind of objects with a RouterSpec.
const KindRouter Kind = "Router"

// RouterKind is the row of the kind in AllKinds.
func RouterKind() KindInfo {
	return KindInfo{Kind: KindRouter, New: func() Spec { return &RouterSpec{} }}
}

// RouterSpec declares a router between networks of one project, with a connection to an external network.
type RouterSpec struct {
	// Networks are names of networks of the same project. A network is on at most one router. In each of its subnets the router has
	// the address Subnet.ReservedGateway.
	Networks []string `json:"networks"`
	// ExternalNetwork is the name of an external network of the same project, or "project/name"; empty for a router without one.
	ExternalNetwork string `json:"externalNetwork,omitempty"`
	// Gateway says where the router is; GatewayDistributed when empty.
	Gateway GatewayMode `json:"gateway,omitempty"`
	// Limits bound what passes between the router and ExternalNetwork. They need ExternalNetwork, and each host with a distributed
	// router counts by itself.
	Limits RateLimits `json:"limits,omitzero"`
}

// GatewayMode says which hosts have a router.
type GatewayMode string

// The gateway modes.
const (
	// GatewayDistributed: every host with a guest of the router's networks is the gateway of its own guests. The default.
	GatewayDistributed GatewayMode = "distributed"
	// GatewayCentralized: hosts with RoleGateway are the gateway of all guests, one at a time.
	GatewayCentralized GatewayMode = "centralized"
	// GatewayNone: the networks are reserved for the router, and nothing is wired.
	GatewayNone GatewayMode = "none"
)

// Kind implements Spec.
func (*RouterSpec) Kind() Kind { return KindRouter }

// References implements Spec: the project, the networks and the external network.
func (s *RouterSpec) References(project string) []Reference {
	refs := []Reference{{"metadata.project", ID{ClusterProject, KindProject, project}}}
	for i, n := range s.Networks {
		refs = append(refs, Reference{item("spec.networks", i), ID{project, KindNetwork, n}})
	}
	if s.ExternalNetwork != "" {
		refs = append(refs, Reference{"spec.externalNetwork", s.ExternalID(project)})
	}
	return refs
}

// ExternalID resolves ExternalNetwork against the router's own project. It must be set.
func (s *RouterSpec) ExternalID(project string) ID { return networkID(project, s.ExternalNetwork) }

// NetworkIDs lists the networks between which the router routes, in the order of the spec.
func (s *RouterSpec) NetworkIDs(project string) []ID {
	ids := make([]ID, len(s.Networks))
	for i, n := range s.Networks {
		ids[i] = ID{project, KindNetwork, n}
	}
	return ids
}

// Mode is the gateway mode, with the default filled in.
func (s *RouterSpec) Mode() GatewayMode {
	if s.Gateway == "" {
		return GatewayDistributed
	}
	return s.Gateway
}

// networkID resolves a network's name, or "project/name", against a project.
func networkID(project, ref string) ID {
	if p, n, ok := strings.Cut(ref, "/"); ok {
		return ID{p, KindNetwork, n}
	}
	return ID{project, KindNetwork, ref}
}
