package cache

import (
	"bytes"
	"reflect"
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
)

// Nested notes that work was evaluated inside of other work.
func (c *Cache) Nested(u Work) {
	if c.journal != nil {
		c.journal.nested = append(c.journal.nested, u)
	}
}

// Write is what a transaction does to one key: it puts data, or deletes the key when data is nil.
type Write struct {
	key  etcdschema.Key
	Data []byte
	Old  *Entry        // the value in etcd as the cache knows it; nil for none
	Held bool          // with the lease of its hold time
	Hold time.Duration // the hold time; 0 for the controllers' own
	// guard requires that the key is unchanged since old.
	guard bool
}

// Transaction collects what is written to etcd at once. Its writes are in the cache before that, so that its later objects can use
// earlier ones. Rollback undoes them. Confirm marks them as the content of etcd.
type Transaction struct {
	cache    *Cache
	Writes   map[etcdschema.Key]*Write
	Requires map[etcdschema.Key]int64
	nodes    map[string]struct{} // nodes whose node configs are changed
	heads    map[string]struct{} // nodes whose heads are written
	Bytes    int
	guards   int      // writes with a guard
	undo     []func() // what takes back each change of the above, the newest last
}

// Begin begins a transaction. There is one at a time. It ends with Confirm or Abandon.
func (c *Cache) Begin() *Transaction {
	c.journal = &journal{}
	return &Transaction{
		cache: c, Writes: map[etcdschema.Key]*Write{}, Requires: map[etcdschema.Key]int64{}, nodes: map[string]struct{}{},
		heads: map[string]struct{}{},
	}
}

// Mark is a point to which a transaction can be rolled back: how much there was to undo.
type Mark struct{ writes, cache, nested int }

// Mark is the present point of the transaction.
func (tx *Transaction) Mark() Mark {
	return Mark{len(tx.undo), len(tx.cache.journal.undo), len(tx.cache.journal.nested)}
}

// Rollback undoes everything since the mark, newest first. It queues no readers, because work items that have read the undone values
// were evaluated in this same transaction, and all of them are tried again. Work items that were evaluated inside others are queued, because
// the others may not evaluate them next time.
func (tx *Transaction) Rollback(m Mark) {
	j := tx.cache.journal
	tx.cache.journal = nil
	for _, u := range slices.Backward(j.undo[m.cache:]) {
		tx.cache.swap(u.key, u.old)
	}
	j.undo = j.undo[:m.cache]
	if tx.cache.record != nil {
		for _, u := range j.nested[m.nested:] {
			tx.cache.record.enqueue(u)
		}
	}
	j.nested = j.nested[:m.nested]
	tx.cache.journal = j
	for _, undo := range slices.Backward(tx.undo[m.writes:]) {
		undo()
	}
	clear(tx.undo[m.writes:])
	tx.undo = tx.undo[:m.writes]
}

// Abandon rolls back the whole transaction, which cannot be used afterwards.
func (tx *Transaction) Abandon() {
	tx.Rollback(Mark{})
	tx.cache.journal = nil
}

// Confirm records that etcd has the transaction's writes since the revision. It cannot be used afterwards.
func (tx *Transaction) Confirm(revision int64) {
	tx.cache.journal = nil
	for k := range tx.Writes {
		e := tx.cache.entries[k]
		if e == nil {
			continue
		}
		e.ModRevision = revision
		if e.CreateRevision == unconfirmed {
			e.CreateRevision = revision
		}
	}
}

