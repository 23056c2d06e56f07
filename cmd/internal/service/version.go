// Package service is what all daemons of Weft have in common: the version, the debug and metrics listeners, and systemd.
//
// Invariants:
//   - Only the owner of a debug listener reaches it.
//   - A metrics listener serves metrics and nothing else.
//   - The only file that is ever replaced is a socket on which nobody listens.
package service

import "runtime/debug"

// linked is the version that `make build` gives to the linker (-X). It is a variable because -X sets only variables.
var linked string

// Version is what the program was built from: the output of `git describe`, or else what the Go tool knows, which is the commit (12 hex
// digits) or the module's version.
func Version() string {
	if linked != "" {
		return linked
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}
