// Package units tests the systemd units of weftd and weft-controller as they are shipped, under a systemd that is the first process
// of a virtual machine.
//
// Invariants: nothing of the units is changed but where the programs are; the machine's own settings play no part.
package units
