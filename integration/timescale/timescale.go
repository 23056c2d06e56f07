// Package timescale says how much slower than usual the machine is. Waits of tests multiply their limits with it. A virtual machine
// without acceleration runs Go ten times slower than its host.
//
// Invariants: only limits are scaled, never what is measured. Without the environment variable nothing is scaled.
package timescale

import (
	"os"
	"strconv"
	"time"
)

// Variable is the name of the environment variable that holds the factor, a number from 1 to 1000.
const Variable = "WEFT_TIME_SCALE"

const most = 1000

// Factor is the factor for limits. It is 1 if the variable is not set or is not a number from 1 to 1000.
func Factor() float64 {
	f, err := strconv.ParseFloat(os.Getenv(Variable), 64)
	if err != nil || !(f >= 1 && f <= most) {
		return 1
	}
	return f
}

// Within is the limit of a measured time that a machine of usual speed must keep. Most of that time is processor time, and a slower
// machine needs several times as much. If it takes even longer, the program waits for something that it should not wait for.
func Within(d time.Duration) time.Duration {
	if Factor() > withinScale {
		return withinScale * d
	}
	return time.Duration(float64(d) * Factor())
}

// withinScale is the greatest factor of Within. It is so small that a repair which waits for the next full comparison still fails.
const withinScale = 3

// Bound is the limit of a wait: d on a machine of usual speed, longer on a slower one.
func Bound(d time.Duration) time.Duration { return time.Duration(float64(d) * Factor()) }
