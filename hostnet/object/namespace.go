package object

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// NamespacePrefix begins the name of every network namespace of ours (/run/netns/weft-…). The rest is the kind of thing that the
// namespace is for, and its uid: "weft-router-<uid of the router>", "weft-external-<uid of the external network>".
const NamespacePrefix = "weft-"

// Namespace is a network namespace that Weft makes. Forwarding is on for both families. Router advertisements and redirects are
// not accepted, and IPv4 redirects are not sent. There are no automatic IPv6 addresses but link-local ones. lo is up, and its
// alias carries the owner.
type Namespace struct {
	OwnerUID string
	Name     string
	// Deviations of an observed namespace are the differences from that ("net.ipv4.ip_forward is 0"). None are ever desired.
	Deviations []string
}

// Veth is a pair of devices that Weft makes between two namespaces. Both ends are up. "" is the host's own namespace. Checksum
// and segmentation offloads are off on both ends, because a userspace datapath must get complete packets.
type Veth struct {
	OwnerUID  string
	Namespace string // of the first end
	Name      string // of the first end
	Peer      VethEnd
	MAC       MAC // of the first end; zero leaves the kernel's choice
	MTU       int // bytes, of both
	// Threaded says that a separate kernel thread processes what the first end receives (threaded NAPI,
	// Documentation/networking/napi.rst), and that GRO joins segments of a connection. Otherwise the thread of a userspace
	// datapath that sent the packets also does the namespace's work, packet by packet.
	Threaded bool
	// After lists what must exist first.
	After []Key
	// Deviations of an observed pair are the differences from that ("n0123 is down"). None are ever desired.
	Deviations []string
}

// VethEnd is the other end of a pair.
type VethEnd struct {
	Namespace string
	Name      string
	MAC       MAC // zero leaves the kernel's choice
}

// Addresses are all addresses of one device in a namespace of ours, without automatic link-local ones.
type Addresses struct {
	OwnerUID  string
	Namespace string
	Device    string
	Prefixes  []netip.Prefix // the address with its prefix length; in order
	// Deviations of observed addresses are missing routes that the kernel makes for each address ("n0123 lacks the kernel's
	// connected route 10.0.0.0/24"). None are ever desired.
	Deviations []string
	// After lists what must exist first: the Veth of the device.
	After []Key
}

// RouteProtocol is the number that marks routes of ours (rtm_protocol). The kernel keeps it and gives it no meaning.
const RouteProtocol = 87

// Route is one unicast route in a namespace of ours. Every route of RouteProtocol there is a Route. There is one object for each
// table and destination, so that the cost of a floating address does not depend on the others.
type Route struct {
	OwnerUID    string // not in the kernel, not compared
	Namespace   string
	Table       uint32       // 0: the main table
	Destination netip.Prefix // masked
	Via         netip.Addr   // not valid if the destination is on the link
	Device      string
	// After lists what must exist first: the device, and its address whose link Via is on.
	After []Key
}

// Neighbor is one permanent neighbour entry of a device in a namespace of ours. Every permanent entry there is a Neighbor.
type Neighbor struct {
	OwnerUID  string // not in the kernel, not compared
	Namespace string
	Device    string
	Address   netip.Addr
	MAC       MAC
	After     []Key
}

// Proxy is one address for which a device in a namespace of ours answers ARP requests or neighbour solicitations without having
// it (NTF_PROXY). Every proxy entry there is a Proxy.
type Proxy struct {
	OwnerUID  string // not in the kernel, not compared
	Namespace string
	Device    string
	Address   netip.Addr
	After     []Key
}

// NATRole is what a namespace's nftables table of ours does. The rules of a role are fixed. What differs between hosts is in maps
// and sets, so the number of rules never grows.
type NATRole string

// The roles.
const (
	// NATRouter translates floating addresses 1:1, and port forwards, in both directions, including hairpin. What leaves by
	// Outside without a floating address leaves as the transit address.
	NATRouter NATRole = "router"
	// NATExternal: packets from a transit address leave by Outside as the host's own external address.
	NATExternal NATRole = "external"
)

// NATTable is the nftables table "weft" (family inet) of a namespace of ours: chains, rules, and empty maps.
type NATTable struct {
	OwnerUID  string
	Namespace string
	Role      NATRole
	Outside   string // the device towards the external network: the transit device in a router's namespace
	// Sources are the addresses that traffic without a floating address leaves with, at most one for each family.
	Sources []netip.Addr
	// RoutedIPv6 says that IPv6 is not translated: packets leave with a guest's own address.
	RoutedIPv6 bool
	// Management are the prefixes of management networks, of both families and without overlaps. Nothing from or to them passes.
	Management []netip.Prefix
	Limits     NATLimits
	// Rates bound what passes Outside. Only a router's table has some.
	Rates RateLimits
	After []Key
}

