package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
)

// hostColumns shows how a host connects its guests, and, wide, what it has claimed for routers.
func hostColumns(s *model.HostSpec, a etcdschema.Allocated, wide bool) (header, cells []string) {
	driver, bridge := s.Driver, s.BridgeName()
	switch driver {
	case "":
		driver = model.DriverOVS
	case model.DriverBridge:
		bridge = ""
	}
	header, cells = []string{"DRIVER", "BRIDGE", "UPLINKS"}, []string{string(driver), bridge, uplinks(s)}
	if wide {
		roles := make([]string, len(s.Roles))
		for i, r := range s.Roles {
			roles[i] = string(r)
		}
		header = append(header, "ROLES", "ROUTER-MAC", "EXTERNAL")
		cells = append(cells, strings.Join(roles, ","), a.MAC.String(), externalText(a.External))
	}
	return header, cells
}

// externalText is "operator/internet=203.0.113.9,2001:db8::9".
func externalText(list []etcdschema.ExternalAddresses) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = x.Network + "=" + join(x.Addresses)
	}
	return strings.Join(parts, " ")
}

// external says how IPv6 works on an external network; empty for other networks.
func external(s *model.NetworkSpec) string {
	if s.External == nil {
		return ""
	}
	return "ipv6 " + string(s.External.Mode())
}

// routerColumns shows the networks of a router and, wide, the address with which its guests leave from each host.
func routerColumns(s *model.RouterSpec, e entry, wide bool) (header, cells []string) {
	header = []string{"NETWORKS", "EXTERNAL", "GATEWAY", "HOSTS"}
	cells = []string{strings.Join(s.Networks, ","), s.ExternalNetwork, string(s.Mode()), routerHosts(e, wide)}
	if n := len(e.status.Nodes); n > maxHosts && !wide {
		cells[3] = fmt.Sprintf("%d hosts", n)
	}
	if wide {
		var parts []string
		for _, x := range e.status.Allocated.External {
			parts = append(parts, join(x.Addresses))
		}
		for _, node := range sortedNodes(e.status.Nodes) {
			if list := e.status.Nodes[node].External; len(list) > 0 {
				parts = append(parts, node+"="+join(list))
			}
		}
		header, cells = append(header, "ADDRESSES"), append(cells, strings.Join(parts, " "))
	}
	return header, cells
}

// routerHosts are the hosts that have a router. Those of a centralized router are in order of precedence and, wide, with their state
// ("g1=active,g2=standby").
func routerHosts(e entry, wide bool) string {
	list := slices.Clone(e.status.Allocated.GatewayHosts)
	for _, node := range sortedNodes(e.status.Nodes) {
		if !slices.Contains(list, node) {
			list = append(list, node)
		}
	}
	for i, node := range list {
		if state := e.status.Nodes[node].Gateway; wide && state != "" {
			list[i] = node + "=" + string(state)
		}
	}
	return strings.Join(list, ",")
}

// externalUse says what a host's or router's own addresses on an external network are for.
func externalUse(k model.Kind) string {
	if k == model.KindRouter {
		return "what guests without a floating address leave as"
	}
	return "claimed for the routers on the host"
}

// maxHosts bounds how many hosts a cell names.
const maxHosts = 4

// floatingColumns shows the ports that a floating address leads to, and the host that translates it.
func floatingColumns(s *model.FloatingIPSpec, e entry) (header, cells []string) {
	address := join(e.status.Allocated.Addresses)
	if address == "" && s.Address.IsValid() {
		address = s.Address.String()
	}
	fixed := e.status.Allocated.FixedAddress
	if !fixed.IsValid() {
		fixed = s.FixedAddress
	}
	text := ""
	if fixed.IsValid() {
		text = fixed.String()
	}
	return []string{"NETWORK", "ADDRESS", "PORT", "FIXED", "HOST"},
		[]string{s.Network, address, targets(s), text, strings.Join(sortedNodes(e.status.Nodes), ",")}
}

// targets names the ports: the one that gets everything, or for each port forward "tcp/8080->web-1:80".
func targets(s *model.FloatingIPSpec) string {
	if s.Port != "" {
		return s.Port
	}
	parts := make([]string, len(s.PortForwards))
	for i, f := range s.PortForwards {
		parts[i] = fmt.Sprintf("%s/%s->%s:%d", f.Protocol, f.Port, f.Target, f.To())
	}
	return strings.Join(parts, ",")
}

// targetNames lists the ports that a floating address leads to, each once.
func targetNames(s *model.FloatingIPSpec) []string {
	set := map[string]struct{}{}
	if s.Port != "" {
		set[s.Port] = struct{}{}
	}
	for _, f := range s.PortForwards {
		set[f.Target] = struct{}{}
	}
	return slices.Sorted(maps.Keys(set))
}
