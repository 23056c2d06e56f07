package need

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// vswitchdCounts is the time since boot before which ovs-vswitchd counts no processors. It counts them when this time has passed since
// the last count, and it treats the clock's zero as the last count (Open vSwitch 3.1, count_cpu_cores in lib/ovs-thread.c). If it starts
// earlier with the kernel's datapath, it starts no handler threads. Then every packet that the kernel hands up is lost, and this does not
// recover.
const vswitchdCounts = 10 * time.Second

// AwaitVswitchd waits until the kernel has run long enough to start an ovs-vswitchd with the kernel's datapath. Virtual machines boot
// faster than that, hypervisors do not. It returns the context's error if the context ends first.
func AwaitVswitchd(ctx context.Context) error {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		return fmt.Errorf("need: monotonic clock: %w", err)
	}
	left := time.NewTimer(vswitchdCounts - time.Duration(up.Nano()))
	defer left.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("need: wait for ovs-vswitchd to count processors: %w", ctx.Err())
	case <-left.C:
		return nil
	}
}
