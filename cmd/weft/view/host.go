package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// host is the view of hosts: how a host connects its guests and, wide, what it has claimed for routers.
func host() Kind {
	return Kind{
		Of: model.KindHost,
		Columns: []Column{
			{Header: "DRIVER", Cell: cell(hostDriver)},
			{Header: "BRIDGE", Cell: cell(hostBridge)},
			{Header: "UPLINKS", Cell: cell(uplinks)},
			{Header: "GROUP", Cell: cell(func(s *model.HostSpec, _ Entry) string { return s.Group })},
			{Header: "ROLES", Wide: cell(roles)},
			{Header: "ROUTER-MAC", Wide: func(e Entry) string { return e.Status.Allocated.MAC.String() }},
			{Header: "EXTERNAL", Wide: func(e Entry) string { return externalText(e.Status.Allocated.External) }},
		},
		Reads:     hostReads,
		Facts:     hostFacts,
		Protected: true,
	}
}

func hostDriver(s *model.HostSpec, _ Entry) string {
	if s.Driver == "" {
		return string(model.DriverOVS)
	}
	return string(s.Driver)
}

// hostBridge is the host's bridge of Open vSwitch; empty for other drivers.
func hostBridge(s *model.HostSpec, _ Entry) string {
	if s.Driver == model.DriverBridge {
		return ""
	}
	return s.BridgeName()
}

// uplinks is "physnet1=eth1,physnet2=eth2".
func uplinks(s *model.HostSpec, _ Entry) string {
	var parts []string
	for _, p := range s.PhysicalNetworks {
		parts = append(parts, p.Name+"="+p.Interface)
	}
	return strings.Join(parts, ",")
}

func roles(s *model.HostSpec, _ Entry) string {
	list := make([]string, len(s.Roles))
	for i, r := range s.Roles {
		list[i] = string(r)
	}
	return strings.Join(list, ",")
}

// hostReads are the centralized routers on a host with the role.
func hostReads(e Entry) Reads {
	if s, ok := e.Object.Spec.(*model.HostSpec); ok && slices.Contains(s.Roles, model.RoleGateway) {
		return Reads{Gateway: e.ID.Name}
	}
	return Reads{}
}

func hostFacts(e Entry, r Records, now time.Time) []Fact {
	facts := []Fact{{"mac", e.Status.Allocated.MAC.String()}}
	facts = append(facts, serviceFacts(e)...)
	facts = append(facts, externalFacts(e, "claimed for the routers on the host")...)
	for _, g := range r.Gateways {
		facts = append(facts, Fact{"gateway of", g.ID + ": " + gatewayText(g, now)})
	}
	return facts
}

// serviceFacts are the services of the host that its guests reach.
func serviceFacts(e Entry) (facts []Fact) {
	s, ok := e.Object.Spec.(*model.HostSpec)
	if !ok {
		return nil
	}
	for _, v := range s.Services {
		text := fmt.Sprintf("%s: port %d leads to %s", v.Name, v.Port, v.Target)
		if len(v.Projects) > 0 {
			text += " for projects " + strings.Join(v.Projects, ", ")
		}
		facts = append(facts, Fact{"service for guests", text})
	}
	return facts
}

// HostID is the ID of the host that a node is.
func HostID(node string) model.ID {
	return model.ID{Project: model.ClusterProject, Kind: model.KindHost, Name: node}
}

// HostIntents is the prefix of the intent of all hosts.
func HostIntents() etcdschema.Prefix {
	return etcdschema.IntentPrefix().OfKind(model.ClusterProject, model.KindHost)
}
