package guestconfig

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// networkData is network_data.json as Nova writes it (nova/doc/api_schemas/network_data.json).
type networkData struct {
	Links    []link    `json:"links"`
	Networks []network `json:"networks"`
	Services []service `json:"services"`
}

type link struct {
	ID    string `json:"id"`
	VIFID string `json:"vif_id"`
	// Type is "phy" for all NICs. Guests treat "ovs", "bridge" and "phy" alike, and a guest that moves between hosts of both kinds must not
	// see a difference.
	Type string `json:"type"`
	MTU  int    `json:"mtu,omitempty"`
	MAC  string `json:"ethernet_mac_address"`
}

type network struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Link      string `json:"link"`
	NetworkID string `json:"network_id"`
	Address   string `json:"ip_address,omitempty"`
	Netmask   string `json:"netmask,omitempty"`
	// Gateway is set in addition to the default route if the gateway is outside of the subnet. cloud-init passes it to Debian's ifupdown,
	// which takes it as a neighbour on the link.
	Gateway  string         `json:"gateway,omitempty"`
	Routes   []networkRoute `json:"routes,omitempty"`
	Services []service      `json:"services,omitempty"`
}

type networkRoute struct {
	Network string `json:"network"`
	Netmask string `json:"netmask"`
	// Gateway is 0.0.0.0 for what is on the link, as Neutron writes such routes.
	Gateway string `json:"gateway"`
}

type service struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// networkDataOf makes the document. Each NIC is a link. Each address is a network. All routes of a family stand at its first address.
func networkDataOf(g Guest) networkData {
	d := networkData{Links: []link{}, Networks: []network{}, Services: []service{}}
	for i, n := range g.NICs {
		l := link{ID: fmt.Sprintf("interface%d", i), VIFID: n.ID, Type: "phy", MTU: n.MTU, MAC: n.MAC.String()}
		d.Links = append(d.Links, l)
		for _, one := range networksOf(g, i) {
			one.ID, one.Link, one.NetworkID = fmt.Sprintf("network%d", len(d.Networks)), l.ID, n.NetworkID
			d.Networks = append(d.Networks, one)
		}
		for _, a := range n.DNS {
			if s := (service{"dns", a.String()}); !n.DHCP && !slices.Contains(d.Services, s) {
				d.Services = append(d.Services, s)
			}
		}
	}
	return d
}

func networksOf(g Guest, i int) (list []network) {
	n := g.NICs[i]
	v4, v6 := n.families()
	if n.DHCP {
		if v4 {
			list = append(list, network{Type: "ipv4_dhcp"})
		}
		if v6 {
			list = append(list, network{Type: "ipv6_dhcpv6-stateful"})
		}
		return list
	}
	for _, a := range n.Addresses {
		one := network{Type: "ipv4", Address: a.Addr().String(), Netmask: netmask(a)}
		first := v4
		if a.Addr().Is6() {
			one.Type, first, v6 = "ipv6", v6, false
		} else {
			v4 = false
		}
		if first {
			one.Gateway, one.Routes = networkRoutes(g.routes(i), a.Addr().Is4())
		}
		for _, d := range n.DNS {
			if d.Is4() == a.Addr().Is4() {
				one.Services = append(one.Services, service{"dns", d.String()})
			}
		}
		list = append(list, one)
	}
	return list
}

// networkRoutes are the routes of one family. A route to a gateway on the link comes before the first route that leads through it.
func networkRoutes(routes []route, v4 bool) (gateway string, list []networkRoute) {
	known := map[netip.Addr]bool{}
	for _, r := range routes {
		if r.to.Addr().Is4() != v4 {
			continue
		}
		if r.outside && !known[r.via] {
			known[r.via] = true
			list = append(list, networkRoute{r.via.String(), netmask(one(r.via)), unspecified(v4)})
		}
		if r.outside && r.isDefault() {
			gateway = r.via.String()
		}
		via := unspecified(v4)
		if r.via.IsValid() {
			via = r.via.String()
		}
		list = append(list, networkRoute{r.to.Addr().String(), netmask(r.to), via})
	}
	return gateway, list
}

func unspecified(v4 bool) string {
	if v4 {
		return netip.IPv4Unspecified().String()
	}
	return netip.IPv6Unspecified().String()
}

// netmask is the mask of the prefix's length, in the form of its family.
func netmask(p netip.Prefix) string {
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}
