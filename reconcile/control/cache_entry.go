package control

import (
	"fmt"
	"strings"

	"weft/etcdschema"
	"weft/model"
)

// entry is what the cache knows of one key. value is the decoded record, where the cache needs it.
type entry struct {
	data  []byte
	mod   int64 // mod revision; unconfirmed until etcd has confirmed the transaction that wrote it
	born  int64 // create revision
	value any
	plain bool // data is exactly the encoding of value
}

// holdsOnlyItsRecord says that data has no fields that this version does not know. Such an entry can be encoded anew without losing
// anything.
func (e *entry) holdsOnlyItsRecord() bool {
	return e.plain || e.value != nil && etcdschema.Plain(e.data, e.value)
}

// unconfirmed is the mod revision of an entry that a transaction has put into the cache and etcd has not confirmed yet.
const unconfirmed = -1

// intent is the newest value of an intent key: an object, or the problems with it.
type intent struct {
	object   model.Object
	problems []etcdschema.Reason
	born     int64
	mod      int64
}

// decodeEntry fills in value. A key whose data cannot be decoded gets no value. The owner of the key treats it as garbage.
func (c *Cache) decodeEntry(k etcdschema.Key, e *entry) {
	if e.value != nil {
		return
	}
	switch area(k) {
	case "intent":
		e.value = c.decodeIntent(k, e)
	case "accepted":
		if v, err := etcdschema.DecodeAccepted(c.model, e.data); err == nil {
			e.value = &v
		}
	case "claim":
		e.value = decoded[etcdschema.Claim](e.data)
	case "desired":
		e.value = c.decodeDesired(k, e.data)
	case "actual":
		e.value = decodeReport(k, e.data)
	case "status":
		if k == etcdschema.ControlStatusKey() {
			e.value = decoded[etcdschema.ControlStatus](e.data)
		}
	}
}

func (c *Cache) decodeIntent(k etcdschema.Key, e *entry) any {
	in := &intent{born: e.born, mod: e.mod}
	id, ok := c.parseID(k)
	if !ok {
		in.problems = []etcdschema.Reason{{Message: fmt.Sprintf(
			"the key names no object: write intent/<project>/<kind>/<name>, with kind one of %s and project %s for kinds of the whole region",
			kindSegments(c.model), model.ClusterProject)}}
		return in
	}
	o, err := c.model.DecodeIntent(id, e.data)
	if err != nil {
		in.problems = reasonsOf(err)
		return in
	}
	in.object = o
	return in
}

func kindSegments(kinds model.Kinds) string {
	var s []string
	for _, k := range kinds.Names() {
		s = append(s, k.Segment())
	}
	return strings.Join(s, ", ")
}

// decoded is a pointer to the record, or an untyped nil.
func decoded[T any](data []byte) any {
	v, err := etcdschema.Decode[T](data)
	if err != nil {
		return nil
	}
	return &v
}

func (c *Cache) decodeDesired(k etcdschema.Key, data []byte) any {
	_, item, head, ok := etcdschema.ParseDesired(k)
	switch {
	case !ok:
		return nil
	case head:
		return decoded[etcdschema.Head](data)
	}
	kind, known := c.kinds.item(item.Kind)
	if !known {
		return nil
	}
	v := kind.New()
	if err := etcdschema.DecodeInto(data, v); err != nil {
		return nil
	}
	return v
}
