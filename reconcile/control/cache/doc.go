// Package cache mirrors everything below etcd's root that the controllers compute with.
//
// Invariants:
//
//   - One goroutine owns a cache.
//   - A transaction is in the cache before it is in etcd. Rolled back, it leaves no trace, in no index.
//   - Who has read something is told when it changes, whatever changed it.
//   - What a node reports takes bounded memory.
package cache
