package guestconfig

import (
	"fmt"
	"strings"
)

// Networkd are the files for systemd-networkd (systemd.network(5)), one for each NIC. They come before other files, because the first
// that matches an interface counts.
func Networkd(g Guest) (files []File) {
	for i, n := range g.NICs {
		var b strings.Builder
		b.WriteString(Header)
		line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
		line("[Match]\nMACAddress=%s", n.MAC)
		if n.MTU > 0 {
			line("\n[Link]\nMTUBytes=%d", n.MTU)
		}
		if n.DHCP {
			networkdDHCP(n, i, line)
		} else {
			networkdStatic(g, i, line)
		}
		networkdPolicy(g, i, line)
		files = append(files, File{fmt.Sprintf("etc/systemd/network/05-weft%d.network", i), 0o644, []byte(b.String())})
	}
	return files
}

func networkdDHCP(n NIC, i int, line func(string, ...any)) {
	v4, v6 := n.families()
	mode := map[[2]bool]string{{true, true}: "yes", {true, false}: "ipv4", {false, true}: "ipv6", {false, false}: "no"}[[2]bool{v4, v6}]
	line("\n[Network]\nDHCP=%s\nIPv6AcceptRA=%s", mode, yesNo(v6))
	if i > 0 {
		line("\n[DHCPv4]\nUseRoutes=no\n\n[IPv6AcceptRA]\nUseGateway=no")
	}
}

func networkdStatic(g Guest, i int, line func(string, ...any)) {
	n := g.NICs[i]
	line("\n[Network]\nIPv6AcceptRA=no")
	for _, a := range n.Addresses {
		line("Address=%s", a)
	}
	for _, a := range n.DNS {
		line("DNS=%s", a)
	}
	if len(n.Search) > 0 {
		line("Domains=%s", strings.Join(n.Search, " "))
	}
	for _, r := range g.routes(i) {
		networkdRoute(r, line)
	}
}

// networkdRoute writes a section for the route. The caller may add lines to it.
func networkdRoute(r route, line func(string, ...any)) {
	line("\n[Route]\nDestination=%s", r.to)
	switch {
	case r.via.IsValid():
		line("Gateway=%s", r.via)
	case r.to.Addr().Is4(): // routes of IPv6 have no scope
		line("Scope=link")
	}
	if r.outside {
		line("GatewayOnLink=yes")
	}
}

// networkdPolicy writes the NIC's tables and rules. With DHCP too the routes are written: with the option RouteTable= the client would move
// the route to its own subnet into the table, and the guest could not reach its neighbors there by itself any more.
func networkdPolicy(g Guest, i int, line func(string, ...any)) {
	for _, p := range g.policies(i) {
		for _, r := range p.routes {
			networkdRoute(r, line)
			line("Table=%d", p.table)
		}
		for _, a := range p.from {
			line("\n[RoutingPolicyRule]\nFrom=%s\nTable=%d\nPriority=%d", a, p.table, p.priority)
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
