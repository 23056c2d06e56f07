package desired

import (
	"iter"
	"slices"
)

// NodeConfig is everything that one node must be: its items by their keys. The zero value is empty, and so is a nil NodeConfig,
// which can only be read. It must not be read while it is changed. The items in it are only read.
type NodeConfig struct {
	// Revision is the etcd revision to which the items correspond.
	Revision int64

	items map[Kind]map[string]Item
}

// NewNodeConfig makes a node config of the items.
func NewNodeConfig(items ...Item) *NodeConfig {
	c := &NodeConfig{}
	for _, i := range items {
		c.Put(i)
	}
	return c
}

// Put adds an item. It replaces the one with the same key.
func (c *NodeConfig) Put(i Item) {
	k := i.Key()
	if c.items == nil {
		c.items = map[Kind]map[string]Item{}
	}
	if c.items[k.Kind] == nil {
		c.items[k.Kind] = map[string]Item{}
	}
	c.items[k.Kind][k.UID] = i
}

// Remove removes an item, if it is there.
func (c *NodeConfig) Remove(k Key) {
	delete(c.items[k.Kind], k.UID)
	if len(c.items[k.Kind]) == 0 {
		delete(c.items, k.Kind)
	}
}

// Item finds an item; nil when there is none.
func (c *NodeConfig) Item(k Key) Item {
	if c == nil {
		return nil
	}
	return c.items[k.Kind][k.UID]
}

// Has says whether there is such an item.
func (c *NodeConfig) Has(k Key) bool { return c.Item(k) != nil }

// Count is the number of items of a kind.
func (c *NodeConfig) Count(k Kind) int {
	if c == nil {
		return 0
	}
	return len(c.items[k])
}

// Len is the number of all items.
func (c *NodeConfig) Len() (n int) {
	if c == nil {
		return 0
	}
	for _, items := range c.items {
		n += len(items)
	}
	return n
}

// All are all items, in no order. Items may be removed meanwhile.
func (c *NodeConfig) All() iter.Seq2[Key, Item] {
	return func(yield func(Key, Item) bool) {
		if c == nil {
			return
		}
		for kind, items := range c.items {
			for uid, item := range items {
				if !yield(Key{kind, uid}, item) {
					return
				}
			}
		}
	}
}

// Keys are the keys of all items, by kind and uid.
func (c *NodeConfig) Keys() []Key {
	keys := make([]Key, 0, c.Len())
	for k := range c.All() {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}

// find returns the item as its own type; nil when there is none.
func find[T Item](c *NodeConfig, k Key) T {
	item, _ := c.Item(k).(T)
	return item
}

// each are the items of one kind as their own type, in no order.
func each[T Item](c *NodeConfig, k Kind) iter.Seq[T] {
	return func(yield func(T) bool) {
		if c == nil {
			return
		}
		for _, item := range c.items[k] {
			if typed, ok := item.(T); ok && !yield(typed) {
				return
			}
		}
	}
}
