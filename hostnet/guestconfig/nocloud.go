package guestconfig

import (
	"fmt"
	"strings"
)

// NoCloud are the files of cloud-init's data source NoCloud. Its network configuration is of version 2. With netplan it is for guests whose
// cloud-init writes for netplan, which it hands over as it is. Only then it has tables and rules: elsewhere cloud-init 22.4 drops the table
// of a route (net/network_state.py), which makes a second default route.
func NoCloud(g Guest, netplan bool) []File {
	var meta strings.Builder
	fmt.Fprintf(&meta, "instance-id: %s\nlocal-hostname: %s\n", quoted(g.InstanceID), quoted(g.FQDN()))
	if len(g.SSHKeys) > 0 {
		meta.WriteString("public-keys:\n")
		for _, key := range g.SSHKeys {
			fmt.Fprintf(&meta, "- %s\n", quoted(key))
		}
	}
	if len(g.Metadata) > 0 {
		meta.WriteString("meta:\n")
		for _, i := range g.Metadata {
			fmt.Fprintf(&meta, "  %s: %s\n", quoted(i.Key), quoted(i.Value))
		}
	}
	return []File{
		{"meta-data", 0o600, []byte(meta.String())},
		{"network-config", 0o600, []byte(networkConfig(g, "", networkReader{cloudInit: true, netplan: netplan}))},
		{"user-data", 0o600, g.UserData}, // cloud-init needs the file, also when it is empty
		{"vendor-data", 0o600, nil},
	}
}

// Netplan is the file for netplan. Interfaces keep their names. It is not readable by others, as netplan demands.
func Netplan(g Guest) []File {
	return []File{{"etc/netplan/90-weft.yaml", 0o600, []byte(Header + "network:\n" + networkConfig(g, "  ", networkReader{netplan: true}))}}
}

// networkReader says who reads a network configuration of version 2. Both may be true.
type networkReader struct {
	cloudInit bool // renames the interfaces
	netplan   bool
}

// networkConfig is a network configuration of version 2, as cloud-init and netplan know it. For cloud-init the interfaces become eth0,
// eth1 …: it takes the names of the configuration for those of interfaces where it does not write for netplan.
func networkConfig(g Guest, indent string, to networkReader) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, indent+format+"\n", args...) }
	line("version: 2")
	line("ethernets:")
	for i, n := range g.NICs {
		name := fmt.Sprintf("weft%d", i)
		if to.cloudInit {
			name = fmt.Sprintf("eth%d", i)
		}
		line("  %s:", name)
		line("    match: {macaddress: %s}", quoted(n.MAC.String()))
		if to.cloudInit {
			line("    set-name: %s", name)
		}
		if n.MTU > 0 {
			line("    mtu: %d", n.MTU)
		}
		if n.DHCP {
			netplanDHCP(n, i, line)
		} else {
			line("    dhcp4: false")
			line("    dhcp6: false")
			line("    accept-ra: false")
			netplanAddresses(n, line)
		}
		netplanRoutes(g, i, to, line)
		if !n.DHCP {
			netplanServers(n, line)
		}
	}
	return b.String()
}

// netplanDHCP writes what the NIC asks for. Other NICs than the first take no IPv4 routes. Netplan refuses a configuration for networkd in
// which DHCPv6 says otherwise. They do take router advertisements, because no client asks by DHCPv6 before one has come, and netplan has no
// word to leave out their default route.
func netplanDHCP(n NIC, i int, line func(string, ...any)) {
	v4, v6 := n.families()
	line("    dhcp4: %t", v4)
	line("    dhcp6: %t", v6)
	line("    accept-ra: %t", v6)
	if i > 0 && v4 {
		line("    dhcp4-overrides: {use-routes: false}")
	}
	if i > 0 && v6 {
		line("    dhcp6-overrides: {use-routes: false}")
	}
}

func netplanAddresses(n NIC, line func(string, ...any)) {
	if len(n.Addresses) > 0 {
		line("    addresses:")
	}
	for _, a := range n.Addresses {
		line("    - %s", quoted(a.String()))
	}
}

func netplanServers(n NIC, line func(string, ...any)) {
	if len(n.DNS) == 0 && len(n.Search) == 0 {
		return
	}
	line("    nameservers:")
	if len(n.DNS) > 0 {
		line("      addresses: [%s]", list(n.DNS, ", ", func(s string) string { return quoted(s) }))
	}
	if len(n.Search) > 0 {
		line("      search: [%s]", list(n.Search, ", ", func(s string) string { return quoted(s) }))
	}
}

// netplanRoutes writes the routes, and the rules where netplan reads them. With DHCP only the NIC's policy is written.
//
// For cloud-init alone the default route of IPv6 is gateway6: where it does not write for netplan, it takes ::/0 for a /64 (cloud-init 22.4,
// net/network_state.py). The gateway is never outside of the subnets, unless it is link-local.
func netplanRoutes(g Guest, i int, to networkReader, line func(string, ...any)) {
	var routes, rules []string
	add := func(r route, more string) { routes = append(routes, "{"+netplanRoute(r)+more+"}") }
	for _, r := range g.routes(i) {
		switch {
		case g.NICs[i].DHCP:
		case !to.netplan && r.isDefault() && r.to.Addr().Is6():
			line("    gateway6: %s", quoted(r.via.String()))
		default:
			add(r, "")
		}
	}
	for _, p := range g.policies(i) {
		if !to.netplan {
			continue
		}
		for _, r := range p.routes {
			add(r, fmt.Sprintf(", table: %d", p.table))
		}
		for _, a := range p.from {
			rules = append(rules, fmt.Sprintf("{from: %s, table: %d, priority: %d}", quoted(a.String()), p.table, p.priority))
		}
	}
	netplanList("routes", routes, line)
	netplanList("routing-policy", rules, line)
}

// netplanRoute is a route's keys and values.
func netplanRoute(r route) string {
	text := "to: " + quoted(r.to.String())
	if !r.via.IsValid() {
		return text + ", scope: link"
	}
	text += ", via: " + quoted(r.via.String())
	if r.outside {
		text += ", on-link: true"
	}
	return text
}

func netplanList(name string, values []string, line func(string, ...any)) {
	if len(values) == 0 {
		return
	}
	line("    %s:", name)
	for _, v := range values {
		line("    - %s", v)
	}
}

// list joins values.
func list[T any](values []T, separator string, write func(string) string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = write(fmt.Sprint(v))
	}
	return strings.Join(parts, separator)
}
