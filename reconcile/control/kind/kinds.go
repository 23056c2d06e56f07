package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/partial"
)

// ObjectKind is what the controllers know of one kind of intent. A function that is nil does nothing. All of them run in the
// goroutine that owns the cache.
type ObjectKind struct {
	Cache cache.ObjectKind
	Claim claim.ObjectKind
	// Place writes the accepted object to the node configs, or starts the work that does.
	Place func(p *Placement) error
	// InUse says what still uses an object of this kind that is deleted, besides the objects that refer to it; empty when nothing
	// does. Until then it stays, and does what Place says.
	InUse func(s *cache.Reader, acc *etcdschema.Accepted) string
	// Outlived says that an object of this kind is deleted although others refer to it.
	Outlived bool
	// Explicit says that the spec asks for certain values. Such objects go before those that take any value.
	Explicit func(s model.Spec) bool
	// Status adds what only statuses of this kind have.
	Status func(c *cache.Cache, acc *etcdschema.Accepted, s *etcdschema.Status)
	// Expect notes what an object of this kind will read because of an accepted object that it refers to.
	Expect func(s *cache.Reader, to *etcdschema.Accepted)
	// Referred notes what any object will read because it refers to the object of this kind.
	Referred func(s *cache.Reader, id model.ID)
	// Surroundings reads, for a preview, what a spec of this kind looks at; Prepare what the evaluation of the object looks at. A
	// preview with an object whose kind has no Prepare reads everything.
	Surroundings func(p *partial.Part, o model.Object)
	Prepare      func(p *partial.Part, id model.ID)
}

// ItemKind is what the controllers know of one kind of item in the node configs.
type ItemKind struct {
	Cache cache.ItemKind

	// Update evaluates one item of a node. When it is nil, the item is written with the object of its uid.
	Update func(e *Evaluation, node string, k desired.Key) error
	// Withdraw takes the item of an object that is gone off a node. When it is nil, the item is removed.
	Withdraw func(e *Evaluation, node string, k desired.Key)
	// Progress adds what only items of this kind have to the progress of their object on a node.
	Progress func(c *cache.Cache, node string, item desired.Item, s *etcdschema.NodeStatus)
	// Owner is the uid of the object that an item belongs to, for people. When it is nil, it is the uid of the item.
	Owner func(k desired.Key) string
	// Expect notes what the evaluation of an existing item will read.
	Expect func(e *Evaluation, node string, k desired.Key)
	// Many says that one change may concern such items of many nodes. They are written later than others.
	Many bool
	// Large says that one item may be as large as hundreds of others. A preview reads only those that it needs.
	Large bool
	// Prepare reads, for a preview, what the evaluation of the item looks at; Follow what is written because of a change of a read.
	Prepare func(p *partial.Part, node string, k desired.Key)
	Follow  func(p *partial.Part, changed cache.Read)
}

// Kinds are the kinds that a controller knows. It only reads them.
type Kinds struct {
	Objects []ObjectKind
	Items   []ItemKind
}

// Cached are the kinds as the cache knows them.
func (list Kinds) Cached() cache.Kinds {
	var out cache.Kinds
	for _, k := range list.Objects {
		out.Objects = append(out.Objects, k.Cache)
	}
	for _, k := range list.Items {
		out.Items = append(out.Items, k.Cache)
	}
	return out
}

// Claimed are the kinds of intent as claims know them.
func (list Kinds) Claimed() map[model.Kind]claim.ObjectKind {
	out := map[model.Kind]claim.ObjectKind{}
	for _, k := range list.Objects {
		out[k.Cache.Kind] = k.Claim
	}
	return out
}

// Object finds a kind of intent. For a kind that the controller does not know it is empty.
func (list *Kinds) Object(k model.Kind) *ObjectKind {
	for i := range list.Objects {
		if list.Objects[i].Cache.Kind == k {
			return &list.Objects[i]
		}
	}
	return &ObjectKind{}
}

// ObjectOf finds the kind of an accepted object.
func (list *Kinds) ObjectOf(acc *etcdschema.Accepted) *ObjectKind {
	return list.Object(acc.Object.Spec.Kind())
}

// Item finds a kind of item; false when the controller does not know it.
func (list *Kinds) Item(k desired.Kind) (*ItemKind, bool) {
	for i := range list.Items {
		if list.Items[i].Cache.Kind == k {
			return &list.Items[i], true
		}
	}
	return &ItemKind{}, false
}
