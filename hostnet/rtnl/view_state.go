package rtnl

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"weft/hostnet/object"
)

// linkState is what the view holds of one netdev: the fields Weft manages or compiles from, and nothing that changes by
// itself (statistics, carrier), so that two equal states mean "nothing happened". It is comparable.
type linkState struct {
	index  int
	name   string
	mac    object.MAC
	mtu    int
	up     bool // administratively (IFF_UP)
	master int  // index, 0 for none
	kind   string
	owner  string // in the alias of a device that Weft made
	alt    string // alternative names, with a space between
}

// qdiscState is what hangs at a netdev's hooks: the kinds of a root qdisc with a handle of its own, and of an ingress
// or clsact one. It is comparable; the zero value is the kernel's default.
type qdiscState struct{ root, ingress string }

// addressKey is one configured address: the kernel allows an address once per link.
type addressKey struct {
	index  int
	prefix netip.Prefix
}

// addressSet is the configured addresses by link.
type addressSet map[int]map[netip.Prefix]bool

func (s addressSet) has(k addressKey) bool { return s[k.index][k.prefix] }

func (s addressSet) add(k addressKey) {
	if s[k.index] == nil {
		s[k.index] = map[netip.Prefix]bool{}
	}
	s[k.index][k.prefix] = true
}

func (s addressSet) remove(k addressKey) {
	delete(s[k.index], k.prefix)
	if len(s[k.index]) == 0 {
		delete(s, k.index)
	}
}

// roads says by which links the host reaches what it must not lose.
type roads struct {
	defaults map[int]bool // links that carry a default route
	etcd     map[int]bool // links that carry the road to an etcd endpoint
}

// view is the driver's picture of the namespace. The watch goroutine and the engine's goroutine share it.
type view struct {
	mu        sync.Mutex
	links     map[int]linkState
	names     map[string]int
	addresses addressSet
	qdiscs    map[int]qdiscState
	roads     roads
}

func newView() *view {
	return &view{
		links: map[int]linkState{}, names: map[string]int{},
		addresses: addressSet{}, qdiscs: map[int]qdiscState{},
	}
}

// setLink stores a link and returns the device names whose state is another now: none when nothing changed, two when
// the link was renamed.
func (v *view) setLink(l linkState) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	old, known := v.links[l.index]
	if known && old == l && v.names[l.name] == l.index {
		return nil
	}
	v.links[l.index] = l
	changed := []string{l.name}
	if known && old.name != l.name {
		v.forgetName(old.name, l.index)
		changed = append(changed, old.name)
	}
	v.names[l.name] = l.index
	return changed
}

// deleteLink forgets a link with everything on it and returns its name, or nothing if it was not known.
func (v *view) deleteLink(index int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	old, known := v.links[index]
	if !known {
		return nil
	}
	delete(v.links, index)
	delete(v.qdiscs, index)
	delete(v.addresses, index)
	v.forgetName(old.name, index)
	return []string{old.name}
}

// forgetName drops the name unless another link took it meanwhile.
func (v *view) forgetName(name string, index int) {
	if v.names[name] == index {
		delete(v.names, name)
	}
}

// setAddress adds or removes an address and says whether that changed anything.
func (v *view) setAddress(k addressKey, present bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.addresses.has(k) == present {
		return false
	}
	if present {
		v.addresses.add(k)
	} else {
		v.addresses.remove(k)
	}
	return true
}

// setQdisc changes what hangs at one hook of a link and says whether that changed anything. An empty kind is the
// kernel's default.
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

// setRoads stores the roads and returns the names of links that carry another set of them now.
func (v *view) setRoads(r roads) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var changed []string
	for index, l := range v.links {
		if v.roads.defaults[index] != r.defaults[index] || v.roads.etcd[index] != r.etcd[index] {
			changed = append(changed, l.name)
		}
	}
	v.roads = r
	slices.Sort(changed)
	return changed
}

// carriesRoad says whether the link carries a default route or the road to etcd.
func (v *view) carriesRoad(index int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.roads.defaults[index] || v.roads.etcd[index]
}

// name of the link, or "".
func (v *view) name(index int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.links[index].name
}

// link by name.
func (v *view) link(name string) (linkState, qdiscState, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	index, ok := v.names[name]
	return v.links[index], v.qdiscs[index], ok
}

// replace takes over everything that was read afresh and returns the names of links that differ from before. Roads are
// left as they are.
func (v *view) replace(fresh *view) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	changed := map[string]bool{}
	for index, l := range v.links {
		if fresh.links[index] != l || fresh.qdiscs[index] != v.qdiscs[index] {
			changed[l.name] = true
		}
	}
	for index, l := range fresh.links {
		if v.links[index] != l {
			changed[l.name] = true
		}
	}
	for index, set := range v.addresses {
		if !maps.Equal(set, fresh.addresses[index]) {
			changed[v.links[index].name] = true
		}
	}
	for index := range fresh.addresses {
		if v.addresses[index] == nil {
			changed[fresh.links[index].name] = true
		}
	}
	delete(changed, "")
	v.links, v.names, v.addresses, v.qdiscs = fresh.links, fresh.names, fresh.addresses, fresh.qdiscs
	names := make([]string, 0, len(changed))
	for n := range changed {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// facts writes every link into the facts.
func (v *view) facts(into *object.Facts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if into.Links == nil {
		into.Links = make(map[string]object.LinkFacts, len(v.links))
	}
	for _, l := range v.links {
		into.Links[l.name] = v.linkFacts(l)
	}
	into.NoIPv6 = noIPv6()
	into.BridgeNetfilter = bridgeNetfilter("/proc/sys/net/bridge")
}

// bridgeNetfilter lists the settings of br_netfilter that are on, below the folder that is there once the module is loaded.
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

// noIPv6 says that the kernel was started without IPv6: it has no settings for it then.
func noIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return errors.Is(err, fs.ErrNotExist)
}

// deviceFacts writes the links of these names, and removes the names that no link has.
func (v *view) deviceFacts(devices []string, into *object.Facts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, name := range devices {
		if index, there := v.names[name]; there {
			into.Links[name] = v.linkFacts(v.links[index])
		} else {
			delete(into.Links, name)
		}
	}
}

// linkFacts is what the facts say of one link. The lock is held.
func (v *view) linkFacts(l linkState) object.LinkFacts {
	var addresses []netip.Prefix
	for p := range v.addresses[l.index] {
		if !p.Addr().IsLinkLocalUnicast() {
			addresses = append(addresses, p)
		}
	}
	slices.SortFunc(addresses, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var others []string
	if l.alt != "" {
		others = strings.Fields(l.alt)
	}
	return object.LinkFacts{
		Kind: l.kind, Index: l.index, MAC: l.mac, MTU: l.mtu, Up: l.up, Addresses: addresses,
		DefaultRoute: v.roads.defaults[l.index], EtcdRoute: v.roads.etcd[l.index],
		Master: v.links[l.master].name, MasterOwner: v.links[l.master].owner, AltNames: others,
	}
}
