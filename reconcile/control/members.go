package control

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// partFill is the largest average number of addresses in a part of a network's neighbours. The part of an address depends on its
// hash, so that a port's change concerns one part for each of its addresses, whichever replica computes it. Much larger parts do
// not happen in practice: 500 addresses are more than twenty standard deviations away.
const partFill = 200

// members are the addresses of a network's ports that have a host, divided into parts.
type members struct {
	count int
	parts []map[member]model.MAC
}

// member is an address of a port. Two ports have the same address only while a network that was deleted and declared again is being
// settled.
type member struct {
	address model.Address
	port    string // uid
}

// partsFor is the number of parts for this number of addresses. It is a power of four, so that growth seldom moves addresses to
// other parts.
func partsFor(count int) int {
	n := 1
	for count > n*partFill {
		n *= 4
	}
	return n
}

func partOf(a model.Address, parts int) int {
	h := fnv.New32a()
	b := a.As16()
	h.Write(b[:])
	return int(h.Sum32()>>4) % parts
}

func (m *members) change(k member, mac model.MAC, add bool) {
	if add {
		m.count++
	} else {
		m.count--
	}
	if n := partsFor(m.count); n != len(m.parts) {
		m.cut(n)
	}
	part := m.parts[partOf(k.address, len(m.parts))]
	if add {
		part[k] = mac
	} else {
		delete(part, k)
	}
}

// cut divides all members into n parts.
func (m *members) cut(n int) {
	old := m.parts
	m.parts = make([]map[member]model.MAC, n)
	for i := range m.parts {
		m.parts[i] = map[member]model.MAC{}
	}
	for _, part := range old {
		for k, mac := range part {
			m.parts[partOf(k.address, n)][k] = mac
		}
	}
}

func (c *Cache) indexMembers(a *etcdschema.Accepted, add bool) {
	s, ok := a.Object.Spec.(*model.PortSpec)
	if !ok || s.Host == "" || len(a.Allocated.Addresses) == 0 {
		return
	}
	id := s.NetworkID(a.Object.Metadata.Project)
	m := c.members[id]
	if m == nil {
		m = &members{parts: []map[member]model.MAC{{}}}
		c.members[id] = m
	}
	for _, addr := range a.Allocated.Addresses {
		m.change(member{addr, a.UID}, a.Allocated.MAC, add)
	}
	if m.count == 0 {
		delete(c.members, id)
	}
}

// neighborsKey is the key of one part.
func neighborsKey(network string, part int) desired.Key {
	return desired.Key{Kind: desired.KindNeighbors, UID: fmt.Sprintf("%s-%d", network, part)}
}

// parseNeighbors reads network and part out of a key made by neighborsKey.
func parseNeighbors(k desired.Key) (network string, part int, ok bool) {
	i := strings.LastIndexByte(k.UID, '-')
	if i < 0 {
		return "", 0, false
	}
	part, err := strconv.Atoi(k.UID[i+1:])
	return k.UID[:i], part, err == nil && part >= 0
}

// neighborsOn updates one part of the neighbours on a node. The item exists while a router on the node leads to the network.
func (p *planner) neighborsOn(tx *transaction, name string, k desired.Key) error {
	return p.reading(unit{kind: unitItem, node: name, item: k}, func() error {
		network, part := p.partOn(name, k)
		if network == nil {
			tx.removeItem(name, k)
			return nil
		}
		item := resolveNeighbors(p.cache, network, part, p.reader.members(network, part))
		if len(item.Entries) == 0 {
			tx.removeItem(name, k)
			return nil
		}
		changed, err := tx.putItem(name, item)
		if changed {
			p.sets.Wrote(unit{kind: unitItem, node: name, item: k}, len(tx.cache.entries[etcdschema.DesiredKey(name, k)].data), p.settings.Now())
		}
		return err
	})
}

// partOn returns the network and the part of a neighbours item on a node. The network is nil while no router on the node leads to
// it; the router's own evaluation then starts the item again.
func (p *planner) partOn(name string, k desired.Key) (network *etcdschema.Accepted, part int) {
	uid, part, ok := parseNeighbors(k)
	if !ok || !p.reader.leads(name, uid) {
		p.reader.forget()
		return nil, 0
	}
	if network = p.reader.withUID(uid); network == nil {
		return nil, 0
	}
	if parts := p.reader.parts(network); part == 0 {
		for i := 1; i < parts; i++ {
			p.begin(unit{kind: unitItem, node: name, item: neighborsKey(uid, i)})
		}
	}
	p.reader.members(network, part)
	return network, part
}

// resolveNeighbors makes the item of one part.
func resolveNeighbors(c *Cache, network *etcdschema.Accepted, part int, in map[member]model.MAC) *desired.Neighbors {
	item := &desired.Neighbors{UID: neighborsKey(network.UID, part).UID, Network: network.UID}
	for k, mac := range in {
		cl, claimed := c.claim(etcdschema.AddressClaim(network.UID, k.address))
		if !claimed || cl.Owner != k.port {
			continue // the port has no claim on the present incarnation of the network
		}
		item.Entries = append(item.Entries, desired.Neighbor{Address: k.address, MAC: mac})
	}
	slices.SortFunc(item.Entries, func(a, b desired.Neighbor) int { return a.Address.Compare(b.Address.Addr) })
	return item
}

// memberCount is the number of addresses that ports with a host have on the network.
func (c *Cache) memberCount(network model.ID) int {
	if m := c.members[network]; m != nil {
		return m.count
	}
	return 0
}

// membersIn is one part of the network's members; nil when there is no such part.
func (c *Cache) membersIn(network model.ID, part int) map[member]model.MAC {
	if m := c.members[network]; m != nil && part < len(m.parts) {
		return m.parts[part]
	}
	return nil
}

// membersChanged reports the parts of a network's members in which a port changed.
func (c *Cache) membersChanged(was, is *etcdschema.Accepted) {
	before, wasOn := membersOf(was)
	after, isOn := membersOf(is)
	if wasOn == isOn {
		c.partsChanged(isOn, before, after)
		return
	}
	c.partsChanged(wasOn, before, nil)
	c.partsChanged(isOn, nil, after)
}

// membersOf are the addresses that a port adds to a network.
func membersOf(a *etcdschema.Accepted) (map[member]model.MAC, model.ID) {
	if a == nil {
		return nil, model.ID{}
	}
	s, ok := a.Object.Spec.(*model.PortSpec)
	if !ok {
		return nil, model.ID{}
	}
	network := s.NetworkID(a.Object.Metadata.Project)
	if s.Host == "" {
		return nil, network
	}
	out := make(map[member]model.MAC, len(a.Allocated.Addresses))
	for _, addr := range a.Allocated.Addresses {
		out[member{addr, a.UID}] = a.Allocated.MAC
	}
	return out, network
}

// partsChanged reports the parts that hold what differs, and a change of the number of parts.
func (c *Cache) partsChanged(id model.ID, was, is map[member]model.MAC) {
	network := c.accepted[id]
	if network == nil || len(was)+len(is) == 0 {
		return
	}
	count := c.memberCount(id)
	parts := partsFor(count)
	for _, m := range []map[member]model.MAC{was, is} {
		for k, mac := range m {
			if was[k] != mac || is[k] != mac {
				c.record.changed(read{of: groupMembers, name: network.UID, part: partOf(k.address, parts)})
			}
		}
	}
	if parts != partsFor(count-len(is)+len(was)) {
		c.record.changed(read{of: groupParts, name: network.UID})
	}
}
