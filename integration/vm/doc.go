// Package vm boots small virtual machines with Debian's own kernel, for tests that need what the machine's kernel lacks:
// 802.1Q devices, VLAN filtering, Open vSwitch's kernel datapath, conntrack in the bridge family. Every tool of the
// machine is there, read only. What is written stays in the virtual machine's memory.
//
// Invariants:
//   - It installs nothing, and writes only to the cache folder and the virtual machine's own folder.
//   - The cache is there complete or not at all.
//   - QEMU, and user-mode Linux with all of its programs, dies with its Machine, with the context and with the program.
package vm
