package cache

import (
	"iter"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/claimed"
)

// Cache mirrors everything below the root that the controllers compute with, with indexes by reference. It is not safe for
// concurrent use: one goroutine owns it. Make it with New and fill it with Load or Set.
type Cache struct {
	Revision  int64
	ClusterID uint64

	decoder *Decoder // knows the kinds

	entries  map[etcdschema.Key]*Entry
	intents  map[model.ID]*Intent
	accepted map[model.ID]*etcdschema.Accepted
	ids      map[string]model.ID       // by uid of accepted objects
	using    index[model.ID, model.ID] // by object, the objects whose accepted spec refers to it

	owned     index[string, etcdschema.Key] // claims by owner uid
	addresses map[string]*claimed.Addresses // claimed, by network uid
	segments  map[string]*claimed.Segments  // claimed, by physical network
	prefixes  map[string]*claimed.Prefixes  // claimed, by the uid of the external network
	pairs     map[string]*claimed.Pairs     // claimed, by network uid
	pairMACs  index[model.MAC, string]      // by MAC, the uids of the ports whose allowed address pairs have it

	groups  map[groupKey]map[string]int // how often each member is in a group
	indexes map[model.Kind]Index        // those that kinds keep themselves

	nodes     map[string]*Node
	reporting int                        // nodes whose summary is there
	owners    reportedOwners             // of what the nodes report
	placed    index[desired.Key, string] // nodes that hold an item
	shared    map[desired.Key]contents   // of items that many nodes have

	journal *journal // not nil while a transaction may still be taken back
	record  *record  // not nil while a planner evaluates work items against the cache

	// AcceptedChanged hears of each accepted object that appears or disappears, also when a transaction is rolled back. It may be nil.
	AcceptedChanged func(id model.ID, accepted bool)
}

// New returns an empty cache that knows the kinds.
func New(kinds Kinds) *Cache {
	c := &Cache{
		decoder: NewDecoder(kinds), shared: map[desired.Key]contents{},
		entries: map[etcdschema.Key]*Entry{}, intents: map[model.ID]*Intent{},
		accepted: map[model.ID]*etcdschema.Accepted{}, ids: map[string]model.ID{},
		using: index[model.ID, model.ID]{}, owned: index[string, etcdschema.Key]{}, addresses: map[string]*claimed.Addresses{},
		segments: map[string]*claimed.Segments{}, prefixes: map[string]*claimed.Prefixes{},
		pairs: map[string]*claimed.Pairs{}, pairMACs: index[model.MAC, string]{},
		groups: map[groupKey]map[string]int{}, indexes: map[model.Kind]Index{},
		nodes: map[string]*Node{}, placed: index[desired.Key, string]{}, owners: reportedOwners{},
	}
	for _, k := range kinds.Objects {
		if k.NewIndex != nil {
			c.indexes[k.Kind] = k.NewIndex(c)
		}
	}
	return c
}

// IntentKinds are the kinds of intent that the cache knows.
func (c *Cache) IntentKinds() model.Kinds { return c.decoder.model }

// ParseID reads the ID of an object of a known kind out of a key.
func (c *Cache) ParseID(k etcdschema.Key) (model.ID, bool) {
	return etcdschema.ParseIDOf(c.decoder.model, k)
}

// Accepted is the accepted object with the ID, nil when there is none. Do not change it.
func (c *Cache) Accepted(id model.ID) *etcdschema.Accepted { return c.accepted[id] }

// WithUID is the accepted object with the uid, nil when there is none. Do not change it.
func (c *Cache) WithUID(uid string) *etcdschema.Accepted { return c.accepted[c.ids[uid]] }

// AllAccepted are all accepted objects.
func (c *Cache) AllAccepted() iter.Seq2[model.ID, *etcdschema.Accepted] { return maps.All(c.accepted) }

// Intent is the newest value of an object's intent, valid or not; nil when there is none. Do not change it.
func (c *Cache) Intent(id model.ID) *Intent { return c.intents[id] }