// Put writes the record and keeps fields that this version does not know. When the key has this value already, put writes nothing
// and returns false.
func (tx *Transaction) Put(k etcdschema.Key, v any, guard bool) (changed bool, err error) {
	old := tx.cache.entries[k]
	if old != nil && reflect.DeepEqual(old.Value, pointer(v)) {
		return false, nil // the usual case, and cheaper than encoding it
	}
	e := &Entry{ModRevision: unconfirmed, CreateRevision: unconfirmed}
	if old == nil || old.holdsOnlyItsRecord() {
		e.Data, err = etcdschema.Encode(v)
		if Area(k) != "intent" { // entries of intent hold more than the record
			e.Value, e.plain = pointer(v), true
		}
	} else {
		e.Data, err = etcdschema.Rewrite(old.Data, v)
	}
	if err != nil {
		return false, err
	}
	if old != nil {
		if bytes.Equal(old.Data, e.Data) {
			return false, nil
		}
		e.CreateRevision = old.CreateRevision
	}
	tx.cache.Set(k, e)
	tx.note(k, old, e.Data, guard, false)
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

// Remove deletes the key.
func (tx *Transaction) Remove(k etcdschema.Key, guard bool) (changed bool) {
	old := tx.cache.entries[k]
	if old == nil {
		return false
	}
	tx.cache.Set(k, nil)
	tx.note(k, old, nil, guard, false)
	return true
}

func (tx *Transaction) note(k etcdschema.Key, old *Entry, data []byte, guard, held bool) {
	was := tx.Writes[k]
	w := &Write{key: k, Old: old} // a new one: a rollback leaves what others hold as it is
	if was != nil {
		*w = *was
	}
	w.Data, w.Held, w.guard = data, held, w.guard || guard
	if w.Data == nil && w.Old == nil {
		w = nil
	}
	tx.set(k, w)
	tx.undo = append(tx.undo, func() { tx.set(k, was) })
	if name, _, head, ok := etcdschema.ParseDesired(k); ok {
		tx.noteNode(name, head)
	}
}

func (tx *Transaction) noteNode(name string, head bool) {
	of := tx.nodes
	if head {
		of = tx.heads
	}
	if _, known := of[name]; !known {
		of[name] = struct{}{}
		tx.undo = append(tx.undo, func() { delete(of, name) })
	}
}

// set stores what the transaction does to one key; nil for nothing.
func (tx *Transaction) set(k etcdschema.Key, w *Write) {
	tx.count(tx.Writes[k], -1)
	tx.count(w, 1)
	if tx.Writes[k] = w; w == nil {
		delete(tx.Writes, k)
	}
}

func (tx *Transaction) count(w *Write, sign int) {
	if w == nil {
		return
	}
	tx.Bytes += sign * (len(w.key.String()) + len(w.Data))
	if w.guard {
		tx.guards += sign
	}
}

// Require makes etcd refuse the transaction if the key has changed since it was read.
func (tx *Transaction) Require(k etcdschema.Key) {
	m, was := tx.cache.ModRevision(k), tx.Requires[k]
	if _, had := tx.Requires[k]; m != unconfirmed && (!had || m != was) {
		tx.Requires[k] = m
		tx.undo = append(tx.undo, func() {
			if tx.Requires[k] = was; !had {
				delete(tx.Requires, k)
			}
		})
	}
}

// SealHeads writes the heads of all node configs that the transaction has changed.
func (tx *Transaction) SealHeads() error {
	for name := range tx.nodes {
		if err := tx.SealHead(name); err != nil {
			return err
		}
	}
	return nil
}

// SealHead writes the head of a node config if it does not match the content.
func (tx *Transaction) SealHead(name string) error {
	n := tx.cache.Node(name)
	if n.HeadMatches() {
		return nil
	}
	var generation int64
	if n.head != nil {
		if h, ok := n.head.Value.(*etcdschema.Head); ok {
			generation = h.Generation
		}
	}
	_, err := tx.Put(etcdschema.HeadKey(name), n.Digest.Head(generation+1), true)
	return err
}

// Size is the number of operations or of compares, whichever is greater. It includes the heads that are still to be written.
func (tx *Transaction) Size() int {
	headless := len(tx.nodes)
	for name := range tx.heads {
		if _, changed := tx.nodes[name]; changed {
			headless--
		}
	}
	return max(len(tx.Writes)+headless, len(tx.Requires)+1+headless+tx.guards)
}

// ForEtcd is the transaction as etcd gets it, in the order of the keys. leases are those for held claims, by hold time.
func (tx *Transaction) ForEtcd(leases map[time.Duration]int64) *etcdschema.Txn {
	t := etcdschema.NewTxn()
	for _, k := range tx.Keys() {
		w := tx.Writes[k]
		var mod int64
		if w.Old != nil {
			mod = w.Old.ModRevision
		}
		if w.guard {
			t.Require(k, mod)
		}
		switch {
		case w.Data == nil:
			t.Delete(k)
		case w.Held:
			t.PutLeased(k, w.Data, leases[w.Hold])
		default:
			t.Put(k, w.Data)
		}
	}
	for k, mod := range tx.Requires {
		if w := tx.Writes[k]; w == nil || !w.guard {
			t.Require(k, mod)
		}
	}
	return t
}

// Keys lists the keys written, sorted.
func (tx *Transaction) Keys() []etcdschema.Key {
	keys := make([]etcdschema.Key, 0, len(tx.Writes))
	for k := range tx.Writes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, etcdschema.Key.Compare)
	return keys
}

// HoldTimes are the hold times into which the transaction puts claims. Each needs a lease. 0 is the controllers' own.
func (tx *Transaction) HoldTimes() []time.Duration {
	var all []time.Duration
	for _, w := range tx.Writes {
		if w.Held && !slices.Contains(all, w.Hold) {
			all = append(all, w.Hold)
		}
	}
	return all
}

// PutItem writes one item of a node config.
func (tx *Transaction) PutItem(name string, it desired.Item) (bool, error) {
	return tx.Put(etcdschema.DesiredKey(name, it.Key()), it, false)
}

// RemoveItem deletes one item of a node config. It returns false when there was none.
func (tx *Transaction) RemoveItem(name string, k desired.Key) bool {
	return tx.Remove(etcdschema.DesiredKey(name, k), false)
}

// PutHeld writes a released claim, which is deleted with the lease of the hold time; 0 is the controllers' own.
func (tx *Transaction) PutHeld(k etcdschema.Key, v any, hold time.Duration) error {
	old := tx.cache.entries[k]
	if _, err := tx.Put(k, v, true); err != nil {
		return err
	}
	if e := tx.cache.entries[k]; e != old {
		tx.Writes[k].Held, tx.Writes[k].Hold = true, hold
	}
	return nil
}

// Fits says that the transaction is not too large for etcd, with room for the heads.
func (tx *Transaction) Fits() bool {
	return tx.Size() <= etcdschema.MaxTxnOps && tx.Bytes+len(tx.nodes)*256 <= etcdschema.MaxTxnBytes
}

// PutShared is PutItem for an item that many nodes have.
func (tx *Transaction) PutShared(node string, s *Shared) (bool, error) {
	k := etcdschema.DesiredKey(node, s.item.Key())
	old := tx.cache.entries[k]
	if old != nil && bytes.Equal(old.Data, s.data) {
		return false, nil
	}
	if old != nil && !old.holdsOnlyItsRecord() {
		return tx.Put(k, s.item, false)
	}
	e := &Entry{Data: s.data, Value: s.item, plain: s.plain, ModRevision: unconfirmed, CreateRevision: unconfirmed}
	if old != nil {
		e.CreateRevision = old.CreateRevision
	}
	tx.cache.Set(k, e)
	tx.note(k, old, e.Data, false, false)
	return true, nil
}
