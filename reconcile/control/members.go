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

// partFill is how many addresses a part of a network's neighbours holds at most on average. Addresses fall into parts by
// their hash, so that a port's change concerns one part, whoever computes it; far more than this in one part does not
// happen (500 is beyond twenty standard deviations).
const partFill = 200

// members are the addresses on a network of ports that have a host, in parts.
type members struct {
	count int
	parts []map[member]model.MAC
}

// member is an address of a port. Two ports may have the same only while a network that was made again is settled.
type member struct {
	address model.Address
	port    string // uid
}

// partsFor is into how many parts so many addresses are cut: powers of four, so that growth seldom moves anything.
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

// cut sorts all members into so many parts.
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

// neighborsOn makes one part on a node what it must be: there while a router of the node leads to the network.
func (p *planner) neighborsOn(r *round, name string, k desired.Key) error {
	uid, part, ok := parseNeighbors(k)
	network := p.cache.accepted[p.cache.ids[uid]]
	if !ok || network == nil || p.cache.node(name).legs[uid] == 0 {
		p.removeItem(r, name, k)
		return nil
	}
	item := resolveNeighbors(p.cache, network, part)
	if len(item.Entries) == 0 {
		p.removeItem(r, name, k)
		return nil
	}
	changed, err := p.putItem(r, name, item)
	if changed {
		p.sets.wrote(unit{kind: unitItem, node: name, item: k}, len(r.cache.entries[etcdschema.DesiredKey(name, k)].data), p.settings.Now())
	}
	return err
}

// resolveNeighbors is one part of who is on the network.
func resolveNeighbors(c *Cache, network *etcdschema.Accepted, part int) *desired.Neighbors {
	item := &desired.Neighbors{UID: neighborsKey(network.UID, part).UID, Network: network.UID}
	m := c.members[network.Object.ID()]
	if m == nil || part >= len(m.parts) {
		return item
	}
	for k, mac := range m.parts[part] {
		cl, claimed := c.claim(etcdschema.AddressClaim(network.UID, k.address))
		if !claimed || cl.Owner != k.port {
			continue // it is wired nowhere on the network's present incarnation
		}
		item.Entries = append(item.Entries, desired.Neighbor{Address: k.address, MAC: mac})
	}
	slices.SortFunc(item.Entries, func(a, b desired.Neighbor) int { return a.Address.Compare(b.Address.Addr) })
	return item
}

// memberCount is how many addresses the network has members with.
func (c *Cache) memberCount(network model.ID) int {
	if m := c.members[network]; m != nil {
		return m.count
	}
	return 0
}
