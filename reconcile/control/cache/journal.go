package cache

import "weft/etcdschema"

// journal remembers the old content of the cache, so that a transaction that etcd refused can be rolled back.
type journal struct {
	undo   []undo
	nested []Work // work items evaluated inside others
}

type undo struct {
	key etcdschema.Key
	old *Entry
}

func (j *journal) note(k etcdschema.Key, old *Entry) { j.undo = append(j.undo, undo{k, old}) }
