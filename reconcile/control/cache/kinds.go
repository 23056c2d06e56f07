package cache

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// ObjectKind is what the cache knows of one kind of intent. A function that is nil does nothing.
type ObjectKind struct {
	model.KindInfo
	// Groups calls in for each group that an accepted object of the kind is in. Who has read a group, or whether a member is in it, is
	// evaluated again when that changes.
	Groups func(acc *etcdschema.Accepted, in func(of Source, member string))
	// NewIndex makes what the kind keeps itself of its accepted objects.
	NewIndex func(c *Cache) Index
	// SameToOthers says that two states of an object with one uid are the same for objects that refer to it. When it is nil, all
	// fields count.
	SameToOthers func(was, is *etcdschema.Accepted) bool
}

// ItemKind is what the cache knows of one kind of item in the node configs.
type ItemKind struct {
	desired.ItemKind
	// Groups calls in for each group of its node that an item is in. When it is nil, it is in none.
	Groups func(item desired.Item, in func(of Source, member string))
	// Shared says that many nodes have an item of the kind with the same content, so that it is held once.
	Shared bool
	// Guest says that a guest loses its connection when the item is removed.
	Guest bool
}

// Kinds are the kinds that a cache knows. It only reads them.
type Kinds struct {
	Objects []ObjectKind
	Items   []ItemKind
}

// intents are the kinds of intent.
func (list *Kinds) intents() model.Kinds {
	all := make(model.Kinds, len(list.Objects))
	for i := range list.Objects {
		all[i] = list.Objects[i].KindInfo
	}
	return all
}

// objectOf finds the kind of an accepted object. For a kind that the cache does not know it is empty.
func (list *Kinds) objectOf(acc *etcdschema.Accepted) *ObjectKind {
	for i := range list.Objects {
		if list.Objects[i].Kind == acc.Object.Spec.Kind() {
			return &list.Objects[i]
		}
	}
	return &ObjectKind{}
}

// item finds a kind of item; false when the cache does not know it.
func (list *Kinds) item(k desired.Kind) (*ItemKind, bool) {
	for i := range list.Items {
		if list.Items[i].Kind == k {
			return &list.Items[i], true
		}
	}
	return &ItemKind{}, false
}

// Index is what a kind keeps of its accepted objects itself, because groups are not enough. It follows the cache, rolled back
// transactions included.
type Index interface {
	// Change adds an accepted object, or removes it.
	Change(acc *etcdschema.Accepted, add bool)
	// ChangeClaim hears of each claim that is added or removed. A claim that changes is removed and added.
	ChangeClaim(k etcdschema.Key, cl etcdschema.Claim, add bool)
	// Changed reports what is different for readers after one state has replaced another. was is nil for a new object, is for one
	// that is gone.
	Changed(was, is *etcdschema.Accepted, report func(Read))
	// ClaimChanged reports what is different for readers because the owner has a claim now, or has it no longer. With sameOwner only the
	// claim's state has changed.
	ClaimChanged(k etcdschema.Key, owner string, sameOwner bool, report func(Read))
	// Freed reports what is different for readers because the value of a claim can be claimed by others now.
	Freed(k etcdschema.Key, report func(Read))
}
