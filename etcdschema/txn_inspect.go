package etcdschema

// Each calls fn for every write of the transaction with the encoded value, in the order in which they were added. value is nil for
// a deletion. It is for callers that show or test a transaction instead of committing it.
func (t *Txn) Each(fn func(k Key, value []byte)) {
	for _, w := range t.writes {
		if w.delete {
			fn(Key{w.key}, nil)
			continue
		}
		fn(Key{w.key}, w.value)
	}
}