// IntentCount is the number of intents of objects of known kinds.
func (c *Cache) IntentCount() int { return len(c.intents) }

// Intents are all intents of objects of known kinds.
func (c *Cache) Intents() iter.Seq2[model.ID, *Intent] { return maps.All(c.intents) }

// ID is the accepted object that has the uid.
func (c *Cache) ID(uid string) (model.ID, bool) {
	id, ok := c.ids[uid]
	return id, ok
}

// Entries are all keys that the cache holds.
func (c *Cache) Entries() iter.Seq2[etcdschema.Key, *Entry] { return maps.All(c.entries) }

// NodeNames are the names of all nodes of which something is known.
func (c *Cache) NodeNames() iter.Seq[string] { return maps.Keys(c.nodes) }

// Size is the number of keys that the cache holds.
func (c *Cache) Size() int { return len(c.entries) }

// Nodes are all nodes of which something is known.
func (c *Cache) Nodes() iter.Seq2[string, *Node] { return maps.All(c.nodes) }

// Entry is what etcd has under a key, or will have after the present transaction; nil for nothing. Do not change it.
func (c *Cache) Entry(k etcdschema.Key) *Entry { return c.entries[k] }

// Item is an item of a node config; nil for none.
func (c *Cache) Item(node string, k desired.Key) *Entry {
	if n := c.nodes[node]; n != nil {
		return n.Items[k]
	}
	return nil
}

// Gateway is the state that a node reports for a centralized router; empty without a known state.
func (c *Cache) Gateway(node, uid string) etcdschema.GatewayState {
	if n := c.nodes[node]; n != nil {
		return n.gateway(uid)
	}
	return ""
}

// Expecting makes room for a number of keys in an empty cache, so that it does not grow step by step.
func (c *Cache) Expecting(keys int) {
	if len(c.entries) == 0 {
		c.entries = make(map[etcdschema.Key]*Entry, keys)
	}
}

// Index is what a kind keeps of its accepted objects itself; nil when it keeps nothing.
func (c *Cache) Index(k model.Kind) Index { return c.indexes[k] }

// Placed has the nodes that hold an item. Do not change it.
func (c *Cache) Placed(k desired.Key) map[string]struct{} { return c.placed[k] }

// PlacedOn are the nodes that hold an item, sorted.
func (c *Cache) PlacedOn(k desired.Key) []string { return slices.Sorted(maps.Keys(c.placed[k])) }

// Has says that the member is in the group of a node; of all objects when node is empty. It is not recorded as a read.
func (c *Cache) Has(of Source, node, member string) bool {
	return c.groups[groupKey{of, node}][member] > 0
}

// Members is a group, with the number of times that each member is in it. Do not change it. It is not recorded as a read.
func (c *Cache) Members(of Source, node string) map[string]int { return c.groups[groupKey{of, node}] }

// Node is what is known of a node. It makes an empty one when nothing is known yet.
func (c *Cache) Node(name string) *Node {
	n := c.nodes[name]
	if n == nil {
		n = &Node{
			Items: map[desired.Key]*Entry{}, Buckets: map[int]*etcdschema.BucketReport{}, waiting: map[desired.Key]struct{}{},
		}
		c.nodes[name] = n
	}
	return n
}

// ReportBytes is the size of the node's report without this key.
func (c *Cache) ReportBytes(name string, but etcdschema.Key) int {
	n := c.nodes[name]
	if n == nil {
		return 0
	}
	if e := c.entries[but]; e != nil {
		return n.reportBytes - len(e.Data)
	}
	return n.reportBytes
}

// Reported says that some node still has the port, a port of the network, the centralized router or the floating address with the
// uid, or uses claims of the host or router with the uid.
func (c *Cache) Reported(uid string) bool { return c.owners[uid] > 0 }

// SharedItems is the number of items that are held once for many nodes.
func (c *Cache) SharedItems() int { return len(c.shared) }
