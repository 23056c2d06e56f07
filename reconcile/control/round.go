package control

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model/desired"
)

// journal remembers the old content of the cache, so that a round that etcd refused can be rolled back.
type journal struct {
	undo   []undo
	nested []unit // units evaluated inside others
}

type undo struct {
	key etcdschema.Key
	old *entry
}

func (j *journal) note(k etcdschema.Key, old *entry) { j.undo = append(j.undo, undo{k, old}) }

// write is what a round does to one key: it puts data, or deletes the key when data is nil.
type write struct {
	key  etcdschema.Key
	data []byte
	old  *entry // the value in etcd as the cache knows it; nil for none
	held bool   // with the lease of the hold time
	// guard requires that the key is unchanged since old.
	guard bool
}

// round collects what becomes one transaction. Its writes are in the cache at once, so that later objects of the round can use
// earlier ones. rollback undoes them. confirm marks them as the content of etcd.
type round struct {
	cache    *Cache
	writes   map[etcdschema.Key]*write
	requires map[etcdschema.Key]int64
	nodes    map[string]struct{} // nodes whose node configs are changed
	bytes    int
}

func (c *Cache) begin() *round {
	c.journal = &journal{}
	return &round{
		cache: c, writes: map[etcdschema.Key]*write{}, requires: map[etcdschema.Key]int64{}, nodes: map[string]struct{}{},
	}
}

// mark is a point to which a round can be rolled back.
type mark struct {
	undo     int
	nested   int
	writes   map[etcdschema.Key]write
	requires map[etcdschema.Key]int64
	nodes    map[string]struct{}
	bytes    int
}

func (r *round) mark() mark {
	m := mark{len(r.cache.journal.undo), len(r.cache.journal.nested), make(map[etcdschema.Key]write, len(r.writes)), maps.Clone(r.requires), maps.Clone(r.nodes), r.bytes}
	for k, w := range r.writes {
		m.writes[k] = *w
	}
	return m
}

// rollback undoes everything since the mark, newest first. It queues no readers, because units that have read the undone values
// were evaluated in this same round, and all of them are tried again. Units that were evaluated inside others are queued, because
// the others may not evaluate them next time.
func (r *round) rollback(m mark) {
	j := r.cache.journal
	r.cache.journal = nil
	for _, u := range slices.Backward(j.undo[m.undo:]) {
		r.cache.swap(u.key, u.old)
	}
	j.undo = j.undo[:m.undo]
	if r.cache.record != nil {
		for _, u := range j.nested[m.nested:] {
			r.cache.record.enqueue(u)
		}
	}
	j.nested = j.nested[:m.nested]
	r.cache.journal = j
	clear(r.writes)
	for k, w := range m.writes {
		r.writes[k] = &w
	}
	r.requires, r.nodes, r.bytes = m.requires, m.nodes, m.bytes
}

// abandon rolls back the whole round. The round cannot be used afterwards.
func (r *round) abandon() {
	r.rollback(mark{})
	r.cache.journal = nil
}

// confirm records that etcd has the round's writes since the revision. The round cannot be used afterwards.
func (r *round) confirm(revision int64) {
	r.cache.journal = nil
	for k := range r.writes {
		e := r.cache.entries[k]
		if e == nil {
			continue
		}
		e.mod = revision
		if e.born == unconfirmed {
			e.born = revision
		}
	}
}

// put writes the record and keeps fields that this version does not know. When the key has this value already, put writes nothing
// and returns false.
func (r *round) put(k etcdschema.Key, v any, guard bool) (changed bool, err error) {
	old := r.cache.entries[k]
	if old != nil && reflect.DeepEqual(old.value, pointer(v)) {
		return false, nil // the usual case, and cheaper than encoding it
	}
	e := &entry{mod: unconfirmed, born: unconfirmed}
	if old == nil || old.holdsOnlyItsRecord() {
		e.data, err = etcdschema.Encode(v)
		if area(k) != "intent" { // entries of intent hold more than the record
			e.value, e.plain = pointer(v), true
		}
	} else {
		e.data, err = etcdschema.Rewrite(old.data, v)
	}
	if err != nil {
		return false, err
	}
	if old != nil {
		if bytes.Equal(old.data, e.data) {
			return false, nil
		}
		e.born = old.born
	}
	r.cache.set(k, e)
	r.note(k, old, e.data, guard, false)
	return true, nil
}

