package control

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// reader answers a unit's questions to the cache, and records them as reads. Outside of a unit it records nothing.
type reader struct {
	cache *Cache
	notes bool
	unit  unit
	reads map[read]struct{}
}

func (s *reader) note(r read) {
	if !s.notes {
		return
	}
	if s.reads == nil {
		s.reads = map[read]struct{}{}
	}
	s.reads[r] = struct{}{}
}

// forget drops the reads of the unit: it has nothing to do any more. Whoever needs it later starts it again.
func (s *reader) forget() { clear(s.reads) }

// reading evaluates a unit and records its reads, even if the evaluation fails. In that case the writes are rolled back, and the
// reads are those that led to the failure. A unit may be evaluated inside another one.
func (p *planner) reading(u unit, evaluate func() error) error {
	outer := p.reader
	if outer.notes && p.cache.journal != nil {
		p.cache.journal.nested = append(p.cache.journal.nested, u)
	}
	p.reader = &reader{cache: p.cache, notes: true, unit: u, reads: p.spare}
	p.spare = nil
	err := evaluate()
	large := len(p.reader.reads) > spareReads
	p.cache.record.noted(u, p.reader.reads)
	if !large {
		clear(p.reader.reads)
		p.spare = p.reader.reads
	}
	p.reader = outer
	return err
}

// spareReads is the largest size of a set of reads that is used again for the next unit.
const spareReads = 64

// accepted is the accepted object with the ID. Only changes that matter to others count as changes of this read (see sameToOthers).
func (s *reader) accepted(id model.ID) *etcdschema.Accepted {
	s.note(read{of: groupAccepted, name: id.String()})
	return s.cache.accepted[id]
}

// whole is the accepted object with the ID. Every change of it counts.
func (s *reader) whole(id model.ID) *etcdschema.Accepted {
	s.note(read{of: readEntry, name: etcdschema.AcceptedKey(id).String()})
	return s.cache.accepted[id]
}

// withUID is the accepted object with the uid.
func (s *reader) withUID(uid string) *etcdschema.Accepted {
	s.note(read{of: readUID, name: uid})
	return s.cache.accepted[s.cache.ids[uid]]
}

// claim is the claim under the key (see Cache.claim).
func (s *reader) claim(k etcdschema.Key) (etcdschema.Claim, bool) {
	s.note(read{of: readEntry, name: k.String()})
	return s.cache.claim(k)
}

// item is an item of a node config.
func (s *reader) item(name string, k desired.Key) *entry {
	s.note(read{of: readEntry, name: etcdschema.DesiredKey(name, k).String()})
	return s.cache.node(name).items[k]
}

// owns says that the claim under the key exists and belongs to uid. The owner's claims are recorded as one group.
func (s *reader) owns(uid string, k etcdschema.Key) bool {
	cl, ok := s.cache.claim(k)
	if ok && cl.Owner == uid {
		s.note(read{of: groupOwned, name: uid})
		return true
	}
	s.note(read{of: readEntry, name: k.String()})
	return false
}

// owned are the claims of an owner.
func (s *reader) owned(uid string) map[etcdschema.Key]struct{} {
	s.note(read{of: groupOwned, name: uid})
	return s.cache.owned[uid]
}

// declared says that the object has an intent.
func (s *reader) declared(id model.ID) bool {
	s.note(read{of: groupDeclared, name: id.String()})
	return s.cache.intents[id] != nil
}

// users are the accepted objects that refer to the object.
func (s *reader) users(id model.ID) map[model.ID]struct{} {
	s.note(read{of: groupUsers, name: id.String()})
	return s.cache.using[id]
}

// alive says that the uid belongs to an accepted object.
func (s *reader) alive(uid string) bool {
	s.note(read{of: readUID, name: uid})
	_, ok := s.cache.ids[uid]
	return ok
}

// activated is the number of the migration whose guest has arrived according to the node; 0 for none.
func (s *reader) activated(name, uid string) int64 {
	s.note(read{of: groupActivated, name: uid})
	return s.cache.node(name).port(uid).Activated
}

// inTheWay records a claim of another owner. The unit is evaluated again when the value may be available.
func (s *reader) inTheWay(k etcdschema.Key) { s.note(read{of: readFree, name: k.String()}) }

// exhausted records a space without any free value.
func (s *reader) exhausted(space string) { s.note(read{of: readFree, name: space}) }

// routerOf is the accepted router that the network is on; nil when it is on none.
func (s *reader) routerOf(network string) *etcdschema.Accepted {
	cl, ok := s.claim(etcdschema.RouterNetworkClaim(network))
	if !ok {
		return nil
	}
	if owner := s.withUID(cl.Owner); owner != nil {
		s.accepted(owner.Object.ID())
	}
	return s.cache.routerOf(network)
}

// leads says that a router on the node has a leg on the network.
func (s *reader) leads(name, network string) bool {
	s.note(read{of: groupLegs, node: name, name: network})
	return s.cache.node(name).legs[network] > 0
}

// needs says that something in the node config refers to the network.
func (s *reader) needs(name, network string) bool {
	s.note(read{of: groupGuests, node: name, name: network})
	s.note(read{of: groupOutside, node: name, name: network})
	s.note(read{of: groupLegs, node: name, name: network})
	return s.cache.node(name).needs(network)
}

// guests are the networks that ports in the node config are on, by uid.
func (s *reader) guests(name string) map[string]int {
	s.note(read{of: groupGuests, node: name})
	return s.cache.node(name).networks
}

// hasGuests says that a port in the node config is on the network.
func (s *reader) hasGuests(name, network string) bool {
	s.note(read{of: groupGuests, node: name, name: network})
	return s.cache.node(name).networks[network] > 0
}

// shares says that a distributed router on the node uses the external network, with the host's own addresses.
func (s *reader) shares(name, network string) bool {
	s.note(read{of: groupOutside, node: name, name: network})
	return s.cache.node(name).shared[network] > 0
}

// lacks is the first of the features that the node does not have.
func (s *reader) lacks(name string, features ...desired.Feature) (desired.Feature, bool) {
	s.note(read{of: groupFeatures, node: name})
	return s.cache.nodes[name].lacks(features...)
}

// externalAddresses are what the host or router has on the external network.
func (s *reader) externalAddresses(id model.ID, network string) []model.Address {
	s.accepted(id)
	return s.cache.externalAddresses(id, network)
}

// parts is the number of parts into which the members of a network are divided.
func (s *reader) parts(network *etcdschema.Accepted) int {
	s.note(read{of: groupParts, name: network.UID})
	return partsFor(s.cache.memberCount(network.Object.ID()))
}

// members is one part of the members of a network.
func (s *reader) members(network *etcdschema.Accepted, part int) map[member]model.MAC {
	s.note(read{of: groupMembers, name: network.UID, part: part})
	return s.cache.membersIn(network.Object.ID(), part)
}

// mapped says that some host has an interface on the physical network.
func (s *reader) mapped(physical string) bool {
	s.note(read{of: groupMapped, name: physical})
	return len(s.cache.mapped[physical]) > 0
}

// gateways are the names of the hosts with the role gateway.
func (s *reader) gateways() map[string]struct{} {
	s.note(read{of: groupGateways})
	return s.cache.gateways
}
