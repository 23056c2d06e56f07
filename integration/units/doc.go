// Package units tests the systemd units of weftd and weft-controller as they are shipped. They run under a systemd that is the first
// process of a virtual machine.
//
// Invariants: the only change to the units is the path of the programs. The machine's own settings have no effect.
package units