// pointer is the record in the form in which entries have it.
func pointer(v any) any {
	switch r := v.(type) {
	case etcdschema.Claim:
		return &r
	case etcdschema.Head:
		return &r
	}
	return v
}

// remove deletes the key.
func (r *round) remove(k etcdschema.Key, guard bool) (changed bool) {
	old := r.cache.entries[k]
	if old == nil {
		return false
	}
	r.cache.set(k, nil)
	r.note(k, old, nil, guard, false)
	return true
}

func (r *round) note(k etcdschema.Key, old *entry, data []byte, guard, held bool) {
	w := r.writes[k]
	if w == nil {
		w = &write{key: k, old: old}
		r.writes[k] = w
		r.bytes += len(k.String())
	}
	r.bytes += len(data) - len(w.data)
	w.data, w.held = data, held
	w.guard = w.guard || guard
	if name, _, head, ok := etcdschema.ParseDesired(k); ok && !head {
		r.nodes[name] = struct{}{}
	}
	if w.data == nil && w.old == nil {
		delete(r.writes, k)
	}
}

// require makes etcd refuse the transaction if the key has changed since the round read it.
func (r *round) require(k etcdschema.Key) {
	if m := r.cache.mod(k); m != unconfirmed {
		r.requires[k] = m
	}
}

// sealHeads writes the heads of all node configs that the round has changed.
func (r *round) sealHeads() error {
	for name := range r.nodes {
		if err := r.sealHead(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) sealHead(name string) error {
	n := r.cache.node(name)
	if n.headMatches() {
		return nil
	}
	var generation int64
	if n.head != nil {
		if h, ok := n.head.value.(*etcdschema.Head); ok {
			generation = h.Generation
		}
	}
	_, err := r.put(etcdschema.HeadKey(name), n.digest.Head(generation+1), true)
	return err
}

// size is the number of operations or of compares, whichever is greater. It includes the heads that are still to be written.
func (r *round) size() int {
	ops, compares := len(r.writes), len(r.requires)+1
	for name := range r.nodes {
		if r.writes[etcdschema.HeadKey(name)] == nil {
			ops++
			compares++
		}
	}
	for _, w := range r.writes {
		if w.guard {
			compares++
		}
	}
	return max(ops, compares)
}

// txn is the round as one transaction, in the order of the keys. lease is the lease for held claims.
func (r *round) txn(lease int64) *etcdschema.Txn {
	t := etcdschema.NewTxn()
	for _, k := range r.keys() {
		w := r.writes[k]
		var mod int64
		if w.old != nil {
			mod = w.old.mod
		}
		if w.guard {
			t.Require(k, mod)
		}
		switch {
		case w.data == nil:
			t.Delete(k)
		case w.held:
			t.PutLeased(k, w.data, lease)
		default:
			t.Put(k, w.data)
		}
	}
	for k, mod := range r.requires {
		if w := r.writes[k]; w == nil || !w.guard {
			t.Require(k, mod)
		}
	}
	return t
}

// keys lists the keys written, sorted.
func (r *round) keys() []etcdschema.Key {
	keys := make([]etcdschema.Key, 0, len(r.writes))
	for k := range r.writes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// holds says that the round puts claims into the hold time, which need a lease.
func (r *round) holds() bool {
	for _, w := range r.writes {
		if w.held {
			return true
		}
	}
	return false
}

// putItem writes one item of a node config.
func (r *round) putItem(name string, it desired.Item) (bool, error) {
	return r.put(etcdschema.DesiredKey(name, it.Key()), it, false)
}

func (r *round) removeItem(name string, k desired.Key) bool {
	return r.remove(etcdschema.DesiredKey(name, k), false)
}

// putHeld writes a released claim, which is deleted with the lease of the hold time.
func (r *round) putHeld(k etcdschema.Key, v any) error {
	old := r.cache.entries[k]
	if _, err := r.put(k, v, true); err != nil {
		return err
	}
	if e := r.cache.entries[k]; e != old {
		r.writes[k].held = true
	}
	return nil
}
