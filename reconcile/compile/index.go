package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Index answers which items share something, without walking the node config or the facts. It also knows what each item was compiled
// from. The engine keeps one. It calls Update for each item that it puts into or takes out of its node config, and Observe for each
// change of the facts. Both return the items that must be compiled again. It calls Compiled for each unit. An Index is not safe for
// use from several goroutines.
type Index struct {
	kinds    Kinds
	groups   map[Read]map[string]struct{}
	items    map[desired.Key][]Read // what each item shares, as last updated
	devices  map[string][]Read      // what each device shares, as last observed
	transits map[string]uint32      // router uid → its slot of transit addresses
	host     *desired.Host
	facts    object.Facts // copies of what Observe saw last
	recorded
}

// readSet is what has changed in an update under way.
type readSet map[Read]struct{}

// NewIndex builds the index of a whole node config and of the facts. Either may be nil. Its cost is proportional to both. No item counts
// as compiled yet.
func NewIndex(config *desired.NodeConfig, facts *object.Facts) *Index {
	return AllKinds().NewIndex(config, facts)
}

// NewIndex is the function of this name for a host that knows these kinds.
func (list Kinds) NewIndex(config *desired.NodeConfig, facts *object.Facts) *Index {
	x := &Index{
		kinds:  list,
		groups: map[Read]map[string]struct{}{}, items: map[desired.Key][]Read{}, devices: map[string][]Read{}, transits: map[string]uint32{},
		facts:    object.Facts{Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{}},
		recorded: newRecorded(),
	}
	changed := readSet{}
	for k := range config.All() {
		x.refile(config, k, changed)
	}
	for i := range x.kinds {
		x.filed(&x.kinds[i], config, changed)
	}
	if facts != nil {
		x.observe(facts, deviceNames(facts), changed)
	}
	return x
}

// Update takes over one item as the node config has it now (absent: gone). It returns, sorted, every key that must be compiled again
// because of it, its own included. The node config must already have the change.
func (x *Index) Update(config *desired.NodeConfig, key desired.Key) []desired.Key {
	changed := readSet{}
	x.refile(config, key, changed)
	if k, ok := x.kinds.find(key.Kind); ok {
		x.filed(k, config, changed)
	}
	dirty := x.concerned(changed)
	dirty[key] = struct{}{}
	return dirty.sorted()
}

// Observe takes over the facts and returns, sorted, the keys that must be compiled again. If devices are named, only these are
// compared, and the cost does not depend on the rest. With nil all facts are compared with those seen last.
func (x *Index) Observe(facts *object.Facts, devices []string) []desired.Key {
	changed := readSet{}
	if devices == nil {
		devices = deviceNames(facts, &x.facts)
	}
	x.observe(facts, devices, changed)
	return x.concerned(changed).sorted()
}

// refile takes over an item as the node config has it now.
func (x *Index) refile(config *desired.NodeConfig, key desired.Key, changed readSet) {
	k, ok := x.kinds.find(key.Kind)
	if !ok {
		return
	}
	changed[k.read(key.UID)] = struct{}{}
	var now []Read
	if k.Shares != nil {
		now = k.Shares(config, key.UID)
	}
	x.share(key.UID, x.items[key], now, changed)
	if x.items[key] = now; len(now) == 0 {
		delete(x.items, key)
	}
}

// filed updates what a kind keeps of all its items together.
func (x *Index) filed(k *Kind, config *desired.NodeConfig, changed readSet) {
	if k.filed != nil {
		k.filed(x, config, changed)
	}
}

// share moves a member from its old groups to its new ones.
func (x *Index) share(member string, before, now []Read, changed readSet) {
	for _, g := range before {
		if slices.Contains(now, g) {
			continue
		}
		delete(x.groups[g], member)
		if len(x.groups[g]) == 0 {
			delete(x.groups, g)
		}
		x.regrouped(g, changed)
	}
	for _, g := range now {
		if slices.Contains(before, g) {
			continue
		}
		if x.groups[g] == nil {
			x.groups[g] = map[string]struct{}{}
		}
		x.groups[g][member] = struct{}{}
		x.regrouped(g, changed)
	}
}

func (x *Index) regrouped(g Read, changed readSet) {
	changed[g] = struct{}{}
	if g.Of == GroupInterfaceID { // an interface without any port of this id is a stranger
		for device := range x.groups[Read{GroupPlugged, g.Name}] {
			x.fileStranger(device, changed)
		}
	}
}

// assignTransits gives each router its own slot of transit addresses. In the order of their uids each takes its first choice that
// is still free. So a router's slot depends on another router only when their choices collide.
func (x *Index) assignTransits(changed readSet) {
	routers := x.groups[Read{GroupRouters, ""}]
	taken := make(map[uint32]bool, len(routers))
	now := make(map[string]uint32, len(routers))
	for _, uid := range slices.Sorted(maps.Keys(routers)) {
		if len(now) == transitSlots/2 {
			break // more routers than any host can hold
		}
		for n := uint32(0); ; n++ {
			if slot := transitCandidate(uid, n); !taken[slot] {
				taken[slot], now[uid] = true, slot
				break
			}
		}
		if before, had := x.transits[uid]; !had || before != now[uid] {
			changed[Read{ReadTransit, uid}] = struct{}{}
		}
	}
	x.transits = now
}
