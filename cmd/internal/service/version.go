// Package service is what every daemon of Weft does alike: it tells its version, serves what it knows to debuggers and to
// Prometheus, and talks to systemd.
//
// Invariants: a debug listener is reachable by its owner alone; a metrics listener serves metrics and nothing else; no file is
// replaced but a socket that nobody listens on.
package service

import "runtime/debug"

// linked is the version that the linker was told (-X), which only a variable can take: `make build` tells it.
var linked string

// Version is what the program was built from: what `git describe` said, or what the Go tool knows, which is the commit (12 hex
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
