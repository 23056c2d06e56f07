// Package service is what every daemon of Weft does alike: it tells its version, serves what it knows to debuggers and to
// Prometheus, and talks to systemd.
//
// Invariants: a debug listener is reachable by its owner alone; a metrics listener serves metrics and nothing else; no file is
// replaced but a socket that nobody listens on.
package service

import "runtime/debug"

// Version is the module's version, or the commit that the program was built from (12 hex digits).
func Version() string {
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