// NATLimits bound the connections of one router in its own namespace, and those from outside in the external one. All are
// positive.
type NATLimits struct {
	Connections int // at a time
	// PerDestination is how many connections without a floating address may go to the same protocol, address and port.
	PerDestination int
	PerSecond      int // new ones in a second; the burst is twice as many
}

// String is "32768 connections, 4032 to one destination, 2000 a second".
func (l NATLimits) String() string {
	return fmt.Sprintf("%d connections, %d to one destination, %d a second", l.Connections, l.PerDestination, l.PerSecond)
}

// TransitV4 and TransitV6 contain the addresses by which the routers' namespaces of a host reach its gateway namespaces. They
// never leave a host.
var (
	TransitV4 = netip.MustParsePrefix("169.254.128.0/17")
	TransitV6 = netip.MustParsePrefix("fd00:5745:4654::/64")
)

// NATMapping is what one floating address is translated to, as elements of the maps of a router's NATTable. Fixed translates
// every packet, in both directions. Forwards translate only the named ports. When a mapping is removed or changed, connections
// through it are cut (conntrack entries of exactly that mapping). Others go on.
type NATMapping struct {
	OwnerUID  string
	Namespace string
	Floating  netip.Addr
	Fixed     netip.Addr
	Forwards  []NATForward // in order
	Rates     RateLimits   // of what passes the floating address
}

// NATForward is one port forward. The ports First to Last lead to ToFirst and the ports after it.
type NATForward struct {
	Protocol    string // "tcp" or "udp"
	First, Last uint16
	To          netip.Addr
	ToFirst     uint16
}

func inNamespace(namespace, name string) string { return namespace + "/" + name }

// Key implements Object.
func (n *Namespace) Key() Key { return Key{KindNamespace, n.Name} }

// Owner implements Object.
func (n *Namespace) Owner() string { return n.OwnerUID }

// DependsOn implements Object.
func (n *Namespace) DependsOn() []Key { return nil }

// Diff implements Object.
func (n *Namespace) Diff(observed Object) []Difference {
	var d differ
	o := observed.(*Namespace)
	d.field("owner", o.OwnerUID, n.OwnerUID)
	d.set("deviations", o.Deviations, n.Deviations)
	return d
}

// namespaceKeys are the keys of the named namespaces. The host's own namespace ("") needs none.
func namespaceKeys(names ...string) (keys []Key) {
	for _, n := range names {
		if n != "" {
			keys = append(keys, Key{KindNamespace, n})
		}
	}
	return keys
}

// Key implements Object. The first end names the pair.
func (v *Veth) Key() Key { return Key{KindVeth, inNamespace(v.Namespace, v.Name)} }

// Owner implements Object.
func (v *Veth) Owner() string { return v.OwnerUID }

// DependsOn implements Object.
func (v *Veth) DependsOn() []Key {
	return append(namespaceKeys(v.Namespace, v.Peer.Namespace), v.After...)
}

// Diff implements Object.
func (v *Veth) Diff(observed Object) []Difference {
	o := observed.(*Veth)
	var d differ
	d.field("owner", o.OwnerUID, v.OwnerUID)
	d.field("peer", inNamespace(o.Peer.Namespace, o.Peer.Name), inNamespace(v.Peer.Namespace, v.Peer.Name))
	if v.MAC != (MAC{}) {
		d.field("mac", o.MAC, v.MAC)
	}
	if v.Peer.MAC != (MAC{}) {
		d.field("peer mac", o.Peer.MAC, v.Peer.MAC)
	}
	d.field("mtu", o.MTU, v.MTU)
	d.field("threaded NAPI", o.Threaded, v.Threaded)
	d.set("deviations", o.Deviations, v.Deviations)
	return d
}

// Key implements Object.
func (a *Addresses) Key() Key { return Key{KindAddresses, inNamespace(a.Namespace, a.Device)} }

// Owner implements Object.
func (a *Addresses) Owner() string { return a.OwnerUID }

// DependsOn implements Object.
func (a *Addresses) DependsOn() []Key { return append(namespaceKeys(a.Namespace), a.After...) }

// Diff implements Object.
func (a *Addresses) Diff(observed Object) []Difference {
	var d differ
	o := observed.(*Addresses)
	d.set("addresses", texts(o.Prefixes), texts(a.Prefixes))
	d.set("deviations", o.Deviations, a.Deviations)
	return d
}

// RouteName is the name in the key of a Route.
func RouteName(namespace string, table uint32, destination netip.Prefix) string {
	if table == 0 {
		return inNamespace(namespace, destination.String())
	}
	return inNamespace(namespace, fmt.Sprintf("%s%s%d", destination, routeTable, table))
}

