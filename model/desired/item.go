// Package desired has everything that one node must be: plain, resolved data. Nothing in it has to be looked up elsewhere.
//
// Invariants:
//
//   - Only the leading controller writes it, and only one node reads it.
//   - Readers ignore unknown fields, so that controllers and hosts of different versions work together.
//   - A kind is one file, and one row in AllKinds. Nothing else of the package knows the kinds.
package desired

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// Kind is the kind segment of a desired key.
type Kind string

// Key names one item of a node config. It is comparable.
type Key struct {
	Kind Kind
	UID  string
}

// Compare orders keys by kind, and then by uid.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Kind, other.Kind), cmp.Compare(k.UID, other.UID))
}

// Item is implemented by pointers to the types of the kinds.
type Item interface{ Key() Key }

// Titled is implemented by items that have a name for people.
type Titled interface {
	// Title is the kind and the name as people write them ("Port alpha/web-1"), for logs and reports.
	Title() string
}

// ItemKind is one kind of item: its name, and how an empty item is made. New returns a pointer.
type ItemKind struct {
	Kind Kind
	New  func() Item
	// Unawaited says that no object's status waits until such an item is programmed.
	Unawaited bool
	// Secrets are the names of JSON fields of which only the size is shown to people.
	Secrets []string
}

// Kinds are the kinds of items that a reader knows. It only reads the list.
type Kinds []ItemKind

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	return Kinds{HostKind(), NetworkKind(), PortKind(), RouterKind(), FloatingIPKind(), NeighborsKind(), SecurityGroupKind(),
		GroupMembersKind(), MetadataKind()}
}

// New returns an empty item of the kind, or nil for a kind that is not in the list.
func (list Kinds) New(k Kind) Item {
	for _, one := range list {
		if one.Kind == k {
			return one.New()
		}
	}
	return nil
}

// Unawaited says that no object's status waits until items of the kind are programmed. Of a kind that is not in the list this is not known.
func (list Kinds) Unawaited(k Kind) bool {
	for _, one := range list {
		if one.Kind == k {
			return one.Unawaited
		}
	}
	return false
}

// Secrets are the names of JSON fields of items of the kind of which only the size is shown to people.
func (list Kinds) Secrets(k Kind) []string {
	for _, one := range list {
		if one.Kind == k {
			return one.Secrets
		}
	}
	return nil
}

// Decode reads an item from its JSON, as strictly as a reader of any version may: it ignores unknown fields. The error says what
// is wrong: the kind is not in the list, the JSON is malformed or of other types, or the item's uid is not that of the key.
func (list Kinds) Decode(k Key, data []byte) (Item, error) {
	item := list.New(k.Kind)
	if item == nil {
		return nil, fmt.Errorf("kind %.40q needs a newer weftd", k.Kind)
	}
	if err := json.Unmarshal(data, item); err != nil {
		return nil, fmt.Errorf("the value is malformed, or needs a newer weftd: %.200w", err)
	}
	if item.Key() != k {
		return nil, fmt.Errorf("the value says uid %.40q, the key says %.40q", item.Key().UID, k.UID)
	}
	return item, nil
}
