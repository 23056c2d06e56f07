// Package claim accepts objects and makes their claims.
//
// Invariants:
//
//   - Every write is guarded by compares, so that it needs no leader.
//   - A claim is created only where there is none.
//   - Addresses, MACs, VLAN ids and prefixes are released into the hold time only.
//   - An invalid object changes nothing.
package claim
