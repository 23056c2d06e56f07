package cache

import (
	"fmt"
	"reflect"

	"weft/etcdschema"
	"weft/model/desired"
)

// decodeEntry fills in value. A key whose data cannot be decoded gets no value. The owner of the key treats it as garbage.
func (c *Cache) decodeEntry(k etcdschema.Key, e *Entry) {
	if item, shared := c.decoder.shared(k); shared {
		c.share(item, k, e)
	} else if e.Value == nil {
		e.Value = c.decoder.decode(k, e)
	}
}

// Verify checks that every record is what its data says, although nobody has read it back. It is meant for tests: it reads everything.
func (c *Cache) Verify() error {
	for k, e := range c.entries {
		if !e.plain {
			continue
		}
		read := &Entry{Data: e.Data}
		c.decodeEntry(k, read)
		if reflect.TypeOf(read.Value) != reflect.TypeOf(e.Value) || !etcdschema.Plain(e.Data, e.Value) || !etcdschema.Plain(e.Data, read.Value) {
			return fmt.Errorf("%s is %s, held as %T %+v, and read back as %T %+v", k, e.Data, e.Value, e.Value, read.Value, read.Value)
		}
	}
	return nil
}

// share fills in the value of an entry whose item many nodes have. A content that other entries had before is neither decoded nor kept again.
func (c *Cache) share(item desired.Key, k etcdschema.Key, e *Entry) {
	known := c.shared[item]
	switch {
	case known.last.holds(e.Data):
	case known.before.holds(e.Data):
		known.last, known.before = known.before, known.last
	default:
		if e.Value == nil {
			e.Value = c.decoder.decode(k, e)
			e.plain = e.holdsOnlyItsRecord()
		}
		v, ok := e.Value.(desired.Item)
		if !ok {
			return
		}
		known.last, known.before = &Shared{e.Data, v, e.plain}, known.last
	}
	c.shared[item] = known
	e.Data, e.Value, e.plain = known.last.data, known.last.item, known.last.plain
}

// unshare forgets the contents of an item that no node has any more.
func (c *Cache) unshare(k etcdschema.Key) {
	if item, shared := c.decoder.shared(k); shared && len(c.placed[item]) == 0 {
		delete(c.shared, item)
	}
}
