package guestconfig

import (
	"fmt"
	"net/netip"
	"strings"
)

// Header is the first line of each file that is written into a guest's tree. Files that begin with it may be replaced and removed.
const Header = "# Written by `weft inject`, which replaces it.\n"

// Interfaces is the file for Debian's ifupdown 0.8.36 or later (interfaces(5)), which finds interfaces by their MACs. It is read if
// etc/network/interfaces has a line that includes the folder.
func Interfaces(g Guest) []File {
	var b strings.Builder
	b.WriteString(Header)
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for i, n := range g.NICs {
		name := fmt.Sprintf("weft%d", i)
		line("\nauto mac/%s=%s", n.MAC, name)
		if n.DHCP {
			interfacesDHCP(g, i, name, line)
			continue
		}
		interfacesStatic(g, i, name, line)
	}
	return []File{{"etc/network/interfaces.d/50-weft", 0o644, []byte(b.String())}}
}

// interfacesDHCP lets a client ask. IPv4 default routes of other NICs than the first are worse ones by their metric, because ifupdown cannot
// keep its clients from them. For IPv6 the kernel takes the prefixes of router advertisements there, and no default route.
func interfacesDHCP(g Guest, i int, name string, line func(string, ...any)) {
	n := g.NICs[i]
	v4, v6 := n.families()
	if v4 {
		line("iface %s inet dhcp", name)
		if i > 0 {
			line("\tmetric %d", 1000*i)
		}
		if n.MTU > 0 {
			line("\tpre-up ip link set dev $IFACE mtu %d", n.MTU)
		}
		interfacesPolicy(g, i, true, line)
	}
	if v6 {
		line("iface %s inet6 dhcp", name)
		line("\taccept_ra 1")
		if i > 0 {
			line("\tpre-up echo 0 >/proc/sys/net/ipv6/conf/$IFACE/accept_ra_defrtr")
		}
		interfacesPolicy(g, i, false, line)
	}
}

func interfacesStatic(g Guest, i int, name string, line func(string, ...any)) {
	n := g.NICs[i]
	if len(n.Addresses) == 0 {
		line("iface %s inet manual", name)
	}
	started := map[bool]bool{}
	for j, a := range n.Addresses {
		v4 := a.Addr().Is4()
		line("iface %s %s static", name, family(a.Addr()))
		line("\taddress %s", a)
		if j == 0 && n.MTU > 0 { // the option mtu of inet6 is for IPv6 only
			line("\tpre-up ip link set dev $IFACE mtu %d", n.MTU)
		}
		if started[v4] {
			continue
		}
		started[v4] = true
		if !v4 {
			line("\taccept_ra 0")
		}
		for _, r := range g.routes(i) {
			if r.to.Addr().Is4() == v4 {
				line("\tup ip %s route replace %s", ipOption(v4), commandRoute(r))
			}
		}
		interfacesPolicy(g, i, v4, line)
		if j == 0 {
			interfacesDNS(n, line)
		}
	}
}

// interfacesPolicy writes the NIC's policy for one family. What an earlier configuration left in the table is removed first. Its routes go
// with the interface, and its rules by the last command.
func interfacesPolicy(g Guest, i int, v4 bool, line func(string, ...any)) {
	for _, p := range g.policies(i) {
		if p.v4 != v4 {
			continue
		}
		line("\tup ip %s rule flush table %d", ipOption(v4), p.table)
		for _, r := range p.routes {
			line("\tup ip %s route replace %s table %d", ipOption(v4), commandRoute(r), p.table)
		}
		for _, a := range p.from {
			line("\tup ip %s rule add from %s lookup %d priority %d", ipOption(v4), a, p.table, p.priority)
		}
		line("\tdown ip %s rule flush table %d", ipOption(v4), p.table)
	}
}

// commandRoute is a route as ip-route(8) takes it. Commands say the same in each version of ifupdown, and can name a gateway on the link.
// Each route may be there already, so they replace it.
func commandRoute(r route) string {
	text := r.to.String()
	if r.isDefault() {
		text = "default"
	}
	if r.via.IsValid() {
		text += " via " + r.via.String()
	}
	text += " dev $IFACE"
	if r.outside {
		text += " onlink"
	}
	return text
}

// ipOption is the option of ip(8) for the family.
func ipOption(v4 bool) string {
	if v4 {
		return "-4"
	}
	return "-6"
}

// interfacesDNS is for the package resolvconf. Without it nothing reads these lines.
func interfacesDNS(n NIC, line func(string, ...any)) {
	if len(n.DNS) > 0 {
		line("\tdns-nameservers %s", list(n.DNS, " ", func(s string) string { return s }))
	}
	if len(n.Search) > 0 {
		line("\tdns-search %s", strings.Join(n.Search, " "))
	}
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "inet"
	}
	return "inet6"
}
