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

// qdiscState is what is on a netdev's hooks: the kind of a root qdisc with its own handle, and the kind of an ingress or clsact
// one. It is comparable. The zero value is the kernel's default.
type qdiscState struct{ root, ingress string }

// roads says by which links the host reaches what it must not lose.
type roads struct {
	defaults map[int]bool // links that carry the route to an etcd endpoint
	etcd     map[int]bool // links that carry the road to an etcd endpoint
}

// view is what the driver knows besides the links: their qdiscs, and which of them carry a default route or a route to etcd. The
// watch goroutine and the engine's goroutine share it.
type view struct {
	mu     sync.Mutex
	qdiscs map[int]qdiscState
	roads  roads
}

func newView() *view { return &view{qdiscs: map[int]qdiscState{}} }

// setQdisc sets what is on one hook of a link and says whether that changed anything. An empty kind is the kernel's default.
func (v *view) setQdisc(index int, hook qdiscHook, kind string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.qdiscs[index]
	q := old
	q.set(hook, kind)
	if q == old {
		return false
	}
	v.qdiscs[index] = q
	return true
}

func (q *qdiscState) set(hook qdiscHook, kind string) {
	if hook == hookRoot {
		q.root = kind
	} else {
		q.ingress = kind
	}
}

// setRoads stores the roads and returns the links whose roads changed.
func (v *view) setRoads(r roads) (changed []int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, of := range []map[int]bool{v.roads.defaults, v.roads.etcd, r.defaults, r.etcd} {
		for index := range of {
			if v.roads.defaults[index] != r.defaults[index] || v.roads.etcd[index] != r.etcd[index] {
				changed = append(changed, index)
			}
		}
	}
	v.roads = r
	return changed
}

// carriesRoad says whether the link carries a default route or the route to etcd.
func (v *view) carriesRoad(index int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.roads.defaults[index] || v.roads.etcd[index]
}

// qdisc is what is on the hooks of a link.
func (v *view) qdisc(index int) qdiscState {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.qdiscs[index]
}

// forget removes what is known of a link that does not exist any more.
func (v *view) forget(index int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.qdiscs, index)
}

// facts writes every link into the facts.
func (v *view) facts(c own.Cache, into *object.Facts) {
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
func (v *view) deviceFacts(c own.Cache, devices []string, into *object.Facts) {
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
func (v *view) linkFacts(c own.Cache, l own.Link) object.LinkFacts {
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
		DefaultRoute: v.roads.defaults[l.Index], EtcdRoute: v.roads.etcd[l.Index],
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
