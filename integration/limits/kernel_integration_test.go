//go:build integration

package limits_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"weft/hostnet/netns"
	"weft/hostnet/object"
	"weft/hostnet/ovs/ovstest"
	"weft/integration/limits"
	"weft/integration/need"
	"weft/integration/vm/vmtest"
	"weft/model"
)

// inProcess are the kinds whose objects the kernel does not hold. Their drivers have a TestDoor of their own.
var inProcess = []object.Kind{object.KindDHCPBinding, object.KindRABinding, object.KindAnnouncement, object.KindActivation,
	object.KindMetadataBinding}

// machineLimit is how long the test of a bridge host may take in a virtual machine.
const machineLimit = 5 * time.Minute

// TestKernelOVS: objects of each kind at their limits. The kernel and Open vSwitch accept all of them from the drivers. New drivers read
// back exactly what was written, and remove all of it again.
func TestKernelOVS(t *testing.T) {
	t.Parallel()
	switches := ovstest.Start(t)
	k := &kernelHost{t: t, want: limits.Most(t, model.DriverOVS, model.MaxRouterNetworks), inside: switches.Inside, switches: switches}
	k.roundTrip()
}

// TestKernelBridge is the same with the kernel's bridges. It has fewer networks, because a virtual machine is slow.
func TestKernelBridge(t *testing.T) {
	t.Parallel()
	if vmtest.Inside(t, machineLimit, need.VLANDevice, need.BridgeTracking) {
		return
	}
	hosts, err := netns.OpenDirectory(filepath.Join(t.TempDir(), "hosts"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(hosts.Dismantle(""), hosts.Close()); err != nil {
			t.Error(err)
		}
	})
	space, err := hosts.Make("host", func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = space.Close() })
	k := &kernelHost{t: t, want: limits.Most(t, model.DriverBridge, 2), inside: space.Do}
	k.roundTrip()
}
