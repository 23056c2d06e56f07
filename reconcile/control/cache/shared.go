package cache

import (
	"bytes"

	"weft/etcdschema"
	"weft/model/desired"
)

// Shared is an item that many nodes have with the same content. It is encoded or decoded once, and the entries of all nodes share it.
type Shared struct {
	data  []byte
	item  desired.Item
	plain bool // data is exactly the encoding of the item
}

// contents are the last two contents of an item that many nodes have. There are two, because a network is written to each node without its
// router first, and then with it.
type contents struct{ last, before *Shared }

// holds says that this is the content; nil holds nothing.
func (s *Shared) holds(data []byte) bool { return s != nil && bytes.Equal(s.data, data) }

// NewShared encodes an item that many nodes get. The item must not be changed any more.
func NewShared(item desired.Item) (*Shared, error) {
	data, err := etcdschema.Encode(item)
	return &Shared{data, item, true}, err
}

// Item is the item. Do not change it.
func (s *Shared) Item() desired.Item { return s.item }

// Size is the size of the encoded item in bytes.
func (s *Shared) Size() int { return len(s.data) }
