package guestconfig

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/uuid"
)

// NetworkManager are the profiles for NetworkManager in its keyfile format (nm-settings-keyfile(5)), one for each NIC. NetworkManager
// reads only files that nobody else can read.
func NetworkManager(g Guest) (files []File) {
	for i, n := range g.NICs {
		var b strings.Builder
		b.WriteString(Header)
		line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
		name := fmt.Sprintf("weft%d", i)
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("weft/"+n.ID))
		line("[connection]\nid=%s\nuuid=%s\ntype=ethernet\nautoconnect-priority=10", name, id)
		line("\n[ethernet]\nmac-address=%s", strings.ToUpper(n.MAC.String()))
		if n.MTU > 0 {
			line("mtu=%d", n.MTU)
		}
		managerFamily(g, i, true, line)
		managerFamily(g, i, false, line)
		files = append(files, File{"etc/NetworkManager/system-connections/" + name + ".nmconnection", 0o600, []byte(b.String())})
	}
	return files
}

func managerFamily(g Guest, i int, v4 bool, line func(string, ...any)) {
	n := g.NICs[i]
	section, off := "ipv4", "disabled"
	if !v4 {
		section, off = "ipv6", "link-local"
	}
	line("\n[%s]", section)
	has4, has6 := n.families()
	switch has := v4 && has4 || !v4 && has6; {
	case !has:
		line("method=%s", off)
		return
	case n.DHCP:
		line("method=auto")
	default:
		line("method=manual")
		managerAddresses(n, v4, line)
	}
	managerRoutes(g, i, v4, line)
	if !n.DHCP {
		managerServers(n, v4, line)
	}
	if i > 0 {
		line("never-default=true")
	}
	if !v4 {
		line("addr-gen-mode=eui64\nip6-privacy=0")
	}
}

func managerAddresses(n NIC, v4 bool, line func(string, ...any)) {
	count := 0
	for _, a := range n.Addresses {
		if a.Addr().Is4() == v4 {
			count++
			line("address%d=%s", count, a)
		}
	}
}

func managerServers(n NIC, v4 bool, line func(string, ...any)) {
	var servers []netip.Addr
	for _, a := range n.DNS {
		if a.Is4() == v4 {
			servers = append(servers, a)
		}
	}
	if len(servers) > 0 {
		line("dns=%s;", list(servers, ";", func(s string) string { return s }))
	}
	if len(n.Search) > 0 {
		line("dns-search=%s;", strings.Join(n.Search, ";"))
	}
}

// managerRoutes writes the routes and rules of one family. NetworkManager itself adds a route to a gateway that is outside of the subnets.
// For other routes the option says so. With DHCP only the NIC's policy is written: the option route-table= would move the route to its own
// subnet into the table, and the guest could not reach its neighbors there by itself any more.
func managerRoutes(g Guest, i int, v4 bool, line func(string, ...any)) {
	count := 0
	add := func(r route, options ...string) {
		count++
		line("route%d=%s", count, strings.TrimSuffix(r.to.String()+","+hop(r.via), ","))
		if r.outside {
			options = append(options, "onlink=true")
		}
		if len(options) > 0 {
			line("route%d_options=%s", count, strings.Join(options, ","))
		}
	}
	for _, r := range g.routes(i) {
		switch {
		case r.to.Addr().Is4() != v4 || g.NICs[i].DHCP:
		case r.isDefault() && r.via.IsValid():
			line("gateway=%s", r.via)
		default:
			add(r)
		}
	}
	for _, p := range g.policies(i) {
		if p.v4 != v4 {
			continue
		}
		for _, r := range p.routes {
			add(r, fmt.Sprintf("table=%d", p.table))
		}
		for k, a := range p.from {
			line("routing-rule%d=priority %d from %s table %d", k+1, p.priority, a, p.table)
		}
	}
}

// hop is the text of a next hop; empty if there is none.
func hop(a netip.Addr) string {
	if a.IsValid() {
		return a.String()
	}
	return ""
}
