package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Index answers, without walking the slice or the facts, who shares what, and knows what each item was compiled from. The engine
// keeps one. It calls Update for each item that it puts into or takes out of its slice and Observe for each change of the facts,
// both of which return what has to be compiled again, and Compiled for each unit. It is not safe for use from several goroutines.
type Index struct {
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

// NewIndex builds the index of a whole slice and of the facts; either may be nil. Its cost is that of both. Nothing counts as
// compiled yet.
func NewIndex(slice *desired.Slice, facts *object.Facts) *Index {
	x := &Index{
		groups: map[Read]map[string]struct{}{}, items: map[desired.Key][]Read{}, devices: map[string][]Read{}, transits: map[string]uint32{},
		facts:    object.Facts{Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{}},
		recorded: newRecorded(),
	}
	changed := readSet{}
	if slice != nil {
		for _, k := range sliceKeys(slice) {
			x.refile(slice, k, changed)
		}
		x.assignTransits(changed)
	}
	if facts != nil {
		x.observe(facts, deviceNames(facts), changed)
	}
	return x
}

func sliceKeys(s *desired.Slice) (keys []desired.Key) {
	if s.Host != nil {
		keys = append(keys, s.Host.Key())
	}
	return slices.Concat(keys, keysOf(desired.KindNetwork, s.Networks), keysOf(desired.KindPort, s.Ports), keysOf(desired.KindRouter, s.Routers),
		keysOf(desired.KindFloatingIP, s.FloatingIPs), keysOf(desired.KindNeighbors, s.Neighbors))
}

func keysOf[T any](of desired.Kind, items map[string]*T) (keys []desired.Key) {
	for uid := range items {
		keys = append(keys, desired.Key{Kind: of, UID: uid})
	}
	return keys
}

// Update files one item as the slice has it now (absent: gone) and returns, sorted, every key that has to be compiled again
// because of it, its own included. The slice already holds the change.
func (x *Index) Update(slice *desired.Slice, key desired.Key) []desired.Key {
	changed := readSet{}
	x.refile(slice, key, changed)
	if key.Kind == desired.KindRouter {
		x.assignTransits(changed)
	}
	dirty := x.concerned(changed)
	dirty[key] = struct{}{}
	return dirty.sorted()
}

// Observe takes over the facts and returns, sorted, the keys that have to be compiled again. With devices named, only those are
// looked at, at a cost that does not depend on the rest; with nil, all facts are compared with those seen last.
func (x *Index) Observe(facts *object.Facts, devices []string) []desired.Key {
	changed := readSet{}
	if devices == nil {
		devices = deviceNames(facts, &x.facts)
	}
	x.observe(facts, devices, changed)
	return x.concerned(changed).sorted()
}

// refile takes an item over as the slice has it now.
func (x *Index) refile(slice *desired.Slice, key desired.Key, changed readSet) {
	k, ok := kindOf(key.Kind)
	if !ok {
		return
	}
	changed[k.read(key.UID)] = struct{}{}
	if key.Kind == desired.KindHost {
		x.host = slice.Host
	}
	now := k.shares(slice, key.UID)
	x.share(key.UID, x.items[key], now, changed)
	if len(now) == 0 {
		delete(x.items, key)
		return
	}
	x.items[key] = now
}

// share moves a member from the groups that it was in to those that it is in.
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
	if g.Of == GroupInterfaceID { // its first port makes interfaces somebody's, its last makes strangers of them
		for device := range x.groups[Read{GroupPlugged, g.Name}] {
			x.fileStranger(device, changed)
		}
	}
}

// assignTransits gives each router a slot of transit addresses of its own: in the order of their uids each takes its first choice
// that is still free. Only a clash of choices makes one depend on another.
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
