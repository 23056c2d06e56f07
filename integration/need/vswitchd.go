package need

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// vswitchdCounts is the time since boot before which ovs-vswitchd takes the machine to have no processor: it counts
// processors again when this long has passed since it last did, and takes the clock's zero for the last time (Open vSwitch
// 3.1, count_cpu_cores in lib/ovs-thread.c). With the kernel's datapath it then starts no handler threads, and every packet
// that the kernel hands up is lost, for good.
const vswitchdCounts = 10 * time.Second

// AwaitVswitchd waits until the kernel has run for long enough for an ovs-vswitchd with the kernel's datapath to be started;
// virtual machines are quicker than that, hypervisors are not. It returns the context's error if that ends first.
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
