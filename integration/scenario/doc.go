// Package scenario holds the scenarios: readable text in <name>.txtar. A scenario declares objects, waits until they are
// programmed, proves them with packets, breaks and restarts things, and proves again. It uses real namespaces, Open vSwitch, etcd and DHCP
// clients. The tests of this package run the scenarios. integration/README.md lists their commands.
//
// Invariants: a scenario waits for events, never for time to pass. It runs in a testbed of its own, and leaves nothing behind.
package scenario
