// Package scenario holds the scenarios: readable text in <name>.txtar that declares, converges, proves with packets,
// breaks, restarts and proves again, on real namespaces, Open vSwitch, etcd and DHCP clients. Its tests run them; the
// commands they are written in are listed in integration/README.md.
//
// Invariants: a scenario waits for events, never for time to pass; it runs alone in a bed of its own and leaves nothing.
package scenario
