package control

import (
	"maps"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/claimed"
)

// Cache mirrors everything below the root that the controllers compute with, with indexes by reference. It is not safe for
// concurrent use: one goroutine owns it. Make it with NewCache and fill it with Load, or use LoadCache. A Controller fills its
// cache from the events of etcd.
type Cache struct {
	Revision  int64
	ClusterID uint64

	kinds Kinds
	model model.Kinds // of the kinds

	entries  map[etcdschema.Key]*entry
	intents  map[model.ID]*intent
	accepted map[model.ID]*etcdschema.Accepted
	ids      map[string]model.ID // by uid of accepted objects
	// wanting has, by object, the objects whose intent refers to it; using those whose accepted spec refers to it.
	wanting index[model.ID, model.ID]
	using   index[model.ID, model.ID]

	owned     index[string, etcdschema.Key] // claims by owner uid
	addresses map[string]*claimed.Addresses // claimed, by network uid
	segments  map[string]*claimed.Segments  // claimed, by physical network
	prefixes  map[string]*claimed.Prefixes  // claimed, by the uid of the external network

	members map[model.ID]*members   // of networks
	mapped  index[string, model.ID] // hosts by physical network

	gateways map[string]struct{} // names of hosts with the role gateway

	nodes     map[string]*node
	reporting int                        // nodes whose summary is there
	owners    reportedOwners             // of what the nodes report
	placed    index[desired.Key, string] // nodes that hold an item

	journal *journal // not nil while a transaction may still be taken back
	record  *record  // not nil while a planner evaluates units against the cache

	// acceptedChanged hears of each accepted object that appears or disappears, also when a transaction is rolled back. It may be nil.
	acceptedChanged func(id model.ID, accepted bool)
}

// NewCache returns an empty cache that knows all kinds of this version.
func NewCache() *Cache { return newCache(AllKinds()) }

func newCache(kinds Kinds) *Cache {
	return &Cache{
		kinds: kinds, model: kinds.intents(),
		entries: map[etcdschema.Key]*entry{}, intents: map[model.ID]*intent{},
		accepted: map[model.ID]*etcdschema.Accepted{}, ids: map[string]model.ID{},
		wanting: index[model.ID, model.ID]{}, using: index[model.ID, model.ID]{},
		owned: index[string, etcdschema.Key]{}, addresses: map[string]*claimed.Addresses{},
		segments: map[string]*claimed.Segments{}, prefixes: map[string]*claimed.Prefixes{}, members: map[model.ID]*members{}, mapped: index[string, model.ID]{},
		gateways: map[string]struct{}{}, nodes: map[string]*node{}, placed: index[desired.Key, string]{},
		owners: reportedOwners{},
	}
}

// parseID reads the ID of an object of a known kind out of a key.
func (c *Cache) parseID(k etcdschema.Key) (model.ID, bool) { return etcdschema.ParseIDOf(c.model, k) }

// Load fills the cache from a list of everything at one revision.
func (c *Cache) Load(items []etcdschema.Item, revision int64) {
	for _, it := range items {
		if len(it.Value) > reportLimit(it.Key) {
			continue
		}
		c.set(it.Key, &entry{data: it.Value, mod: it.ModRevision, born: it.CreateRevision})
	}
	c.Revision = revision
}

// set stores e under the key, or deletes the key when e is nil. It returns the old entry. Units that have read what changes are
// queued.
func (c *Cache) set(k etcdschema.Key, e *entry) *entry {
	old := c.swap(k, e)
	if old != nil || e != nil {
		c.changed(k, old, e)
	}
	return old
}

// swap is set without queueing anybody.
func (c *Cache) swap(k etcdschema.Key, e *entry) *entry {
	old := c.entries[k]
	if c.journal != nil {
		c.journal.note(k, old)
	}
	if e != nil {
		c.decodeEntry(k, e)
	}
	c.unindex(k, old)
	if e == nil {
		delete(c.entries, k)
	} else {
		c.entries[k] = e
	}
	c.index(k, e)
	return old
}

func (c *Cache) unindex(k etcdschema.Key, e *entry) {
	if e == nil {
		return
	}
	switch area(k) {
	case "intent":
		if id, ok := c.parseID(k); ok {
			c.refer(c.wanting, id, e.value.(*intent).object, false)
			delete(c.intents, id)
		}
	case "accepted":
		id, ok := c.parseID(k)
		if a, is := e.value.(*etcdschema.Accepted); ok && is {
			c.refer(c.using, id, a.Object, false)
			c.indexOfKind(a, false)
			delete(c.accepted, id)
			c.tellAccepted(id, false)
			if c.ids[a.UID] == id {
				delete(c.ids, a.UID)
			}
		}
	case "claim":
		c.indexClaim(k, e, false)
	case "desired":
		c.indexDesired(k, e, false)
	case "actual":
		c.indexActual(k, e, nil)
	}
}

