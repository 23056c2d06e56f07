// Package scale measures the control plane at the size of a region. It runs a real etcd and real controllers, each as a process of
// its own, and simulates the hosts in this process. A simulated host follows its node config and reports as weftd does, with the same
// client and the same writer. It has no kernel, takes no time, and holds nothing back.
//
// Invariants:
//   - Everything belongs to a testbed (package testbed): nothing of the machine is touched, and nothing is left after Close.
//   - Every wait has an end.
package scale
