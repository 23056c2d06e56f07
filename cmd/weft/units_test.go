package main

import (
	"slices"
	"strings"
	"testing"
)

// TestUnitsDoNotHoldUpTheBoot: a target is ordered after the units that it wants, except those without default dependencies
// (systemd.target(5)). A daemon that waits for etcd may take hours to start, so it must not delay the target. A daemon that cannot start
// is tried again without end (systemd.unit(5), StartLimitIntervalSec=: by default five times in ten seconds).
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
		for _, line := range []string{"Restart=always", "StartLimitIntervalSec=0", "DefaultDependencies=no", "Requires=sysinit.target", "Conflicts=shutdown.target", "Before=shutdown.target",
			"WantedBy=multi-user.target"} {
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("%s lacks %s", e.Name(), line)
			}
		}
	}
}

// mountNamespace are the settings that give a service a mount namespace of its own (systemd.exec(5)), some of them implicitly.
var mountNamespace = []string{
	"BindPaths", "BindReadOnlyPaths", "DynamicUser", "ExecPaths", "ExtensionDirectories", "ExtensionImages", "InaccessiblePaths",
	"LogNamespace", "MountAPIVFS", "MountFlags", "MountImages", "NoExecPaths", "PrivateDevices", "PrivateIPC", "PrivateMounts",
	"PrivateTmp", "PrivateUsers", "ProcSubset", "ProtectControlGroups", "ProtectHome", "ProtectKernelLogs", "ProtectKernelModules",
	"ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "RootDirectory", "RootImage",
	"TemporaryFileSystem",
}

// TestWeftdSharesTheHostsMounts: the names of routers' namespaces are mounts that must outlive weftd.
func TestWeftdSharesTheHostsMounts(t *testing.T) {
	t.Parallel()
	text, err := unitFiles.ReadFile("units/weftd.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := 0
	for line := range strings.Lines(string(text)) {
		name, _, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		settings++
		if slices.Contains(mountNamespace, name) {
			t.Errorf("%s gives weftd a mount namespace of its own", name)
		}
	}
	if settings < 20 {
		t.Errorf("%d settings were read: where is the unit?", settings)
	}
}
