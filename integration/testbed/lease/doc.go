// Package lease is what the testbed's DHCP clients do with a lease: their script sets addresses, routes and the MTU on the guest's link, and
// tells the testbed. It is a package of its own, because a small program starts ten times as fast in a virtual machine as a test.
//
// Invariants: the script works in the network namespace of its client, and never touches resolv.conf. An event is sent when it has been
// carried out, or when that failed.
package lease
