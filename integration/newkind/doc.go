// Package newkind shows what a new kind of intent costs: one file in each layer, and one row in the list of each. Its tests declare
// such a kind and take it from an intent in etcd to an object on a host, without a change elsewhere.
package newkind
