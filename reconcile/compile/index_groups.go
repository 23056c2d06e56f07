package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Index answers which items share something, without walking the node config or the facts. It also knows what each item was compiled
// from. The engine keeps one. It calls Update for each item that it puts into or takes out of its node config, and Observe for each
// change of the facts. Both return the items that must be compiled again. It calls Compiled for each result. An Index is not safe for
// use from several goroutines.
type Index struct {
	kinds    Kinds
	groups   map[Read]map[string]struct{}
	items    map[desired.Key][]Read // what each item shares, as last updated
	devices  map[string][]Read      // what each device shares, as last observed
	transits map[string]uint32      // router uid → its slot of transit addresses
	zones    map[string]uint32      // network uid → its zone of the connection tracker
	host     *desired.Host
	facts    object.Facts // copies of what Observe saw last
	recorded
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

// fileStranger records whether an OVS interface is a stranger: others made it, and no port of this host has its interface id. The
// bridge's own interface, which has the name of the bridge, is none.
func (x *Index) fileStranger(device string, changed readSet) {
	strangers := Read{GroupStrangers, ""}
	i, there := x.facts.Interfaces[device]
	others := there && !i.Created && i.OwnerUID == "" && device != i.Bridge
	_, was := x.groups[strangers][device]
	is := others && (i.InterfaceID == "" || len(x.groups[Read{GroupInterfaceID, i.InterfaceID}]) == 0)
	switch {
	case is && !was:
		x.share(device, nil, []Read{strangers}, changed)
	case was && !is:
		x.share(device, []Read{strangers}, nil, changed)
	}
}

// assignTransits gives each router its own slot of transit addresses.
func (x *Index) assignTransits(changed readSet) {
	x.transits = x.assign(x.transits, GroupRouters, ReadTransit, transitSlots, transitCandidate, changed)
}

// assignZones gives each network its own zone of the connection tracker.
func (x *Index) assignZones(changed readSet) {
	x.zones = x.assign(x.zones, GroupNetworks, ReadZone, lastZone, zoneCandidate, changed)
}

// assign gives each member of a group a number of its own, out of so many. In the order of their uids each takes its first choice that is still
// free. So the number of one depends on another one only when their choices collide. of is the read of a member's number.
func (x *Index) assign(before map[string]uint32, group, of Source, most int, candidate func(uid string, n uint32) uint32, changed readSet) map[string]uint32 {
	members := x.groups[Read{group, ""}]
	taken := make(map[uint32]bool, len(members))
	now := make(map[string]uint32, len(members))
	for _, uid := range slices.Sorted(maps.Keys(members)) {
		if len(now) == most/2 {
			break // more than any host can hold
		}
		for n := uint32(0); ; n++ {
			if number := candidate(uid, n); !taken[number] {
				taken[number], now[uid] = true, number
				break
			}
		}
		if old, had := before[uid]; !had || old != now[uid] {
			changed[Read{of, uid}] = struct{}{}
		}
	}
	return now
}