func (c *Cache) index(k etcdschema.Key, e *entry) {
	if e == nil {
		return
	}
	switch area(k) {
	case "intent":
		if id, ok := c.parseID(k); ok {
			in := e.value.(*intent)
			c.intents[id] = in
			c.refer(c.wanting, id, in.object, true)
		}
	case "accepted":
		id, ok := c.parseID(k)
		if a, is := e.value.(*etcdschema.Accepted); ok && is && a.Object.Spec != nil {
			c.accepted[id] = a
			c.tellAccepted(id, true)
			c.ids[a.UID] = id
			c.refer(c.using, id, a.Object, true)
			c.indexOfKind(a, true)
		}
	case "claim":
		c.indexClaim(k, e, true)
	case "desired":
		c.indexDesired(k, e, true)
	case "actual":
		c.indexActual(k, nil, e)
	}
}

// indexOfKind adds an accepted object to the indexes of its kind, or removes it.
func (c *Cache) indexOfKind(acc *etcdschema.Accepted, add bool) {
	if index := c.kinds.objectOf(acc).index; index != nil {
		index(c, acc, add)
	}
}

func (c *Cache) tellAccepted(id model.ID, accepted bool) {
	if c.acceptedChanged != nil {
		c.acceptedChanged(id, accepted)
	}
}

func area(k etcdschema.Key) string {
	a, _, _ := strings.Cut(k.String(), "/")
	return a
}

func (c *Cache) refer(in index[model.ID, model.ID], from model.ID, o model.Object, add bool) {
	if o.Spec == nil {
		return
	}
	for _, r := range o.Spec.References(from.Project) {
		in.change(r.To, from, add)
	}
}

func (c *Cache) indexClaim(k etcdschema.Key, e *entry, add bool) {
	if cl, ok := e.value.(*etcdschema.Claim); ok {
		c.owned.change(cl.Owner, k, add)
	}
	if network, a, ok := etcdschema.ParseAddressClaim(k); ok {
		c.addressesOf(network).Change(a.Addr, add)
		return
	}
	if network, p, ok := etcdschema.ParseRoutedPrefixClaim(k); ok {
		if c.prefixes[network] == nil {
			c.prefixes[network] = &claimed.Prefixes{}
		}
		c.prefixes[network].Change(p, add)
		return
	}
	if physical, vlan, ok := etcdschema.ParseSegmentClaim(k); ok {
		c.segmentsOf(physical).Change(vlan, add)
	}
}

func (c *Cache) addressesOf(network string) *claimed.Addresses {
	s := c.addresses[network]
	if s == nil {
		s = &claimed.Addresses{}
		c.addresses[network] = s
	}
	return s
}

func (c *Cache) segmentsOf(physical string) *claimed.Segments {
	s := c.segments[physical]
	if s == nil {
		s = &claimed.Segments{}
		c.segments[physical] = s
	}
	return s
}

// claim is the claim under the key. ok is false when there is none. A claim that cannot be decoded has no owner.
func (c *Cache) claim(k etcdschema.Key) (cl etcdschema.Claim, ok bool) {
	e := c.entries[k]
	if e == nil {
		return cl, false
	}
	if v, is := e.value.(*etcdschema.Claim); is {
		return *v, true
	}
	return etcdschema.Claim{State: etcdschema.ClaimBound}, true
}

func (c *Cache) mod(k etcdschema.Key) int64 {
	if e := c.entries[k]; e != nil {
		return e.mod
	}
	return 0
}

// Accepted is the accepted object with the ID, nil when there is none. Do not change it.
func (c *Cache) Accepted(id model.ID) *etcdschema.Accepted { return c.accepted[id] }

// index is a set of values by key.
type index[K, V comparable] map[K]map[V]struct{}

func (x index[K, V]) change(k K, v V, add bool) {
	if !add {
		delete(x[k], v)
		if len(x[k]) == 0 {
			delete(x, k)
		}
		return
	}
	if x[k] == nil {
		x[k] = map[V]struct{}{}
	}
	x[k][v] = struct{}{}
}

// sortedIDs lists a set of IDs in a stable order.
func sortedIDs(set map[model.ID]struct{}) []model.ID {
	return slices.SortedFunc(maps.Keys(set), compareIDs)
}

func compareIDs(a, b model.ID) int {
	if n := strings.Compare(a.Project, b.Project); n != 0 {
		return n
	}
	if n := strings.Compare(string(a.Kind), string(b.Kind)); n != 0 {
		return n
	}
	return strings.Compare(a.Name, b.Name)
}
