package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// maxHosts bounds how many hosts a cell names.
const maxHosts = 4

// router is the view of routers: their networks and hosts and, wide, the address with which guests leave from each host.
func router() Kind {
	return Kind{
		Of: model.KindRouter,
		Columns: []Column{
			{Header: "NETWORKS", Cell: cell(func(s *model.RouterSpec, _ Entry) string { return strings.Join(s.Networks, ",") })},
			{Header: "EXTERNAL", Cell: cell(func(s *model.RouterSpec, _ Entry) string { return s.ExternalNetwork })},
			{Header: "GATEWAY", Cell: cell(func(s *model.RouterSpec, _ Entry) string { return string(s.Mode()) })},
			{Header: "HOSTS", Cell: routerHosts, Wide: routerStates},
			{Header: "ADDRESSES", Wide: routerAddresses},
		},
		Facts:  routerFacts,
		Claims: routerClaims,
		OnHost: routerOnHost,
		Chosen: routerChosen,
	}
}

// hostsOfRouter lists the hosts that have a router. Those of a centralized router are in order of precedence.
func hostsOfRouter(e Entry) []string {
	list := slices.Clone(e.Status.Allocated.GatewayHosts)
	for _, node := range e.Nodes() {
		if !slices.Contains(list, node) {
			list = append(list, node)
		}
	}
	return list
}

// routerHosts names the hosts, or only says how many they are.
func routerHosts(e Entry) string {
	if n := len(e.Status.Nodes); n > maxHosts {
		return fmt.Sprintf("%d hosts", n)
	}
	return strings.Join(hostsOfRouter(e), ",")
}

// routerStates names all hosts, those of a centralized router with their state: "g1=active,g2=standby".
func routerStates(e Entry) string {
	list := hostsOfRouter(e)
	for i, node := range list {
		if state := e.Status.Nodes[node].Gateway; state != "" {
			list[i] = node + "=" + string(state)
		}
	}
	return strings.Join(list, ",")
}

// routerAddresses is the router's own addresses on the external network, or "h1=203.0.113.9 h2=203.0.113.10" for those of its hosts.
func routerAddresses(e Entry) string {
	var parts []string
	for _, x := range e.Status.Allocated.External {
		parts = append(parts, join(x.Addresses))
	}
	for _, node := range e.Nodes() {
		if list := e.Status.Nodes[node].External; len(list) > 0 {
			parts = append(parts, node+"="+join(list))
		}
	}
	return strings.Join(parts, " ")
}

func routerFacts(e Entry, _ Records, _ time.Time) []Fact {
	a := e.Status.Allocated
	facts := append([]Fact{{"mac", a.MAC.String()}}, externalFacts(e, "what guests without a floating address leave as")...)
	if len(a.GatewayHosts) > 0 {
		facts = append(facts, Fact{"gateway hosts", strings.Join(a.GatewayHosts, ", ") + ": the first that the others reach is active"})
	}
	if s, ok := e.Object.Spec.(*model.RouterSpec); ok {
		facts = append(facts, rateLimitsFact(s.Limits))
	}
	return facts
}

// routerClaims are those on the MAC and the addresses of a centralized router. A distributed router has none of its own.
func routerClaims(e Entry, _ Records) []etcdschema.Key {
	keys := macClaims(e)
	for _, x := range e.Status.Allocated.External {
		keys = append(keys, addressClaims(x.UID, x.Addresses)...)
	}
	return keys
}

func routerOnHost(n etcdschema.NodeStatus, h HostRecords, now time.Time) []string {
	var lines []string
	if len(n.External) > 0 {
		lines = append(lines, "guests without a floating address leave as "+join(n.External))
	}
	if h.Gateway.State != "" {
		lines = append(lines, "gateway: "+gatewayText(h.Gateway, now))
	}
	return append(lines, droppedLines(h.Rejected, now)...)
}

// routerChosen names the hosts on which a centralized router would be.
func routerChosen(a etcdschema.Allocated) []string {
	if len(a.GatewayHosts) == 0 {
		return nil
	}
	return []string{"gateway hosts: " + strings.Join(a.GatewayHosts, ", ")}
}
