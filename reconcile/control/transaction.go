package control

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model/desired"
)

// journal remembers the old content of the cache, so that a transaction that etcd refused can be rolled back.
type journal struct {
	undo   []undo
	nested []unit // units evaluated inside others
}

type undo struct {
	key etcdschema.Key
	old *entry
}

func (j *journal) note(k etcdschema.Key, old *entry) { j.undo = append(j.undo, undo{k, old}) }

// write is what a transaction does to one key: it puts data, or deletes the key when data is nil.
type write struct {
	key  etcdschema.Key
	data []byte
	old  *entry // the value in etcd as the cache knows it; nil for none
	held bool   // with the lease of the hold time
	// guard requires that the key is unchanged since old.
	guard bool
}

// transaction collects what is written to etcd at once. Its writes are in the cache before that, so that its later objects can use
// earlier ones. rollback undoes them. confirm marks them as the content of etcd.
type transaction struct {
	cache    *Cache
	writes   map[etcdschema.Key]*write
	requires map[etcdschema.Key]int64
	nodes    map[string]struct{} // nodes whose node configs are changed
	bytes    int
}

func (c *Cache) begin() *transaction {
	c.journal = &journal{}
	return &transaction{
		cache: c, writes: map[etcdschema.Key]*write{}, requires: map[etcdschema.Key]int64{}, nodes: map[string]struct{}{},
	}
}

// mark is a point to which a transaction can be rolled back.
type mark struct {
	undo     int
	nested   int
	writes   map[etcdschema.Key]write
	requires map[etcdschema.Key]int64
	nodes    map[string]struct{}
	bytes    int
}

func (tx *transaction) mark() mark {
	m := mark{
		undo: len(tx.cache.journal.undo), nested: len(tx.cache.journal.nested), writes: make(map[etcdschema.Key]write, len(tx.writes)),
		requires: maps.Clone(tx.requires), nodes: maps.Clone(tx.nodes), bytes: tx.bytes,
	}
	for k, w := range tx.writes {
		m.writes[k] = *w
	}
	return m
}

// rollback undoes everything since the mark, newest first. It queues no readers, because units that have read the undone values
// were evaluated in this same transaction, and all of them are tried again. Units that were evaluated inside others are queued, because
// the others may not evaluate them next time.
func (tx *transaction) rollback(m mark) {
	j := tx.cache.journal
	tx.cache.journal = nil
	for _, u := range slices.Backward(j.undo[m.undo:]) {
		tx.cache.swap(u.key, u.old)
	}
	j.undo = j.undo[:m.undo]
	if tx.cache.record != nil {
		for _, u := range j.nested[m.nested:] {
			tx.cache.record.enqueue(u)
		}
	}
	j.nested = j.nested[:m.nested]
	tx.cache.journal = j
	clear(tx.writes)
	for k, w := range m.writes {
		tx.writes[k] = &w
	}
	tx.requires, tx.nodes, tx.bytes = m.requires, m.nodes, m.bytes
}

// abandon rolls back the whole transaction, which cannot be used afterwards.
func (tx *transaction) abandon() {
	tx.rollback(mark{})
	tx.cache.journal = nil
}

// confirm records that etcd has the transaction's writes since the revision. It cannot be used afterwards.
func (tx *transaction) confirm(revision int64) {
	tx.cache.journal = nil
	for k := range tx.writes {
		e := tx.cache.entries[k]
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
func (tx *transaction) put(k etcdschema.Key, v any, guard bool) (changed bool, err error) {
	old := tx.cache.entries[k]
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
	tx.cache.set(k, e)
	tx.note(k, old, e.data, guard, false)
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
func (tx *transaction) remove(k etcdschema.Key, guard bool) (changed bool) {
	old := tx.cache.entries[k]
	if old == nil {
		return false
	}
	tx.cache.set(k, nil)
	tx.note(k, old, nil, guard, false)
	return true
}

func (tx *transaction) note(k etcdschema.Key, old *entry, data []byte, guard, held bool) {
	w := tx.writes[k]
	if w == nil {
		w = &write{key: k, old: old}
		tx.writes[k] = w
		tx.bytes += len(k.String())
	}
	tx.bytes += len(data) - len(w.data)
	w.data, w.held = data, held
	w.guard = w.guard || guard
	if name, _, head, ok := etcdschema.ParseDesired(k); ok && !head {
		tx.nodes[name] = struct{}{}
	}
	if w.data == nil && w.old == nil {
		delete(tx.writes, k)
	}
}

// require makes etcd refuse the transaction if the key has changed since it was read.
func (tx *transaction) require(k etcdschema.Key) {
	if m := tx.cache.mod(k); m != unconfirmed {
		tx.requires[k] = m
	}
}

// sealHeads writes the heads of all node configs that the transaction has changed.
func (tx *transaction) sealHeads() error {
	for name := range tx.nodes {
		if err := tx.sealHead(name); err != nil {
			return err
		}
	}
	return nil
}

func (tx *transaction) sealHead(name string) error {
	n := tx.cache.node(name)
	if n.headMatches() {
		return nil
	}
	var generation int64
	if n.head != nil {
		if h, ok := n.head.value.(*etcdschema.Head); ok {
			generation = h.Generation
		}
	}
	_, err := tx.put(etcdschema.HeadKey(name), n.digest.Head(generation+1), true)
	return err
}

// size is the number of operations or of compares, whichever is greater. It includes the heads that are still to be written.
func (tx *transaction) size() int {
	ops, compares := len(tx.writes), len(tx.requires)+1
	for name := range tx.nodes {
		if tx.writes[etcdschema.HeadKey(name)] == nil {
			ops++
			compares++
		}
	}
	for _, w := range tx.writes {
		if w.guard {
			compares++
		}
	}
	return max(ops, compares)
}

// forEtcd is the transaction as etcd gets it, in the order of the keys. lease is the lease for held claims.
func (tx *transaction) forEtcd(lease int64) *etcdschema.Txn {
	t := etcdschema.NewTxn()
	for _, k := range tx.keys() {
		w := tx.writes[k]
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
	for k, mod := range tx.requires {
		if w := tx.writes[k]; w == nil || !w.guard {
			t.Require(k, mod)
		}
	}
	return t
}

// keys lists the keys written, sorted.
func (tx *transaction) keys() []etcdschema.Key {
	keys := make([]etcdschema.Key, 0, len(tx.writes))
	for k := range tx.writes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// holds says that the transaction puts claims into the hold time, which need a lease.
func (tx *transaction) holds() bool {
	for _, w := range tx.writes {
		if w.held {
			return true
		}
	}
	return false
}

// putItem writes one item of a node config.
func (tx *transaction) putItem(name string, it desired.Item) (bool, error) {
	return tx.put(etcdschema.DesiredKey(name, it.Key()), it, false)
}

func (tx *transaction) removeItem(name string, k desired.Key) bool {
	return tx.remove(etcdschema.DesiredKey(name, k), false)
}

// putHeld writes a released claim, which is deleted with the lease of the hold time.
func (tx *transaction) putHeld(k etcdschema.Key, v any) error {
	old := tx.cache.entries[k]
	if _, err := tx.put(k, v, true); err != nil {
		return err
	}
	if e := tx.cache.entries[k]; e != old {
		tx.writes[k].held = true
	}
	return nil
}
