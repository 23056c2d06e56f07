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
			interfacesDHCP(n, i, name, line)
			continue
		}
		interfacesStatic(g, i, name, line)
	}
	return []File{{"etc/network/interfaces.d/50-weft", 0o644, []byte(b.String())}}
}

// interfacesDHCP lets a client ask. IPv4 default routes of other NICs than the first are worse ones by their metric, because ifupdown cannot
// keep its clients from them. For IPv6 the kernel takes the prefixes of router advertisements there, and no default route.
func interfacesDHCP(n NIC, i int, name string, line func(string, ...any)) {
	v4, v6 := n.families()
	if v4 {
		line("iface %s inet dhcp", name)
		if i > 0 {
			line("\tmetric %d", 1000*i)
		}
		if n.MTU > 0 {
			line("\tpre-up ip link set dev $IFACE mtu %d", n.MTU)
		}
	}
	if v6 {
		line("iface %s inet6 dhcp", name)
		line("\taccept_ra 1")
		if i > 0 {
			line("\tpre-up echo 0 >/proc/sys/net/ipv6/conf/$IFACE/accept_ra_defrtr")
		}
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
		interfacesRoutes(g.routes(i), v4, line)
		if j == 0 {
			interfacesDNS(n, line)
		}
	}
}

// interfacesRoutes writes one family's routes as commands, which say the same on each version and can name a gateway on the link. Each
// may be there already.
func interfacesRoutes(routes []route, v4 bool, line func(string, ...any)) {
	option := "-4"
	if !v4 {
		option = "-6"
	}
	for _, r := range routes {
		to := r.to.String()
		if r.isDefault() {
			to = "default"
		}
		switch {
		case r.to.Addr().Is4() != v4:
		case !r.via.IsValid():
			line("\tup ip %s route replace %s dev $IFACE", option, to)
		case r.outside:
			line("\tup ip %s route replace %s via %s dev $IFACE onlink", option, to, r.via)
		default:
			line("\tup ip %s route replace %s via %s dev $IFACE", option, to, r.via)
		}
	}
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
