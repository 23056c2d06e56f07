// Package scale measures the control plane at the size of a region: a real etcd and real controllers, each a process of its own,
// and simulated hosts, all of them in this process. A simulated host follows its slice and reports as weftd does, by the same
// client and the same writer; it has no kernel, takes no time, and holds nothing back.
//
// Invariants: everything is a bed's (package bed): nothing of the machine is touched, and nothing is left after Close. Every wait
// has an end.
package scale
