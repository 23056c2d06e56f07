// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vDSO of user-mode Linux, in place of the kernel's own. A Go program reads the clock tens of thousands of times a second, and each
 * system call costs user-mode Linux 20 to 50 microseconds. So this vDSO asks the machine's kernel, which filter.h permits for this page and
 * this clock only, and adds what clock.h has written to the end of the page. Everything else is a system call as before.
 */
#define DISABLE_BRANCH_PROFILING

#include <vdso/gettime.h>
#include <linux/time.h>
#include <asm/unistd.h>

/* What clock.h writes to the last bytes of the page, in nanoseconds. */
struct offsets {
	long long monotonic; /* this kernel's CLOCK_MONOTONIC less the machine's */
	long long realtime;  /* this kernel's CLOCK_REALTIME less its CLOCK_MONOTONIC */
};

static inline const volatile struct offsets *offsets(void)
{
	unsigned long here;

	asm("lea (%%rip), %0" : "=r"(here));
	return (const volatile struct offsets *)((here & ~4095UL) + 4096 - sizeof(struct offsets));
}

static inline long call(long number, long first, const volatile void *second)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "0"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
	return ret;
}

/*
 * The machine's CLOCK_MONOTONIC. The machine writes to the stack without asking user-mode Linux for the page. Writing there before makes
 * sure that the page is present. If user-mode Linux takes it away between the two, for example for a fork, the call fails and is repeated.
 */
static inline long long machine(void)
{
	volatile struct __kernel_timespec now;

	do {
		now.tv_sec = 0;
		now.tv_nsec = 0;
	} while (call(__NR_clock_gettime, CLOCK_MONOTONIC, &now) != 0);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int __vdso_clock_gettime(clockid_t clock, struct __kernel_timespec *ts)
{
	long long now;

	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		now = machine() + offsets()->monotonic;
		break;
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		now = machine() + offsets()->monotonic + offsets()->realtime;
		break;
	default:
		return call(__NR_clock_gettime, clock, ts);
	}
	ts->tv_sec = now / 1000000000;
	ts->tv_nsec = now % 1000000000;
	return 0;
}
int clock_gettime(clockid_t, struct __kernel_timespec *) __attribute__((weak, alias("__vdso_clock_gettime")));

int __vdso_gettimeofday(struct __kernel_old_timeval *tv, struct timezone *tz)
{
	return call(__NR_gettimeofday, (long)tv, tz);
}
int gettimeofday(struct __kernel_old_timeval *, struct timezone *) __attribute__((weak, alias("__vdso_gettimeofday")));

__kernel_old_time_t __vdso_time(__kernel_old_time_t *t)
{
	return call(__NR_time, (long)t, 0);
}
__kernel_old_time_t time(__kernel_old_time_t *t) __attribute__((weak, alias("__vdso_time")));
