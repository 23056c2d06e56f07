package main

import (
	"strings"
	"testing"
)

// TestUnitsDoNotHoldUpTheBoot: a target is ordered after what it wants, unless that goes without default dependencies
// (systemd.target(5)), and a daemon that waits for etcd may start for hours. One that cannot start is tried for ever
// (systemd.unit(5), StartLimitIntervalSec=: by default five times in ten seconds).
func TestUnitsDoNotHoldUpTheBoot(t *testing.T) {
	t.Parallel()
	entries, err := unitFiles.ReadDir("units")
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v: expected two units", entries, err)
	}
	for _, e := range entries {
		text, err := unitFiles.ReadFile("units/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"Restart=always", "StartLimitIntervalSec=0","DefaultDependencies=no", "Requires=sysinit.target", "Conflicts=shutdown.target", "Before=shutdown.target",
			"WantedBy=multi-user.target"} {
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("%s lacks %s", e.Name(), line)
			}
		}
	}
}
