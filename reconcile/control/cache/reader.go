package cache

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// Reader answers a work item's questions to the cache, and records them as reads. Outside of a work item it records nothing.
type Reader struct {
	Cache *Cache
	notes bool
	reads map[Read]struct{}
}

// NewReader returns a reader that records what is read, in the given empty set if it is not nil.
func (c *Cache) NewReader(spare map[Read]struct{}) *Reader {
	return &Reader{Cache: c, notes: true, reads: spare}
}

// Reader returns a reader that records nothing.
func (c *Cache) Reader() *Reader { return &Reader{Cache: c} }

// Note records a read, unless the reader records nothing.
func (s *Reader) Note(r Read) {
	if !s.notes {
		return
	}
	if s.reads == nil {
		s.reads = map[Read]struct{}{}
	}
	s.reads[r] = struct{}{}
}

// Forget drops the reads of the work item: it has nothing to do any more. Whoever needs it later starts it again.
func (s *Reader) Forget() { clear(s.reads) }

// Accepted is the accepted object with the ID. Only changes that matter to others count as changes of this read (see sameToOthers).
func (s *Reader) Accepted(id model.ID) *etcdschema.Accepted {
	s.Note(Read{Of: groupAccepted, Name: id.String()})
	return s.Cache.accepted[id]
}

// Whole is the accepted object with the ID. Every change of it counts.
func (s *Reader) Whole(id model.ID) *etcdschema.Accepted {
	s.Note(Read{Of: readEntry, Name: etcdschema.AcceptedKey(id).String()})
	return s.Cache.accepted[id]
}

// WithUID is the accepted object with the uid.
func (s *Reader) WithUID(uid string) *etcdschema.Accepted {
	s.Note(Read{Of: readUID, Name: uid})
	return s.Cache.accepted[s.Cache.ids[uid]]
}

// Claim is the claim under the key (see Cache.claim).
func (s *Reader) Claim(k etcdschema.Key) (etcdschema.Claim, bool) {
	s.Note(Read{Of: readEntry, Name: k.String()})
	return s.Cache.Claim(k)
}

// Item is an item of a node config.
func (s *Reader) Item(name string, k desired.Key) *Entry {
	s.Note(Read{Of: readEntry, Name: etcdschema.DesiredKey(name, k).String()})
	return s.Cache.Node(name).Items[k]
}

// Owns says that the claim under the key exists and belongs to uid. The owner's claims are recorded as one group.
func (s *Reader) Owns(uid string, k etcdschema.Key) bool {
	cl, ok := s.Cache.Claim(k)
	if ok && cl.Owner == uid {
		s.Note(Read{Of: groupOwned, Name: uid})
		return true
	}
	s.Note(Read{Of: readEntry, Name: k.String()})
	return false
}

// Owned are the claims of an owner.
func (s *Reader) Owned(uid string) map[etcdschema.Key]struct{} {
	s.Note(Read{Of: groupOwned, Name: uid})
	return s.Cache.owned[uid]
}

// Declared says that the object has an intent.
func (s *Reader) Declared(id model.ID) bool {
	s.Note(Read{Of: groupDeclared, Name: id.String()})
	return s.Cache.intents[id] != nil
}

// Users are the accepted objects that refer to the object.
func (s *Reader) Users(id model.ID) map[model.ID]struct{} {
	s.Note(Read{Of: groupUsers, Name: id.String()})
	return s.Cache.using[id]
}

// Alive says that the uid belongs to an accepted object.
func (s *Reader) Alive(uid string) bool {
	s.Note(Read{Of: readUID, Name: uid})
	_, ok := s.Cache.ids[uid]
	return ok
}

// Activated is the number of the migration whose guest has arrived according to the node; 0 for none.
func (s *Reader) Activated(name, uid string) int64 {
	s.Note(Read{Of: groupActivated, Name: uid})
	return s.Cache.Node(name).port(uid).Activated
}

// InTheWay records a claim of another owner. The work item is evaluated again when the value may be available.
func (s *Reader) InTheWay(k etcdschema.Key) { s.Note(Read{Of: readFree, Name: k.String()}) }

// Exhausted records a space without any free value.
func (s *Reader) Exhausted(space string) { s.Note(Read{Of: readFree, Name: space}) }

// Lacks is the first of the features that the node does not have.
func (s *Reader) Lacks(name string, features ...desired.Feature) (desired.Feature, bool) {
	s.Note(Read{Of: groupFeatures, node: name})
	return s.Cache.nodes[name].lacks(features...)
}

// Has says that the member is in the group of a node; of all objects when node is empty.
func (s *Reader) Has(of Source, node, member string) bool {
	s.Note(Read{Of: of, node: node, Name: member})
	return s.Cache.Has(of, node, member)
}

// Members is a group, with the number of times that each member is in it.
func (s *Reader) Members(of Source, node string) map[string]int {
	s.Note(Read{Of: of, node: node})
	return s.Cache.Members(of, node)
}

// Quiet is a reader that records nothing.
func (s *Reader) Quiet() *Reader { return s.Cache.Reader() }

// Listen makes the cache record reads and tell who has read what changes. The returned function undoes it, so that a preview leaves the
// cache as it was.
func (c *Cache) Listen(enqueue func(Work)) (restore func()) {
	before := c.record
	c.record = newRecord(enqueue)
	return func() { c.record = before }
}

// TraceReads collects from now on the reads that change.
func (c *Cache) TraceReads(changed map[Read]struct{}) { c.record.trace = changed }

// Noted replaces the recorded reads of work by what the reader has read. It returns an empty set for the next reader, or nil.
func (c *Cache) Noted(u Work, r *Reader) map[Read]struct{} { return c.record.noted(u, r.reads) }

// Expect records what work will read that has not been evaluated yet. It is queued when this changes.
func (c *Cache) Expect(u Work, r *Reader) { c.record.expect(u, r.reads) }

// Knows says that the work was evaluated, so that changes of its reads queue it.
func (c *Cache) Knows(u Work) bool { return c.record.knows(u) }

// ForgetReads forgets all reads.
func (c *Cache) ForgetReads() { c.record.clear() }

// Reads counts the work of which reads are recorded, and the things that were read.
func (c *Cache) Reads() (work, things int) { return len(c.record.work), len(c.record.things) }