// NeighborName is the name in the key of a Neighbor or a Proxy.
func NeighborName(namespace, device string, address netip.Addr) string {
	return inNamespace(namespace, device+"/"+address.String())
}

// Key implements Object.
func (r *Route) Key() Key { return Key{KindRoute, RouteName(r.Namespace, r.Table, r.Destination)} }

// Owner implements Object.
func (r *Route) Owner() string { return r.OwnerUID }

// DependsOn implements Object.
func (r *Route) DependsOn() []Key { return append(namespaceKeys(r.Namespace), r.After...) }

// Diff implements Object.
func (r *Route) Diff(observed Object) []Difference {
	o := observed.(*Route)
	var d differ
	d.field("via", o.Via, r.Via)
	d.field("device", o.Device, r.Device)
	return d
}

// Key implements Object.
func (n *Neighbor) Key() Key {
	return Key{KindNeighbor, NeighborName(n.Namespace, n.Device, n.Address)}
}

// Owner implements Object.
func (n *Neighbor) Owner() string { return n.OwnerUID }

// DependsOn implements Object.
func (n *Neighbor) DependsOn() []Key { return append(namespaceKeys(n.Namespace), n.After...) }

// Diff implements Object.
func (n *Neighbor) Diff(observed Object) []Difference {
	if o := observed.(*Neighbor); o.MAC != n.MAC {
		return []Difference{{"mac", o.MAC.String(), n.MAC.String()}}
	}
	return nil
}

// Key implements Object.
func (p *Proxy) Key() Key { return Key{KindProxy, NeighborName(p.Namespace, p.Device, p.Address)} }

// Owner implements Object.
func (p *Proxy) Owner() string { return p.OwnerUID }

// DependsOn implements Object.
func (p *Proxy) DependsOn() []Key { return append(namespaceKeys(p.Namespace), p.After...) }

// Diff implements Object. A proxied address has nothing but its key.
func (p *Proxy) Diff(Object) []Difference { return nil }

// Key implements Object.
func (t *NATTable) Key() Key { return Key{KindNATTable, t.Namespace} }

// Owner implements Object.
func (t *NATTable) Owner() string { return t.OwnerUID }

// DependsOn implements Object.
func (t *NATTable) DependsOn() []Key { return append(namespaceKeys(t.Namespace), t.After...) }

// Diff implements Object.
func (t *NATTable) Diff(observed Object) []Difference {
	o := observed.(*NATTable)
	var d differ
	d.field("role", o.Role, t.Role)
	d.field("outside", o.Outside, t.Outside)
	d.set("sources", texts(o.Sources), texts(t.Sources))
	d.field("routed IPv6", o.RoutedIPv6, t.RoutedIPv6)
	d.set("management", texts(o.Management), texts(t.Management))
	d.field("limits", o.Limits, t.Limits)
	d.rates(o.Rates, t.Rates)
	return d
}

// Key implements Object.
func (m *NATMapping) Key() Key {
	return Key{KindNATMapping, inNamespace(m.Namespace, m.Floating.String())}
}

// Owner implements Object.
func (m *NATMapping) Owner() string { return m.OwnerUID }

// DependsOn implements Object.
func (m *NATMapping) DependsOn() []Key { return []Key{{KindNATTable, m.Namespace}} }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (m *NATMapping) Diff(observed Object) []Difference {
	o := observed.(*NATMapping)
	var d differ
	d.field("fixed", o.Fixed, m.Fixed)
	d.set("forwards", texts(joined(o.Forwards)), texts(joined(m.Forwards)))
	d.rates(o.Rates, m.Rates)
	return d
}

// joined joins forwards that continue each other, because a map of the kernel does not show where one ended.
func joined(forwards []NATForward) (all []NATForward) {
	order := slices.SortedFunc(slices.Values(forwards), func(a, b NATForward) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.First, b.First))
	})
	for _, f := range order {
		if n := len(all) - 1; n >= 0 && all[n].continuedBy(f) {
			all[n].Last = f.Last
			continue
		}
		all = append(all, f)
	}
	return all
}

// continuedBy says whether o begins where f ends, on both sides.
func (f NATForward) continuedBy(o NATForward) bool {
	return f.Protocol == o.Protocol && f.To == o.To && int(f.Last)+1 == int(o.First) &&
		int(f.ToFirst)+int(o.First)-int(f.First) == int(o.ToFirst)
}

// String is "tcp 80-90 → 10.0.0.5:8080".
func (f NATForward) String() string {
	return fmt.Sprintf("%s %d-%d → %s", f.Protocol, f.First, f.Last, netip.AddrPortFrom(f.To, f.ToFirst))
}

func texts[T fmt.Stringer](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}
