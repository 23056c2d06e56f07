package control

import (
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// ObjectKind is what the controllers know of one kind of intent. A function that is nil does nothing. All of them run in the
// goroutine that owns the cache.
type ObjectKind struct {
	model.KindInfo

	// Claims finds out which values the object gets and which claims it needs for that. What it refers to is accepted.
	Claims func(a *Allocation)
	// Place writes the accepted object to the node configs, or starts the work that does.
	Place func(p *Placement) error
	// ComesLater says that others may refer to an object of this kind before it exists.
	ComesLater bool
	// Outlived says that an object of this kind is deleted although others refer to it.
	Outlived bool

	// keep sets what an accepted object has besides its claims. previous may be nil or another incarnation.
	keep func(p *planner, previous, next *etcdschema.Accepted)
	// explicit says that the spec asks for certain values. Such objects go before those that take any value.
	explicit func(s model.Spec) bool
	// index adds an accepted object to the cache's indexes of this kind, or removes it.
	index func(c *Cache, acc *etcdschema.Accepted, add bool)
	// changed tells the record which groups of this kind are others now. was is nil for a new object, is for one that is gone.
	changed func(c *Cache, was, is *etcdschema.Accepted)
	// outlook adds to the condition of an accepted object what is known of its nodes.
	outlook func(p *planner, acc *etcdschema.Accepted, cond condition) condition
	// status adds what only statuses of this kind have.
	status func(p *planner, acc *etcdschema.Accepted, s *etcdschema.Status)
	// sameToOthers says that two states of an object with one uid are the same for objects that refer to it. When it is nil, all
	// fields count.
	sameToOthers func(was, is *etcdschema.Accepted) bool
	// expect notes what an object of this kind will read because of an accepted object that it refers to.
	expect func(s *reader, to *etcdschema.Accepted)
	// referred notes what any object will read because it refers to the object of this kind.
	referred func(s *reader, id model.ID)
	// reported says that any node may report this claim of an object of the kind, so that it is rebuilt from that. nil: no node may.
	reported func(r etcdschema.ClaimedReport) bool
	// surroundings reads, for a preview, what a spec of this kind looks at; prepare what the evaluation of the object looks at. A
	// preview with an object whose kind has no prepare reads everything.
	surroundings func(p *part, o model.Object)
	prepare      func(p *part, id model.ID)
}

// ItemKind is what the controllers know of one kind of item in the node configs.
type ItemKind struct {
	desired.ItemKind

	// update evaluates one item of a node. When it is nil, the item is written with the object of its uid.
	update func(p *planner, tx *transaction, node string, k desired.Key) error
	// withdraw takes the item of an object that is gone off a node. When it is nil, the item is removed.
	withdraw func(p *planner, tx *transaction, node string, k desired.Key)
	// index adds an item to the indexes of its node, or removes it.
	index func(n *node, item desired.Item, add bool)
	// changed tells the record which groups of a node are others now. was is nil for a new item, is for one that is gone.
	changed func(c *Cache, node string, was, is desired.Item)
	// progress adds what only items of this kind have to the progress of their object on a node.
	progress func(c *Cache, node string, item desired.Item, s *etcdschema.NodeStatus)
	// prepare reads, for a preview, what the evaluation of the item looks at.
	prepare func(p *part, node string, k desired.Key)
	// expect notes what the evaluation of an existing item will read.
	expect func(p *planner, node string, k desired.Key)
	// many says that one change may concern such items of many nodes. They are written later than others.
	many bool
	// guest says that a guest loses its connection when the item is removed.
	guest bool
}

// Kinds are the kinds that a controller knows. It only reads them.
type Kinds struct {
	Objects []ObjectKind
	Items   []ItemKind
}

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	return Kinds{
		Objects: []ObjectKind{
			{KindInfo: model.ProjectKind()}, {KindInfo: model.PhysicalNetworkKind()},
			hostKind(), networkKind(), routerKind(), portKind(), floatingKind(),
		},
		Items: []ItemKind{hostItemKind(), networkItemKind(), routerItemKind(), portItemKind(), floatingItemKind(), neighborsItemKind()},
	}
}

// intents are the kinds of intent.
func (list *Kinds) intents() model.Kinds {
	all := make(model.Kinds, len(list.Objects))
	for i := range list.Objects {
		all[i] = list.Objects[i].KindInfo
	}
	return all
}

// object finds a kind of intent. For a kind that the controller does not know it is empty.
func (list *Kinds) object(k model.Kind) *ObjectKind {
	for i := range list.Objects {
		if list.Objects[i].Kind == k {
			return &list.Objects[i]
		}
	}
	return &ObjectKind{}
}

// objectOf finds the kind of an accepted object.
func (list *Kinds) objectOf(acc *etcdschema.Accepted) *ObjectKind {
	return list.object(acc.Object.Spec.Kind())
}

// item finds a kind of item; false when the controller does not know it.
func (list *Kinds) item(k desired.Kind) (*ItemKind, bool) {
	for i := range list.Items {
		if list.Items[i].Kind == k {
			return &list.Items[i], true
		}
	}
	return &ItemKind{}, false
}

// Placement is one evaluation of an accepted object: what it becomes on the nodes.
type Placement struct {
	planner     *planner
	transaction *transaction
	accepted    *etcdschema.Accepted
	condition   *condition
}

// Accepted is the object that is placed. It must not be changed.
func (p *Placement) Accepted() *etcdschema.Accepted { return p.accepted }

// Pending adds a reason to the object's status: what it waits for. field is a path in the object, or empty.
func (p *Placement) Pending(field, message string) { p.condition.pending(field, message) }

// Put writes the object's items to exactly these nodes. They all have the key of an object with this uid and kind; on all other nodes
// such an item is removed. An error ends the evaluation, and nothing of it is written.
func (p *Placement) Put(kind desired.Kind, items map[string]desired.Item) error {
	key := desired.Key{Kind: kind, UID: p.accepted.UID}
	for _, node := range p.planner.placedOn(key) {
		if items[node] == nil {
			p.transaction.removeItem(node, key)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(items)) { // the same error at each evaluation
		if _, err := p.transaction.putItem(node, items[node]); err != nil {
			return err
		}
	}
	return nil
}
