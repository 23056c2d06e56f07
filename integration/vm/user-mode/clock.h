
/*
 * What vdso.c adds to the machine's clock, kept right. This is the end of the file that makes the vDSO's page. The offsets change only when
 * somebody sets the clock. Without seccomp all system calls are this kernel's own, and its clock needs no offset.
 */
#include <linux/sizes.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <os.h>

#define CLOCK_OFFSETS 16 /* bytes: struct offsets of vdso.c */
#define CLOCK_TOLERANCE (10 * NSEC_PER_USEC) /* the clock source counts in quarters of a microsecond */

extern int using_seccomp;

static void set_clock_offset(s64 *offset, s64 now)
{
	if (abs(now - READ_ONCE(*offset)) > CLOCK_TOLERANCE)
		WRITE_ONCE(*offset, now);
}

static struct timer_list clock_timer;

static void update_clock(struct timer_list *t)
{
	s64 *offsets = page_address(um_vdso) + PAGE_SIZE - CLOCK_OFFSETS;
	s64 monotonic = ktime_get_ns();

	set_clock_offset(&offsets[0], using_seccomp ? monotonic - os_nsecs() : 0);
	set_clock_offset(&offsets[1], ktime_get_real_ns() - ktime_get_ns());
	mod_timer(t, jiffies + HZ);
}

static int __init init_clock(void)
{
	if (vdso_end - vdso_start > PAGE_SIZE - CLOCK_OFFSETS)
		panic("The vDSO leaves no room for the clock\n");
	timer_setup(&clock_timer, update_clock, TIMER_DEFERRABLE);
	update_clock(&clock_timer);
	return 0;
}
late_initcall(init_clock);
