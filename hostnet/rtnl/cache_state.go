package rtnl

import (
	"cmp"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// qdiscState is what is on a netdev's hooks: the kind of a root qdisc with its own handle, the kind of an ingress or clsact one, and
// what the filters on that do. It is comparable. The zero value is the kernel's default.
type qdiscState struct {
	root, ingress string
	shaper        object.Shaper // of a root qdisc that is a token bucket filter
	filterState
}

// routeLinks says by which links the host reaches what it must not lose.
type routeLinks struct {
	defaults map[int]bool // links that carry the route to an etcd endpoint
	etcd     map[int]bool // links that carry the route to an etcd endpoint
}

// cache is what the driver knows besides the links: their qdiscs, and which of them carry a default route or a route to etcd. The
// watch goroutine and the engine's goroutine share it.
type cache struct {
	mu     sync.Mutex
	qdiscs map[int]qdiscState
	routes routeLinks
}

func newCache() *cache { return &cache{qdiscs: map[int]qdiscState{}} }

// setQdisc sets what is on one hook of a link and says whether that changed anything. An empty kind is the kernel's default.
func (v *cache) setQdisc(m qdiscMessage) bool {
	return v.changeQdisc(m.index, func(q *qdiscState) { q.set(m) })
}

// setFilters sets what the filters of a link do and says whether that changed anything.
func (v *cache) setFilters(index int, f filterState) bool {
	return v.changeQdisc(index, func(q *qdiscState) { q.filterState = f })
}

func (v *cache) changeQdisc(index int, change func(*qdiscState)) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.qdiscs[index]
	q := old
	change(&q)
	if q == old {
		return false
	}
	v.qdiscs[index] = q
	return true
}

// set takes over a message about one hook. The filters go with the qdisc that they are on.
func (q *qdiscState) set(m qdiscMessage) {
	if m.hook == hookRoot {
		q.root, q.shaper = m.kind, m.shaper
		return
	}
	q.ingress = m.kind
	if m.kind == "" {
		q.filterState = filterState{}
	}
}

// setRoutes stores the links of the routes and returns those that changed.
func (v *cache) setRoutes(r routeLinks) (changed []int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, of := range []map[int]bool{v.routes.defaults, v.routes.etcd, r.defaults, r.etcd} {
		for index := range of {
			if v.routes.defaults[index] != r.defaults[index] || v.routes.etcd[index] != r.etcd[index] {
				changed = append(changed, index)
			}
		}
	}
	v.routes = r
	return changed
}

// carriesRoute says whether the link carries a default route or the route to etcd.
func (v *cache) carriesRoute(index int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.routes.defaults[index] || v.routes.etcd[index]
}

// qdisc is what is on the hooks of a link.
func (v *cache) qdisc(index int) qdiscState {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.qdiscs[index]
}

// forget removes what is known of a link that does not exist any more.
func (v *cache) forget(index int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.qdiscs, index)
}

// facts writes every link into the facts.
func (v *cache) facts(c own.Cache, into *object.Facts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := c.All()
	if into.Links == nil {
		into.Links = make(map[string]object.LinkFacts, len(all))
	}
	for _, l := range all {
		into.Links[l.Name] = v.linkFacts(c, l)
	}
}

// bridgeNetfilter lists the settings of br_netfilter that are on. The directory exists only while the module is loaded.
func bridgeNetfilter(folder string) string {
	var on []string
	for _, name := range []string{"bridge-nf-call-arptables", "bridge-nf-call-ip6tables", "bridge-nf-call-iptables"} {
		value, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil && strings.TrimSpace(string(value)) != "0" {
			on = append(on, "net.bridge."+name)
		}
	}
	return strings.Join(on, ", ")
}

// noIPv6 says that the kernel was started without IPv6. It then has no IPv6 settings.
func noIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return errors.Is(err, fs.ErrNotExist)
}

// deviceFacts writes the links with these names, and removes the names without a link.
func (v *cache) deviceFacts(c own.Cache, devices []string, into *object.Facts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, name := range devices {
		if l, there := c.Named(name); there {
			into.Links[name] = v.linkFacts(c, l)
		} else {
			delete(into.Links, name)
		}
	}
}

// linkFacts are the facts of one link. The lock is held.
func (v *cache) linkFacts(c own.Cache, l own.Link) object.LinkFacts {
	var addresses []netip.Prefix
	for _, p := range c.Addresses(l.Index) {
		if !p.Addr().IsLinkLocalUnicast() {
			addresses = append(addresses, p)
		}
	}
	slices.SortFunc(addresses, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var others []string
	if l.AltNames != "" {
		others = strings.Fields(l.AltNames)
	}
	master, _ := c.Link(l.Master)
	owner, ours := master.Owner()
	if !ours {
		owner = ""
	}
	return object.LinkFacts{
		Kind: kindOf(l), Index: l.Index, MAC: l.MAC, MTU: l.MTU, Up: l.Up, Addresses: addresses,
		DefaultRoute: v.routes.defaults[l.Index], EtcdRoute: v.routes.etcd[l.Index],
		Master: master.Name, MasterOwner: owner, AltNames: others,
	}
}

// kindOf is the kind of a link in the facts. The kernel gives hardware no kind, and has one kind for taps and tuns.
func kindOf(l own.Link) string {
	switch l.Kind {
	case "":
		return "device"
	case "tun":
		return "tuntap"
	}
	return l.Kind
}

// seen is the part of a link that the driver compares.
func seen(l own.Link) own.Link {
	owner, ours := l.Owner()
	if !ours {
		owner = ""
	}
	return own.Link{Index: l.Index, Name: l.Name, MAC: l.MAC, MTU: l.MTU, Up: l.Up, Master: l.Master, Kind: l.Kind, Alias: owner, AltNames: l.AltNames}
}
