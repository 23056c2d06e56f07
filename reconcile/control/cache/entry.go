package cache

import (
	"strings"

	"weft/etcdschema"
	"weft/model"
)

// Entry is what the cache knows of one key. value is the decoded record, where the cache needs it.
type Entry struct {
	Data           []byte
	ModRevision    int64 // mod revision; unconfirmed until etcd has confirmed the transaction that wrote it
	CreateRevision int64 // create revision
	Value          any
	plain          bool // data is exactly the encoding of value
	Ours           bool // of a status: data is what this replica has encoded
}

// holdsOnlyItsRecord says that data has no fields that this version does not know. Such an entry can be encoded anew without losing
// anything.
func (e *Entry) holdsOnlyItsRecord() bool {
	return e.plain || e.Value != nil && etcdschema.Plain(e.Data, e.Value)
}

// unconfirmed is the mod revision of an entry that a transaction has put into the cache and etcd has not confirmed yet.
const unconfirmed = -1

// Intent is the newest value of an intent key: an object, or the problems with it.
type Intent struct {
	Object         model.Object
	Problems       []etcdschema.Reason
	CreateRevision int64
	ModRevision    int64
}

// Decoded is a pointer to the record, or an untyped nil.
func Decoded[T any](data []byte) any {
	v, err := etcdschema.Decode[T](data)
	if err != nil {
		return nil
	}
	return &v
}

// ValueOf is the decoded record behind an entry.
func ValueOf[T any](e *Entry) (v T, ok bool) {
	if e == nil {
		return v, false
	}
	v, ok = e.Value.(T)
	return v, ok
}

// Area is the first segment of a key: "intent", "accepted", "claim" …
func Area(k etcdschema.Key) string {
	a, _, _ := strings.Cut(k.String(), "/")
	return a
}
